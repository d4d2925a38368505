"""What migrating has to know about one kind of database, beside its dialect."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from hostmap_sql.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hostmap_sql.dialects.base import Dialect

# yoyo's own tables, in the form in which its backends take statements.
LOCK_ROW = "SELECT pid, ctime FROM yoyo_lock WHERE locked = 1"
LOCK_INSERT = "INSERT INTO yoyo_lock (locked, ctime, pid) VALUES (1, :now, :pid)"
LOCK_DELETE = "DELETE FROM yoyo_lock WHERE locked = 1 AND pid = :pid"
APPLIED = "SELECT migration_id FROM _yoyo_migration"
RECORD = "SELECT * FROM _yoyo_migration"
RECORD_DROP = "DROP TABLE _yoyo_migration"
SCHEMA_VERSION = "SELECT max(version) FROM _yoyo_version"

_CREATED = re.compile(r"CREATE (TABLE|INDEX) (\w+)")
_REVISION_ROW = re.compile(r"^INSERT INTO mapping_revision ", re.MULTILINE)
_BODY = re.compile(r"\((.*)\n\)", re.DOTALL)
_COLUMN = re.compile(r"(\w+)\s+([A-Z]+(?:\(\d+\)(?: WITH TIME ZONE)?)?)")
_NAMED = re.compile(r"(?:KEY|CONSTRAINT) (\w+)")


@dataclass(frozen=True)
class Form:
    """The form of a table: its columns, their types and whether they may be NULL, and its keys.

    It is read from a migration's CREATE TABLE, in the form in which ours are written.
    """

    columns: tuple[tuple[str, str, bool], ...]
    names: frozenset[str]

    @classmethod
    def of(cls, statement: str) -> Form | None:
        """The form that a CREATE TABLE asks for; None if it cannot be read."""
        body = _BODY.search(statement)
        if body is None:
            return None
        columns, names = [], set()
        for line in filter(None, map(str.strip, body[1].splitlines())):
            named, column = _NAMED.match(line), _COLUMN.match(line)
            if named:
                names.add(named[1])
            elif column and column[1] != "PRIMARY":
                columns.append((column[1], column[2], "NOT NULL" not in line))
        return cls(tuple(columns), frozenset(names))


class MigrationTools(ABC):
    """What migrating has to know about one kind of database."""

    ddl_is_transactional: ClassVar[bool] = True
    """Whether a rollback undoes DDL. If so, the lock and all migrations are one transaction."""

    savepoint: ClassVar[str] = "SAVEPOINT hostmap_sql"
    back_to_savepoint: ClassVar[str] = "ROLLBACK TO SAVEPOINT hostmap_sql"

    advice: ClassVar[Mapping[str, str]] = {}
    """What to do about a failed migration, by the code of the failure."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect

    # --- the lock -----------------------------------------------------------------------------

    def begin(self, cursor: Any, patience: float) -> None:  # noqa: ARG002 - SQLite's is fixed
        """Begin the transaction of a run, that waits so many seconds at most for a lock."""
        self.dialect.begin(cursor)

    def be_patient(self, cursor: Any) -> None:  # noqa: B027 - SQLite's is fixed
        """From here on, wait for locks as long as the session did before."""

    def lock_session(self, cursor: Any) -> bool | None:
        """Take, without waiting, a lock that ends with the session. None: there is none here.

        Only for databases whose DDL is not transactional.
        """
        raise NotImplementedError

    def unlock_session(self, cursor: Any) -> None:
        """Give that lock back."""
        raise NotImplementedError

    def server_number(self, cursor: Any) -> int:
        """A number of 30 bits for the server on which such locks exclude each other."""
        raise NotImplementedError

    # --- looking ------------------------------------------------------------------------------

    def made(self, cursor: Any, statement: str) -> bool:
        """Whether what a statement makes is there already, exactly as it makes it.

        Known are tables, indexes, and the row of `mapping_revision`.
        """
        if _REVISION_ROW.search(statement):
            cursor.execute(self.dialect.sql[Statement.REVISION_GET])
            return cursor.fetchone() is not None
        created = _CREATED.search(statement)
        if created is None:
            return False
        statement = statement[created.start() :].rstrip().removesuffix(";")
        return self._made(cursor, created[1], created[2], statement)

    def gone(self, cursor: Any, statement: str) -> bool:
        """Whether a statement makes a table, and there is no such table."""
        created = _CREATED.search(statement)
        if created is None or created[1] != "TABLE":
            return False
        return not self.dialect.has_table(cursor, created[2])

    @abstractmethod
    def _made(self, cursor: Any, kind: str, name: str, statement: str) -> bool:
        """Whether the table or index of this name is what the statement makes."""

    # --- explaining ---------------------------------------------------------------------------

    def advise(self, cursor: Any, code: str | None) -> str | None:  # noqa: ARG002 - some ask
        """What to do about a failure with this code, in a clause; None if nothing is known."""
        return self.advice.get(code or "")


def as_made(form: Form | None, columns: Iterable[tuple[str, str, bool]], names: set[str]) -> bool:
    """Whether these are the columns and keys that a statement asks for."""
    return form is not None and form.columns == tuple(columns) and form.names <= names
