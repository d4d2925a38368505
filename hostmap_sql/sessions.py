"""Sessions: where statements run. The one place where they are executed and failures translated.

The DAOs are written once, against `Session`: that is either the `Database`, which takes a
connection for each read and makes a transaction of each write, or a `Transaction`, in which all of
it happens.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import contextmanager
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, TypeVar

from hostmap_sql.dialects.process import own_id, refuse_elsewhere
from hostmap_sql.dialects.watch import WATCH
from hostmap_sql.errors import (
    DatabaseError,
    DatabaseUnavailable,
    OutcomeUnknown,
    SchemaOutOfDate,
)
from hostmap_sql.leases import close_quietly, refuse_alien, roll_back_quietly
from hostmap_sql.parts import BULK_SIZE, in_parts
from hostmap_sql.record import ChangeRecord
from hostmap_sql.statements import Statement
from hostmap_sql.translator import Translator, fetch
from hostmap_sql.uuids import new_uuid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from hostmap_sql.dialects.base import Connection, Cursor, Dialect, Parameters, Row
    from hostmap_sql.rows import Fits

T = TypeVar("T")

NO_PARAMETERS: Parameters = {}

HAS_ENDED = "the transaction has ended: begin another one"


class Session(ABC):
    """Where statements run: a database, or one transaction in it."""

    dialect: Dialect
    name: str
    """What messages call the database."""

    @abstractmethod
    def all(
        self, statement: Statement, parameters: Parameters = NO_PARAMETERS, fits: Fits | None = None
    ) -> Sequence[Row]:
        """Run a SELECT and return its rows, each of which has to fit what was asked."""

    @abstractmethod
    def write(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in a transaction, which may be repeated as a whole, and return its result."""

    def one(
        self, statement: Statement, parameters: Parameters = NO_PARAMETERS, fits: Fits | None = None
    ) -> Row | None:
        """Run a SELECT and return its first row, None if it has none."""
        rows = self.all(statement, parameters, fits)
        return rows[0] if rows else None


class Snapshot(Session):
    """A transaction that only reads: all of it sees the directory as it was at its beginning.

    Each of its statements is a call by itself, which may take until `deadline()`.
    """

    def __init__(
        self, translator: Translator, connection: Connection, deadline: Callable[[], float]
    ) -> None:
        self.dialect = translator.dialect
        self.name = translator.database
        self._deadline = deadline
        self._translator = translator
        self._connection = connection
        self._process_id = own_id()

    def all(
        self, statement: Statement, parameters: Parameters = NO_PARAMETERS, fits: Fits | None = None
    ) -> Sequence[Row]:
        """Run a SELECT and return its rows, each of which has to fit what was asked."""
        refuse_elsewhere(self._process_id, "the snapshot")
        deadline = self._deadline()
        return fetch(self._translator, self._connection, deadline, statement, parameters, fits)

    def write(self, work: Callable[[Transaction], T]) -> T:  # noqa: ARG002 - as the others
        """Refuse: nothing can be written here."""
        raise DatabaseError("a snapshot is only for reading")

    def has_table(self, table: str) -> bool:
        """Whether the database has this table."""
        with self._translator.calls(self._connection, self._deadline()):
            return self.dialect.has_table(self.dialect.cursor(self._connection), table)

    def begin(self) -> None:
        """Begin it: from here on it sees nothing new."""
        with self._translator.calls(self._connection, self._deadline()):
            self.dialect.begin_snapshot(self.dialect.cursor(self._connection))

    def end(self) -> None:
        """End it. Never fails."""
        if self._process_id == own_id():
            roll_back_quietly(self._connection, self.dialect, self._deadline())


class Transaction(Session):
    """One write transaction: the lock of all writers, the changes, and the record of them.

    `revision` is the one that it makes, `now` the time of all that it writes. Each of its calls may
    take until `deadline()`, by the monotonic clock.
    """

    def __init__(
        self,
        translator: Translator,
        connection: Connection,
        author: str | None,
        reason: str | None,
        deadline: Callable[[], float],
    ) -> None:
        self.dialect = translator.dialect
        self.name = translator.database
        self.deadline = deadline
        self.change_id = new_uuid()
        self.author = author
        self.reason = reason
        self.now = datetime.now(UTC)
        self.revision = 0
        self.record = ChangeRecord()
        self._translator = translator
        self._connection = connection
        self._process_id = own_id()
        self._cursor: Cursor | None = None
        self._last_hosts: Sequence[str] = ()
        self._last_encoded: object = None
        self._failed = False
        self.committed = False

    # --- statements ---------------------------------------------------------------------------

    def all(
        self, statement: Statement, parameters: Parameters = NO_PARAMETERS, fits: Fits | None = None
    ) -> Sequence[Row]:
        """Run a SELECT, that sees what the transaction has done, and return its rows."""
        with self._calls(statement) as cursor:
            self.dialect.execute(cursor, self.dialect.sql[statement], parameters)
            rows: Sequence[Row] = cursor.fetchall()
        refuse_alien(cursor, rows, fits, self._connection, self.name)
        return rows

    def execute(self, statement: Statement, parameters: Parameters = NO_PARAMETERS) -> int:
        """Run a statement that writes; return the number of rows it wrote."""
        with self._calls(statement) as cursor:
            self.dialect.execute(cursor, self.dialect.sql[statement], parameters)
            return cursor.rowcount

    def insert_hosts(
        self, statement: Statement, hosts: Sequence[str], constants: Parameters
    ) -> None:
        """Insert a row for each of many hosts, alike in all columns but the host."""
        for part in in_parts(hosts, BULK_SIZE):
            self.execute(statement, constants | {"hosts": self._encoded(part)})

    def _encoded(self, hosts: Sequence[str]) -> object:
        # What is inserted is recorded next: the same hosts.
        if hosts != self._last_hosts:
            self._last_hosts = hosts
            self._last_encoded = self.dialect.encode_hosts_table(hosts)
        return self._last_encoded

    def write(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in this transaction and return its result."""
        with self.one_call():
            return work(self)

    @contextmanager
    def one_call(self) -> Iterator[float]:
        """A block whose statements have one deadline together, which it is given."""
        each, together = self.deadline, self.deadline()
        self.deadline = lambda: together
        try:
            yield together
        finally:
            self.deadline = each

    @contextmanager
    def _calls(self, statement: Statement) -> Iterator[Cursor]:
        cursor = self._usable_cursor()
        self._failed = True
        with self._translator.calls(self._connection, self.deadline(), statement):
            yield cursor
        self._failed = False

    def _usable_cursor(self) -> Cursor:
        refuse_elsewhere(self._process_id, "the transaction")
        if self._cursor is None:
            raise DatabaseError(HAS_ENDED)
        if self._failed:
            # PostgreSQL would answer a COMMIT now with a ROLLBACK and no error.
            raise DatabaseError("a statement of the transaction failed: begin another one")
        return self._cursor

    # --- beginning and ending -----------------------------------------------------------------

    def _refuse_if_given_up(self) -> None:
        """See to it that nothing is written for a caller who has left."""
        if WATCH.has_given_up():
            raise DatabaseUnavailable(self._translator.database, "the call was cancelled")

    def begin(self) -> None:
        """Begin the transaction."""
        self._refuse_if_given_up()
        with self._translator.calls(self._connection, self.deadline()):
            self._cursor = self.dialect.cursor(self._connection)
            self.dialect.begin(self._cursor)

    def take_revision(self) -> None:
        """Take the lock of all writers, to be held to the end, and with it the next revision."""
        with self._calls(Statement.REVISION_TAKE) as cursor:
            revision = self.dialect.take_revision(cursor)
        if revision is None:
            raise SchemaOutOfDate(self._translator.database)
        self.revision = revision

    def commit(self) -> OutcomeUnknown | None:
        """End the transaction: all that it did is there from now on.

        If the answer was lost, return what there is to be settled, on another connection.

        :raises DatabaseUnavailable: it is too late. Nothing was sent.
        """
        self._usable_cursor()
        self._refuse_if_given_up()
        # The answer may have half of the time that is left, so that there is some to settle it.
        now = monotonic()
        deadline = now + (self.deadline() - now) / 2
        if deadline <= now:
            raise DatabaseUnavailable(
                self._translator.database, "the time was up before the commit"
            )
        WATCH.begin(self._connection, deadline, self.dialect.cut)
        try:
            self._connection.commit()
        except Exception as error:
            failure = self._translator.failed(self._connection, error, None, deadline)
            if not self.dialect.classify(error, connecting=False).leaves_commit_in_doubt:
                raise failure from error
            close_quietly(self._connection)
            doubt = OutcomeUnknown(self.change_id, self.revision)
            doubt.__cause__ = error
            return doubt
        except BaseException:
            close_quietly(self._connection)
            raise
        finally:
            WATCH.end(self._connection)
        self._cursor = None
        self.committed = True
        return None

    def finish(self) -> OutcomeUnknown | None:
        """Write the record and commit, if there is anything to record."""
        if not self.record:
            return None
        self._write_record()
        return self.commit()

    def rollback(self) -> None:
        """End the transaction: nothing of it is there. Never fails."""
        self._cursor = None
        if self._process_id == own_id():
            roll_back_quietly(self._connection, self.dialect, self.deadline())

    def _write_record(self) -> None:
        """Write what the transaction has changed into the history."""
        for (old, new), hosts in self.record.hosts_by_change().items():
            alike = {"revision": self.revision, "old_cell_uuid": old, "new_cell_uuid": new}
            if len(hosts) == 1:
                self.execute(Statement.HOST_CHANGE_INSERT, alike | {"host": hosts[0]})
            else:
                self.insert_hosts(Statement.HOST_CHANGE_INSERT_MANY, hosts, alike)
        for uuid, action in self.record.cells.items():
            change = {"revision": self.revision, "cell_uuid": uuid, "action": action}
            self.execute(Statement.CELL_CHANGE_INSERT, change)
        changeset = {
            "revision": self.revision,
            "change_id": self.change_id,
            "author": self.author,
            "reason": self.reason,
            "created_at": self.dialect.encode_time(self.now),
        }
        self.execute(Statement.CHANGESET_INSERT, changeset)
