"""Reads the definition of the tables from the data dictionary of each database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.support.backends.expected_schema import Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.backends.base import Backend


@dataclass(frozen=True)
class Catalog:
    """The definition of all tables but those of yoyo."""

    columns: tuple[tuple[Any, ...], ...]
    """(table, column, type, nullable, collation), in the order of the table."""
    keys: frozenset[tuple[Any, ...]]
    """(table, kind, name of an index, columns)."""
    foreign_keys: frozenset[tuple[Any, ...]]
    """(table, column, referenced table, referenced column, delete rule)."""
    details: frozenset[tuple[Any, ...]]
    """Checks, engines and definitions, as the database prints them."""

    @property
    def tables(self) -> set[str]:
        return {row[0] for row in self.columns}

    def shape(self) -> dict[str, Table]:
        """Return the tables in terms that are the same for every database."""
        return {table: self._shape(table) for table in self.tables}

    def _shape(self, table: str) -> Table:
        keys: dict[str, set[tuple[str, ...]]] = {"primary": set(), "unique": set(), "index": set()}
        for name, kind, _, columns in self.keys:
            if name == table:
                keys[kind].add(tuple(columns.split(",")))
        (primary,) = keys["primary"]
        return Table(
            tuple(sorted((row[1], bool(row[3])) for row in self.columns if row[0] == table)),
            primary,
            frozenset(keys["unique"]),
            frozenset(keys["index"]),
            frozenset(row[1:4] for row in self.foreign_keys if row[0] == table),
        )


@dataclass(frozen=True)
class Dictionary:
    """The queries of one database's data dictionary, and its names for the types of columns."""

    columns: str
    keys: str
    foreign_keys: str
    details: tuple[str, ...]
    types: Mapping[str, tuple[str, str]]
    """The type and the collation of a column, by its purpose."""


def catalog(backend: Backend) -> Catalog:
    """Read the definition of a database's tables."""
    ask = DICTIONARIES[backend.kind]
    return Catalog(
        tuple(row for row in backend.query(ask.columns) if "yoyo" not in row[0]),
        *(
            frozenset(row for text in texts for row in backend.query(text) if "yoyo" not in row[0])
            for texts in ([ask.keys], [ask.foreign_keys], ask.details)
        ),
    )


_SQLITE = Dictionary(
    columns="""
SELECT t.name, c.name, c.type, c."notnull" = 0, ''
  FROM sqlite_master t, pragma_table_xinfo(t.name) c WHERE t.type = 'table'
 ORDER BY t.name, c.cid""",
    # A primary key that is the rowid has no index, so it is read from the columns.
    keys="""
SELECT name, 'primary', '', group_concat(part)
  FROM (SELECT t.name, c.name AS part FROM sqlite_master t, pragma_table_xinfo(t.name) c
         WHERE t.type = 'table' AND c.pk > 0 ORDER BY t.name, c.pk)
 GROUP BY name
 UNION ALL
SELECT name, CASE origin WHEN 'u' THEN 'unique' ELSE 'index' END,
       CASE origin WHEN 'u' THEN '' ELSE key END, group_concat(part)
  FROM (SELECT t.name, k.name AS key, k.origin, c.name AS part
          FROM sqlite_master t, pragma_index_list(t.name) k, pragma_index_info(k.name) c
         WHERE t.type = 'table' AND k.origin <> 'pk' ORDER BY t.name, k.name, c.seqno)
 GROUP BY name, key, origin""",
    foreign_keys="""
SELECT t.name, f."from", f."table", f."to", f.on_delete
  FROM sqlite_master t, pragma_foreign_key_list(t.name) f""",
    details=("SELECT tbl_name, name, sql FROM sqlite_master",),
    types={
        "uuid": ("TEXT", ""),
        "name": ("TEXT", ""),
        "word": ("TEXT", ""),
        "url": ("TEXT", ""),
        "flag": ("INTEGER", ""),
        "one": ("INTEGER", ""),
        "revision": ("INTEGER", ""),
        "time": ("TEXT", ""),
    },
)

_MYSQL = Dictionary(
    # MariaDB prints the display width of integers, MySQL no longer does.
    columns=r"""
SELECT table_name, column_name, REGEXP_REPLACE(column_type, 'int\\([0-9]+\\)', 'int'),
       is_nullable = 'YES', COALESCE(collation_name, '')
  FROM information_schema.columns WHERE table_schema = DATABASE()
 ORDER BY table_name, ordinal_position""",
    keys="""
SELECT table_name,
       CASE WHEN index_name = 'PRIMARY' THEN 'primary' WHEN non_unique THEN 'index'
            ELSE 'unique' END,
       CASE WHEN non_unique THEN index_name ELSE '' END,
       GROUP_CONCAT(column_name ORDER BY seq_in_index)
  FROM information_schema.statistics WHERE table_schema = DATABASE()
 GROUP BY table_name, index_name, non_unique""",
    # Both rules refuse the delete, here at the same moment.
    foreign_keys="""
SELECT k.table_name, k.column_name, k.referenced_table_name, k.referenced_column_name,
       CASE r.delete_rule WHEN 'RESTRICT' THEN 'NO ACTION' ELSE r.delete_rule END
  FROM information_schema.key_column_usage k JOIN information_schema.referential_constraints r
    ON r.constraint_schema = k.constraint_schema AND r.constraint_name = k.constraint_name
 WHERE k.constraint_schema = DATABASE()""",
    details=(
        """
SELECT table_name, constraint_name, constraint_type
  FROM information_schema.table_constraints WHERE constraint_schema = DATABASE()""",
        """
SELECT constraint_name, check_clause
  FROM information_schema.check_constraints WHERE constraint_schema = DATABASE()""",
        """
SELECT table_name, engine, table_collation
  FROM information_schema.tables WHERE table_schema = DATABASE()""",
    ),
    types={
        "uuid": ("varchar(36)", "utf8mb4_bin"),
        "name": ("varchar(255)", "utf8mb4_bin"),
        "word": ("varchar(16)", "utf8mb4_bin"),
        "url": ("text", "utf8mb4_bin"),
        "flag": ("tinyint", ""),
        "one": ("int", ""),
        "revision": ("bigint", ""),
        "time": ("datetime(6)", ""),
    },
)

_POSTGRESQL = Dictionary(
    columns="""
SELECT t.relname, c.attname, format_type(c.atttypid, c.atttypmod), NOT c.attnotnull,
       COALESCE((SELECT collname FROM pg_collation l WHERE l.oid = c.attcollation), '')
  FROM pg_attribute c JOIN pg_class t ON t.oid = c.attrelid
 WHERE t.relnamespace = 'public'::regnamespace AND t.relkind = 'r' AND c.attnum > 0
 ORDER BY t.relname, c.attnum""",
    keys="""
SELECT t.relname,
       CASE WHEN k.indisprimary THEN 'primary' WHEN k.indisunique THEN 'unique' ELSE 'index' END,
       CASE WHEN k.indisunique THEN '' ELSE i.relname END,
       (SELECT string_agg(c.attname, ',' ORDER BY p.position)
          FROM unnest(k.indkey::int[]) WITH ORDINALITY AS p (number, position)
          JOIN pg_attribute c ON c.attrelid = t.oid AND c.attnum = p.number)
  FROM pg_index k JOIN pg_class t ON t.oid = k.indrelid JOIN pg_class i ON i.oid = k.indexrelid
 WHERE t.relnamespace = 'public'::regnamespace""",
    foreign_keys="""
SELECT f.conrelid::regclass::text, c.attname, f.confrelid::regclass::text, r.attname,
       CASE WHEN f.confdeltype IN ('a', 'r') THEN 'NO ACTION' ELSE f.confdeltype::text END
  FROM pg_constraint f
  JOIN pg_attribute c ON c.attrelid = f.conrelid AND c.attnum = f.conkey[1]
  JOIN pg_attribute r ON r.attrelid = f.confrelid AND r.attnum = f.confkey[1]
 WHERE f.contype = 'f' AND f.connamespace = 'public'::regnamespace""",
    details=(
        """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
  FROM pg_constraint WHERE connamespace = 'public'::regnamespace""",
        "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    ),
    types={
        "uuid": ("character varying(36)", "C"),
        "name": ("character varying(255)", "C"),
        "word": ("character varying(16)", "C"),
        "url": ("text", "default"),
        "flag": ("boolean", ""),
        "one": ("integer", ""),
        "revision": ("bigint", ""),
        "time": ("timestamp(6) with time zone", ""),
    },
)

DICTIONARIES: Mapping[str, Dictionary] = {
    "sqlite": _SQLITE,
    "mysql": _MYSQL,
    "mariadb": _MYSQL,
    "postgresql": _POSTGRESQL,
}
