"""Migrating on PostgreSQL, where DDL is transactional."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from hostmap_sql.dialects.base import MigrationTools

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hostmap_sql.dialects.base import Dialect
    from hostmap_sql.dialects.migration_support import Column, Creation

_TYPES = {"CHARACTER VARYING": "VARCHAR"}
_WITH_LENGTH = re.compile(r"([A-Z ]+?)(\(.*)?")


class PostgreSQLMigrationTools(MigrationTools):
    """Migrations on PostgreSQL."""

    advice = {  # noqa: RUF012 - a ClassVar of the base
        "25006": "connect to the primary, and as a role without default_transaction_read_only",
        "53100": "make room on the server's disk",
    }

    def __init__(self, dialect: Dialect) -> None:
        super().__init__(dialect)
        self._session_lock_timeout = "0"

    def begin(self, cursor: Any, lock_timeout: float) -> None:
        self.dialect.begin(cursor)
        cursor.execute("SELECT current_setting('lock_timeout')")
        self._session_lock_timeout = cursor.fetchone()[0]
        self._set_lock_timeout(cursor, f"{max(1, round(lock_timeout * 1000))}ms")

    def restore_lock_timeout(self, cursor: Any) -> None:
        self._set_lock_timeout(cursor, self._session_lock_timeout)

    def _set_lock_timeout(self, cursor: Any, value: str) -> None:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", (value,))

    def matches(self, cursor: Any, creation: Creation) -> bool:
        if creation.kind == "INDEX":
            return self.dialect.has_table(cursor, creation.name)
        cursor.execute(
            "SELECT attname::text, format_type(atttypid, atttypmod), NOT attnotnull,"
            # The collation matters for names, which are VARCHAR, not for URLs, which are TEXT.
            " format_type(atttypid, NULL) <> 'character varying' OR attcollation ="
            " (SELECT oid FROM pg_collation WHERE collname = 'C')"
            " FROM pg_attribute WHERE attrelid = to_regclass(%(name)s) AND attnum > 0"
            " AND NOT attisdropped ORDER BY attnum",
            {"name": creation.name},
        )
        rows = cursor.fetchall()
        cursor.execute(
            "SELECT conname::text FROM pg_constraint WHERE conrelid = to_regclass(%(name)s)",
            {"name": creation.name},
        )
        keys = {row[0] for row in cursor.fetchall()}
        return all(row[3] for row in rows) and creation.defines(_columns(rows), keys)

    def advise(self, cursor: Any, code: str | None) -> str | None:
        if code not in ("42501", "3F000"):
            return super().advise(cursor, code)
        cursor.execute(
            "SELECT quote_ident(current_user), current_setting('search_path'),"
            " quote_ident(current_schema()),"
            " has_schema_privilege(current_schema(), 'CREATE')"
        )
        user, path, schema, may_create = cursor.fetchone()
        if schema is None:
            return (
                f"search_path is {path}: create the first schema that it names and"
                f" run GRANT USAGE, CREATE ON SCHEMA ... TO {user}, or set another search_path"
            )
        if not may_create:
            grant = f"GRANT CREATE ON SCHEMA {schema} TO {user}"
            return f"have the owner of the database run: {grant}"
        return f"migrate as the tables' owner, or have the owner grant {user} the missing rights"


def _columns(rows: Any) -> Iterator[Column]:
    for name, type_, nullable, _ in rows:
        words, length = _WITH_LENGTH.fullmatch(type_.upper()).groups()  # type: ignore[union-attr]
        yield name, _TYPES.get(words, words) + (length or ""), nullable
