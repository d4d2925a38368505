"""yoyo on a connection of the library, and yoyo's own tables."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from yoyo import internalmigrations
from yoyo.connections import DatabaseURI
from yoyo.internalmigrations import v2

from hostmap_sql.dialects.migration_support import RECORD, RECORD_DROP, SCHEMA_VERSION
from hostmap_sql.errors import DatabaseError

if TYPE_CHECKING:
    from hostmap_sql.dialects.base import Dialect
    from hostmap_sql.runtime.dbapi import Connection, Cursor

YOYO_TABLE = "_yoyo_migration"

_NEWEST = 2
"""The version of the tables that `make_tables` makes."""


def backend_on(connection: Connection, dialect: Dialect, database: str) -> Any:
    """Make a yoyo backend that runs on this connection, leaves it open, and begins no transactions.

    yoyo applies and records a migration in two transactions: killed in between, it leaves a
    migration that can never be applied again. So the run alone begins and ends transactions.
    """
    base: Any = dialect.yoyo_backend()

    class Backend(base):  # type: ignore[misc]
        def connect(self, _uri: object) -> Connection:
            return connection

        def cursor(self) -> Cursor:
            return dialect.cursor(connection)  # gives tuples, whatever an external pool has set

        def transaction(
            self,
            rollback_on_exit: bool = False,  # noqa: ARG002, FBT001, FBT002 - yoyo's signature
        ) -> AbstractContextManager[None]:
            return nullcontext()

        def disable_transactions(self) -> AbstractContextManager[None]:
            return nullcontext()

        def copy(self) -> Any:
            # yoyo would open another connection for each migration.
            return nullcontext(self)

        def ensure_internal_schema_updated(self) -> None:
            """Do nothing: `make_tables` does it, once."""

    uri = DatabaseURI(dialect.name, None, None, None, None, database, {})
    return Backend(uri, YOYO_TABLE)


def make_tables(backend: Any, dialect: Dialect) -> None:
    """Create yoyo's missing tables, even after a run that was killed while creating them.

    yoyo itself first creates the tables of its first version, and cannot resume that.

    :raises DatabaseError: the tables are those of a newer yoyo.
    """
    _upgrade(backend, dialect)
    makers = {
        YOYO_TABLE: v2.create_migration_table,
        backend.log_table: v2.create_log_table,
        backend.version_table: v2.create_version_table,
    }
    for table, make in makers.items():
        if not dialect.has_table(backend.cursor(), table):
            make(backend)
    newest = backend.execute(SCHEMA_VERSION).fetchone()[0]
    if newest is None:
        internalmigrations.mark_schema_version(backend, _NEWEST)
    elif newest > _NEWEST:
        raise DatabaseError(
            f"yoyo's tables have version {newest}, and the yoyo that is installed knows only "
            f"version {_NEWEST}: pip install --upgrade yoyo-migrations"
        )


def _upgrade(backend: Any, dialect: Dialect) -> None:
    """Upgrade the table of yoyo's first version, or drop it if it is empty."""
    has_table = dialect.has_table
    if not has_table(backend.cursor(), YOYO_TABLE):
        return
    rows = backend.execute(RECORD)
    columns, first = [column[0] for column in rows.description], rows.fetchone()
    if "migration_hash" in columns:
        return
    if first is None:
        backend.execute(RECORD_DROP)
    else:
        internalmigrations.upgrade(backend)
