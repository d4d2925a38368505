"""Sessions: where statements run. The one place where they are executed and failures translated.

The DAOs are written once, against `Session`: that is either the `Database`, which takes a
connection for each read and makes a transaction of each write, or a `Transaction`, in which all of
it happens.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, TypeVar

from hostmap_sql.dialects.base import Fault
from hostmap_sql.dialects.mistakes import is_mistake
from hostmap_sql.dialects.watch import WATCH
from hostmap_sql.errors import (
    DatabaseError,
    DatabaseUnavailable,
    HostMapError,
    OutcomeUnknown,
    SchemaOutOfDate,
)
from hostmap_sql.leases import LAST_WORDS
from hostmap_sql.parts import BULK_SIZE, in_parts
from hostmap_sql.record import ChangeRecord
from hostmap_sql.schema import known_migrations
from hostmap_sql.statements import HOLDS_SECRETS, Statement
from hostmap_sql.uuids import new_uuid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from hostmap_sql.dialects.base import Connection, Cursor, Dialect, Parameters, Row

T = TypeVar("T")

NO_PARAMETERS: Parameters = {}

HAS_ENDED = "the transaction has ended: begin another one"


class Session(ABC):
    """Where statements run: a database, or one transaction in it."""

    dialect: Dialect
    name: str
    """What messages call the database."""

    @abstractmethod
    def all(self, statement: Statement, parameters: Parameters = NO_PARAMETERS) -> Sequence[Row]:
        """Run a SELECT and return its rows."""

    @abstractmethod
    def write(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in a transaction, which may be repeated as a whole, and return its result."""

    def one(self, statement: Statement, parameters: Parameters = NO_PARAMETERS) -> Row | None:
        """Run a SELECT and return its first row, None if it has none."""
        rows = self.all(statement, parameters)
        return rows[0] if rows else None


class Translator:
    """Makes of a driver's exception one of ours, by its code."""

    def __init__(self, dialect: Dialect, database: str) -> None:
        self.dialect = dialect
        self.database = database

    def connecting(self, error: Exception) -> HostMapError:
        """The translation of a failure to get a connection. Mistakes are raised as they are."""
        if is_mistake(error):
            raise error
        fault = self.dialect.classify(error, connecting=True)
        if fault is Fault.NO_TABLE:
            missing = known_migrations(self.dialect.name)
            return SchemaOutOfDate(self.database, missing=missing)
        problem = self.dialect.describe(error)
        if fault.is_transient:
            return DatabaseUnavailable(self.database, problem)
        code = self.dialect.code(error)
        if code is not None and not isinstance(getattr(error, "original_exception", None), OSError):
            problem += "; check the URL, the user and password, and that the database exists"
        return DatabaseError(f"{self.database}: {problem}", code)

    def running(self, error: Exception, statement: Statement | None) -> HostMapError:
        """The translation of a failure of a statement."""
        fault = self.dialect.classify(error, connecting=False)
        if fault is Fault.NO_TABLE:
            return SchemaOutOfDate(self.database)
        # The server may quote what it was sent.
        secret = statement in HOLDS_SECRETS
        problem = "the database refused it" if secret else self.dialect.describe(error)
        if fault.is_transient:
            return DatabaseUnavailable(self.database, problem)
        name = statement.name.lower() if statement else None
        return DatabaseError(f"{self.database}: {problem}", self.dialect.code(error), name)

    @contextmanager
    def calls(
        self, connection: Connection, deadline: float, statement: Statement | None = None
    ) -> Iterator[None]:
        """Around calls of the driver: ends them at the deadline, by the monotonic clock.

        Translates what they raise, and closes a spoiled connection.
        """
        WATCH.begin(connection, deadline, self.dialect.cut)
        try:
            yield
        except Exception as error:
            raise self.failed(connection, error, statement, deadline) from error
        except BaseException:
            close_quietly(connection)
            raise
        finally:
            WATCH.end(connection)

    def failed(
        self,
        connection: Connection,
        error: Exception,
        statement: Statement | None,
        deadline: float,
    ) -> HostMapError:
        """Close a connection that an error has spoiled; return the translation of the error."""
        fault = self.dialect.classify(error, connecting=False)
        if fault.spoils_connection:
            close_quietly(connection)
        if fault is Fault.NO_TABLE and monotonic() >= deadline:
            # SQLite says so if it was cut while it looked for the table.
            return DatabaseUnavailable(self.database, "the time was up")
        return self.running(error, statement)


def close_quietly(connection: Connection) -> None:
    """Close a connection that is of no use any more: pools do not lend it again."""
    with suppress(Exception):
        connection.close()


def roll_back_quietly(connection: Connection, dialect: Dialect, deadline: float) -> None:
    """End a transaction of which nothing is to remain."""
    WATCH.begin(connection, max(deadline, monotonic() + LAST_WORDS), dialect.cut)
    try:
        connection.rollback()
    except Exception:  # noqa: BLE001 - whatever it is, the server rolls back what is closed
        close_quietly(connection)
    finally:
        WATCH.end(connection)


def fetch(
    translator: Translator,
    connection: Connection,
    deadline: float,
    statement: Statement,
    parameters: Parameters,
) -> Sequence[Row]:
    """Run a SELECT, by itself or in a snapshot, and return its rows."""
    dialect = translator.dialect
    # As `calls` does it, which would cost every lookup some microseconds more.
    WATCH.begin(connection, deadline, dialect.cut)
    try:
        cursor = dialect.cursor(connection)
        dialect.execute(cursor, dialect.sql[statement], parameters)
        rows: Sequence[Row] = cursor.fetchall()
    except Exception as error:
        raise translator.failed(connection, error, statement, deadline) from error
    except BaseException:
        # Interrupted between a question and its answer: the next one would get the wrong one.
        close_quietly(connection)
        raise
    finally:
        WATCH.end(connection)
    return rows


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

    def all(self, statement: Statement, parameters: Parameters = NO_PARAMETERS) -> Sequence[Row]:
        """Run a SELECT and return its rows."""
        return fetch(self._translator, self._connection, self._deadline(), statement, parameters)

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
        self._cursor: Cursor | None = None
        self._last_hosts: Sequence[str] = ()
        self._last_encoded: object = None
        self._failed = False
        self.committed = False

    # --- statements ---------------------------------------------------------------------------

    def all(self, statement: Statement, parameters: Parameters = NO_PARAMETERS) -> Sequence[Row]:
        """Run a SELECT, that sees what the transaction has done, and return its rows."""
        with self._calls(statement) as cursor:
            self.dialect.execute(cursor, self.dialect.sql[statement], parameters)
            rows: Sequence[Row] = cursor.fetchall()
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
