"""The rights of accounts on PostgreSQL: the grants of a role, and the account's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hostmap_sql.dialects.postgresql.session import qualified
from hostmap_sql.errors import DatabaseError
from hostmap_sql.sql.rights import TABLES, YOYO_TABLES, grant, rights_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_COLUMNS = qualified("""
SELECT attname
  FROM pg_catalog.pg_attribute
 WHERE attrelid = pg_catalog.to_regclass(%(table)s)
   AND attnum > 0 AND NOT attisdropped
   AND pg_catalog.has_column_privilege(attrelid, attnum, 'SELECT')""")

# A schema that is not in the search path may hold another directory.
_HIDDEN_SCHEMA = qualified("""
SELECT n.nspname
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relname = %(table)s
   AND NOT pg_catalog.has_schema_privilege(n.oid, 'USAGE')
   AND (n.nspname = CURRENT_USER
        OR pg_catalog.strpos(pg_catalog.current_setting('search_path'), n.nspname::pg_catalog.text)
           > 0)""")

_OPEN_SCHEMAS = qualified("""
SELECT pg_catalog.quote_ident(n.nspname::pg_catalog.text)
  FROM unnest(pg_catalog.current_schemas(false)) WITH ORDINALITY AS schema (name, number)
  JOIN pg_catalog.pg_namespace n ON n.nspname = schema.name
 WHERE pg_catalog.has_schema_privilege('public', n.oid, 'CREATE')
 ORDER BY schema.number""")

# The schema of the tables or, before they exist, the one in which they will be created.
_PLACE = qualified("""
SELECT pg_catalog.quote_ident(n.nspname::pg_catalog.text),
       pg_catalog.quote_ident(pg_catalog.current_database()::pg_catalog.text),
       pg_catalog.quote_ident(%(user)s::pg_catalog.text),
       pg_catalog.has_schema_privilege('public', n.oid, 'CREATE')
  FROM pg_catalog.pg_namespace n
 WHERE n.oid = COALESCE(
           (SELECT c.relnamespace FROM pg_catalog.pg_class c
             WHERE c.oid = pg_catalog.to_regclass('host_mapping')),
           (SELECT s.oid FROM pg_catalog.pg_namespace s
             WHERE s.nspname = pg_catalog.current_schema()))""")

_NO_SCHEMA = "search_path names no schema that exists: create one, or set another search_path"


def readable_columns(cursor: Any, table: str) -> frozenset[str]:
    """Return the columns of a table that this account may read."""
    return frozenset(row[0] for row in cursor.execute(_COLUMNS, {"table": table}).fetchall())


def hidden_schema(cursor: Any, table: str) -> str | None:
    """Return the schema that holds a table if this account may not use the schema; or None."""
    row = cursor.execute(_HIDDEN_SCHEMA, {"table": table}).fetchone()
    return row and str(row[0])


def open_schemas(cursor: Any) -> list[str]:
    """Return the schemas of the search path in which every account may create."""
    return [str(row[0]) for row in cursor.execute(_OPEN_SCHEMAS).fetchall()]


def grants(cursor: Any, role: str, user: str, *, urls: bool) -> Iterator[str]:
    """Yield the statements that grant an account the rights of a role."""
    row = cursor.execute(_PLACE, {"user": user}).fetchone()
    if row is None:
        raise DatabaseError(_NO_SCHEMA)
    schema, database, account, is_open = row
    if is_open:
        # Otherwise any account could create the tables there before the owner does.
        yield f"REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC"
    yield f"GRANT CONNECT ON DATABASE {database} TO {account}"
    if schema != "public":
        yield f"ALTER ROLE {account} IN DATABASE {database} SET search_path = {schema}"
    if role == "owner":
        yield f"GRANT USAGE, CREATE ON SCHEMA {schema} TO {account}"
        for table in (*TABLES, *YOYO_TABLES):
            if cursor.execute("SELECT pg_catalog.to_regclass(%s)", (table,)).fetchone()[0]:
                yield f"ALTER TABLE {schema}.{table} OWNER TO {account}"
        return
    yield f"GRANT USAGE ON SCHEMA {schema} TO {account}"
    for table, rights in rights_of(role, urls=urls).items():
        yield grant(rights, f"{schema}.{table}", account)
