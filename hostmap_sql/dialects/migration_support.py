"""Parses the statements of our migrations, and holds those for yoyo's own tables."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

# yoyo's own tables, with the placeholders of its backends.
LOCK_ROW = "SELECT pid, ctime FROM yoyo_lock WHERE locked = 1"
LOCK_INSERT = "INSERT INTO yoyo_lock (locked, ctime, pid) VALUES (1, :now, :pid)"
LOCK_DELETE = "DELETE FROM yoyo_lock WHERE locked = 1 AND pid = :pid"
APPLIED = "SELECT migration_id FROM _yoyo_migration"
RECORD = "SELECT * FROM _yoyo_migration"
RECORD_DROP = "DROP TABLE _yoyo_migration"
SCHEMA_VERSION = "SELECT MAX(version) FROM _yoyo_version"

_CREATE = re.compile(r"CREATE (TABLE|INDEX) (\w+)")
_INSERT_REVISION = re.compile(r"^INSERT INTO mapping_revision ", re.MULTILINE)
_BODY = re.compile(r"\((.*)\n\)", re.DOTALL)
_COLUMN = re.compile(r"(\w+)\s+([A-Z]+(?:\(\d+\)(?: WITH TIME ZONE)?)?)")
_KEY = re.compile(r"(?:KEY|CONSTRAINT) (\w+)")

Column = tuple[str, str, bool]
"""The name of a column, its type as in our migrations, and whether it may be NULL."""


def inserts_revision_row(statement: str) -> bool:
    """Whether a statement inserts the row of `mapping_revision`."""
    return _INSERT_REVISION.search(statement) is not None


@dataclass(frozen=True)
class Creation:
    """A CREATE TABLE or CREATE INDEX of a migration.

    :param kind: TABLE or INDEX.
    :param name: the name of the table or index.
    :param statement: the statement, without its semicolon and the text before it.
    """

    kind: str
    name: str
    statement: str

    @classmethod
    def parse(cls, statement: str) -> Creation | None:
        """Parse a statement; None if it creates neither a table nor an index."""
        found = _CREATE.search(statement)
        if found is None:
            return None
        return cls(found[1], found[2], statement[found.start() :].rstrip().removesuffix(";"))

    def defines(self, columns: Iterable[Column], keys: AbstractSet[str]) -> bool:
        """Whether the statement lists exactly these columns, and no key that is missing here.

        Reads CREATE TABLE as our migrations write it: one column or key a line.
        """
        body = _BODY.search(self.statement)
        if body is None:
            return False
        own_columns, own_keys = [], set()
        for line in filter(None, map(str.strip, body[1].splitlines())):
            key, column = _KEY.match(line), _COLUMN.match(line)
            if key:
                own_keys.add(key[1])
            elif column and column[1] != "PRIMARY":
                own_columns.append((column[1], column[2], "NOT NULL" not in line))
        return own_columns == [*columns] and own_keys <= keys
