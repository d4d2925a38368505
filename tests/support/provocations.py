"""How to make each kind of database raise the failures that matter, and what each of them means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hostmap_sql.dialects.base import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Provocation:
    """Statements of which the last one fails, by this code, which means this."""

    statements: tuple[str, ...]
    code: str
    fault: Fault


INSERT_HOST = "INSERT INTO host_mapping (host, cell_uuid, revision, created_at) VALUES "
CELL = "5f7ccc29-a9eb-417c-865e-b9bd78a72dcc"
NO_CELL = "99999999-9999-4999-8999-999999999999"
TIME = "2026-01-01 00:00:00"

COMMON: Mapping[str, tuple[str, ...]] = {
    "duplicate": (f"{INSERT_HOST} ('taken', '{CELL}', 1, '{TIME}')",),
    "foreign key": (f"{INSERT_HOST} ('a', '{NO_CELL}', 1, '{TIME}')",),
    "foreign key, deleting": (f"DELETE FROM cell_mapping WHERE uuid = '{CELL}'",),
    "null": (f"{INSERT_HOST} ('a', '{CELL}', NULL, '{TIME}')",),
    "check": ("INSERT INTO mapping_revision (id, revision, pruned_revision) VALUES (2, 0, 0)",),
    "too long": (f"{INSERT_HOST} ('{'x' * 256}', '{CELL}', 1, '{TIME}')",),
    "no such table": ("SELECT * FROM no_such_table",),
    "no such column": ("SELECT no_such_column FROM host_mapping",),
}
"""What is said the same way to all of them."""

_MYSQL = {
    "duplicate": ("1062", Fault.PERMANENT),
    "foreign key": ("1452", Fault.PERMANENT),
    "foreign key, deleting": ("1451", Fault.PERMANENT),
    "null": ("1048", Fault.PERMANENT),
    "too long": ("1406", Fault.PERMANENT),
    "no such table": ("1146", Fault.NO_TABLE),
    "no such column": ("1054", Fault.NO_TABLE),
}
_READ_ONLY = ("SET SESSION TRANSACTION READ ONLY", "UPDATE mapping_revision SET revision = 1")
_NOWAIT = ("SELECT * FROM mapping_revision WHERE id = 1 FOR UPDATE NOWAIT",)

CODES: Mapping[str, Mapping[str, tuple[str, Fault]]] = {
    "sqlite": {
        "duplicate": ("SQLITE_CONSTRAINT_PRIMARYKEY", Fault.PERMANENT),
        "foreign key": ("SQLITE_CONSTRAINT_FOREIGNKEY", Fault.PERMANENT),
        "foreign key, deleting": ("SQLITE_CONSTRAINT_FOREIGNKEY", Fault.PERMANENT),
        "null": ("SQLITE_CONSTRAINT_NOTNULL", Fault.PERMANENT),
        "check": ("SQLITE_CONSTRAINT_CHECK", Fault.PERMANENT),
        "too long": ("SQLITE_CONSTRAINT_CHECK", Fault.PERMANENT),
        "no such table": ("SQLITE_ERROR", Fault.NO_TABLE),
        "no such column": ("SQLITE_ERROR", Fault.NO_TABLE),
    },
    "mysql": _MYSQL | {"check": ("3819", Fault.PERMANENT)},
    "mariadb": _MYSQL | {"check": ("4025", Fault.PERMANENT)},
    "postgresql": {
        "duplicate": ("23505", Fault.PERMANENT),
        "foreign key": ("23503", Fault.PERMANENT),
        "foreign key, deleting": ("23503", Fault.PERMANENT),
        "null": ("23502", Fault.PERMANENT),
        "check": ("23514", Fault.PERMANENT),
        "too long": ("22001", Fault.PERMANENT),
        "no such table": ("42P01", Fault.NO_TABLE),
        "no such column": ("42703", Fault.NO_TABLE),
    },
}
"""By which code each of them answers to that, and what it means."""

OWN: Mapping[str, Mapping[str, Provocation]] = {
    "sqlite": {
        "read only": Provocation(
            ("PRAGMA query_only = ON", "UPDATE mapping_revision SET revision = 1"),
            "SQLITE_READONLY",
            Fault.PERMANENT,
        ),
        "held by another": Provocation(
            ("PRAGMA busy_timeout = 1", "BEGIN IMMEDIATE"), "SQLITE_BUSY", Fault.AGAIN
        ),
    },
    "mysql": {
        "read only": Provocation(_READ_ONLY, "1792", Fault.RECONNECT),
        "held by another": Provocation(_NOWAIT, "3572", Fault.AGAIN),
        "statement time": Provocation(
            ("SELECT /*+ MAX_EXECUTION_TIME(1) */ * FROM host_mapping WHERE SLEEP(1) = 0",),
            "3024",
            Fault.AGAIN,
        ),
    },
    "mariadb": {
        "read only": Provocation(_READ_ONLY, "1792", Fault.RECONNECT),
        "held by another": Provocation(_NOWAIT, "1205", Fault.AGAIN),
        "statement time": Provocation(
            ("SET STATEMENT max_statement_time = 0.01 FOR SELECT SLEEP(1) FROM host_mapping",),
            "1969",
            Fault.AGAIN,
        ),
    },
    "postgresql": {
        "read only": Provocation(
            (
                "SET default_transaction_read_only = on",
                "UPDATE mapping_revision SET revision = 1",
            ),
            "25006",
            Fault.RECONNECT,
        ),
        "held by another": Provocation(_NOWAIT, "55P03", Fault.AGAIN),
        "statement time": Provocation(
            ("SET statement_timeout = 10", "SELECT pg_sleep(1)"), "57014", Fault.AGAIN
        ),
    },
}
"""What has to be said to each of them in its own way."""


def provocation(kind: str, name: str) -> Provocation:
    """How to bring about a failure on this kind of database."""
    if name in COMMON:
        return Provocation(COMMON[name], *CODES[kind][name])
    return OWN[kind][name]


NAMES = (*COMMON, "read only", "held by another")
"""Those that every kind of database can fail by."""
