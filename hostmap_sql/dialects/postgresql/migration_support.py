"""Migrating on PostgreSQL, where DDL is transactional."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from hostmap_sql.dialects.base import MigrationTools
from hostmap_sql.dialects.postgresql.session import qualified
from hostmap_sql.errors import DatabaseError
from hostmap_sql.sql.rights import TABLES, YOYO_TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hostmap_sql.dialects.base import Dialect
    from hostmap_sql.dialects.migration_support import Column, Creation

_TYPES = {"CHARACTER VARYING": "VARCHAR"}

# Without pg_catalog in the path, PostgreSQL searches it first, before the types, collations and
# functions of other accounts.
_SAFE_PATH = qualified("""
SELECT pg_catalog.set_config('search_path', pg_catalog.array_to_string(ARRAY(
           SELECT pg_catalog.quote_ident(schema.name::pg_catalog.text)
             FROM unnest(pg_catalog.current_schemas(false))
                  WITH ORDINALITY AS schema (name, number)
            WHERE schema.name <> 'pg_catalog'
            ORDER BY schema.number), ', '), true)""")

# The collation matters for names, which are VARCHAR, not for URLs, which are TEXT.
_COLUMNS = qualified("""
SELECT attname::pg_catalog.text, pg_catalog.format_type(atttypid, atttypmod), NOT attnotnull,
       pg_catalog.format_type(atttypid, NULL) <> 'character varying' OR attcollation =
       (SELECT oid FROM pg_catalog.pg_collation
         WHERE collname = 'C' AND collnamespace = 'pg_catalog'::pg_catalog.regnamespace)
  FROM pg_catalog.pg_attribute
 WHERE attrelid = pg_catalog.to_regclass(%(name)s) AND attnum > 0 AND NOT attisdropped
 ORDER BY attnum""")

_CONSTRAINTS = qualified("""
SELECT conname::pg_catalog.text
  FROM pg_catalog.pg_constraint
 WHERE conrelid = pg_catalog.to_regclass(%(name)s)""")

_PLACE = """
SELECT pg_catalog.quote_ident(CURRENT_USER::pg_catalog.text),
       pg_catalog.current_setting('search_path'),
       pg_catalog.quote_ident(pg_catalog.current_schema()::pg_catalog.text),
       pg_catalog.has_schema_privilege(
           pg_catalog.current_schema()::pg_catalog.text, 'CREATE')"""

# Where every account may create, only the tables of these owners are trusted: this account, the
# owners of the schema and of the database, and superusers.
_FOREIGN_TABLE = qualified("""
SELECT pg_catalog.quote_ident(c.relname::pg_catalog.text),
       pg_catalog.quote_ident(owner.rolname::pg_catalog.text),
       pg_catalog.quote_ident(n.nspname::pg_catalog.text)
  FROM (SELECT pg_catalog.to_regclass(name) AS id
          FROM unnest(%(tables)s::pg_catalog.text[]) AS ours (name)) ours
  JOIN pg_catalog.pg_class c ON c.oid = ours.id
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_roles owner ON owner.oid = c.relowner
  JOIN pg_catalog.pg_database d ON d.datname = pg_catalog.current_database()
 WHERE pg_catalog.has_schema_privilege('public', n.oid, 'CREATE')
   AND owner.rolname <> CURRENT_USER AND NOT owner.rolsuper
   AND c.relowner <> n.nspowner AND c.relowner <> d.datdba
 LIMIT 1""")

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

    def refuse_foreign_tables(self, cursor: Any) -> None:
        tables = [*TABLES, *YOYO_TABLES]
        row = cursor.execute(_FOREIGN_TABLE, {"tables": tables}).fetchone()
        if row is not None:
            table, owner, schema = row
            raise DatabaseError(
                f"table {table} belongs to {owner}, who may run code as this account through it: "
                f"run REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC, then have the table dropped or "
                "given to the owner of the directory"
            )

    def begin(self, cursor: Any, lock_timeout: float) -> None:
        self.dialect.begin(cursor)
        cursor.execute(_SAFE_PATH)
        cursor.execute("SELECT pg_catalog.current_setting('lock_timeout')")
        self._session_lock_timeout = cursor.fetchone()[0]
        self._set_lock_timeout(cursor, f"{max(1, round(lock_timeout * 1000))}ms")

    def restore_lock_timeout(self, cursor: Any) -> None:
        self._set_lock_timeout(cursor, self._session_lock_timeout)

    def _set_lock_timeout(self, cursor: Any, value: str) -> None:
        cursor.execute("SELECT pg_catalog.set_config('lock_timeout', %s, true)", (value,))

    def matches(self, cursor: Any, creation: Creation) -> bool:
        if creation.kind == "INDEX":
            return self.dialect.has_table(cursor, creation.name)
        cursor.execute(_COLUMNS, {"name": creation.name})
        rows = cursor.fetchall()
        cursor.execute(_CONSTRAINTS, {"name": creation.name})
        keys = {row[0] for row in cursor.fetchall()}
        return all(row[3] for row in rows) and creation.defines(_columns(rows), keys)

    def advise(self, cursor: Any, code: str | None) -> str | None:
        if code not in ("42501", "3F000"):
            return super().advise(cursor, code)
        cursor.execute(_PLACE)
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
