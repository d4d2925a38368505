"""Sessions run statements: a database, a read transaction or a write transaction.

The DAOs are written against `Session`. A `Database` takes a connection for each read and runs each
write in a transaction of its own; a `Transaction` runs all of them in itself.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import contextmanager
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from hostmap_sql import sql
from hostmap_sql.batching import BULK_SIZE, batched
from hostmap_sql.concealing import raise_alone
from hostmap_sql.engine.pending_changes import PendingChanges
from hostmap_sql.errors import DatabaseError, DatabaseUnavailable, SchemaOutOfDate
from hostmap_sql.runtime.dbapi import close_quietly
from hostmap_sql.runtime.processes import MARK, THIS, notice, own_id, refuse_elsewhere
from hostmap_sql.runtime.watchdog import CLEANUP_TIME, WATCHDOG, TimedCall, timed_call
from hostmap_sql.sealing.url_codec import CLEAR
from hostmap_sql.sql.statement import Statement
from hostmap_sql.validation import new_uuid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import NoReturn

    from hostmap_sql.dialects.base import Dialect
    from hostmap_sql.engine.error_translation import Translator
    from hostmap_sql.runtime.dbapi import Connection, Cursor, Fits, MakeCursor, Parameters, Row
    from hostmap_sql.sealing.url_codec import UrlCodec

T = TypeVar("T")

NO_PARAMETERS: Parameters = {}

# A deferred constraint or trigger may quote a row.
COMMIT_OF_CELLS = Statement("commit", "COMMIT", changes_secrets=True)

HAS_ENDED = "the transaction has ended: begin another one"


class CommitLost(Exception):
    """The answer to a COMMIT was lost: it took effect or it did not."""

    def __init__(self, change_id: str, revision: int) -> None:
        super().__init__(change_id, revision)
        self.change_id = change_id
        self.revision = revision


class Session(ABC):
    """Runs statements.

    :param translator: names the database in errors.
    :param make_cursor: makes a cursor that returns tuples.
    :param urls: whether it reads the URLs of cells.
    """

    codec: UrlCodec = CLEAR
    """Seals and opens the URLs of cells."""

    def __init__(self, translator: Translator, make_cursor: MakeCursor, *, urls: bool) -> None:
        self.dialect: Dialect = translator.dialect
        self.name = translator.database
        """The name of the database in messages."""
        self.urls = urls
        self.texts: Mapping[Statement, str] = (
            self.dialect.sql if urls else self.dialect.sql_without_urls
        )
        self.translator = translator
        self.make_cursor = make_cursor

    @abstractmethod
    def all(
        self, statement: Statement, parameters: Parameters = NO_PARAMETERS, fits: Fits | None = None
    ) -> Sequence[Row]:
        """Run a SELECT and return its rows, each of which must fit the query."""

    @abstractmethod
    def write(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in a transaction and return its result. It may run more than once."""

    def one(
        self, statement: Statement, parameters: Parameters = NO_PARAMETERS, fits: Fits | None = None
    ) -> Row | None:
        """Run a SELECT and return its first row, None if it has none."""
        rows = self.all(statement, parameters, fits)
        return rows[0] if rows else None


class ReadTransaction(Session):
    """A read-only transaction: all of its statements see the directory as of its beginning.

    Each of its statements is a call of its own, with the deadline that `deadline()` returns.
    """

    def __init__(
        self, parent: Session, connection: Connection, deadline: Callable[[], float]
    ) -> None:
        super().__init__(parent.translator, parent.make_cursor, urls=parent.urls)
        self.codec = parent.codec
        self._deadline = deadline
        self._connection = connection
        if not MARK[0]:
            notice()
        self._process_id = THIS.id

    def all(
        self, statement: Statement, parameters: Parameters = NO_PARAMETERS, fits: Fits | None = None
    ) -> Sequence[Row]:
        """Run a SELECT and return its rows, each of which must fit the query."""
        refuse_elsewhere(self._process_id, "the snapshot")
        with self._call(statement) as call:
            text = self.texts[statement]
            return call.select(self.make_cursor(self._connection), text, parameters, fits)

    def write(self, work: Callable[[Transaction], T]) -> T:  # noqa: ARG002 - as in the base
        """Refuse to write."""
        raise DatabaseError("a snapshot is read-only")

    def readable_columns(self, table: str) -> frozenset[str] | None:
        """Return the columns of a table that the account may read; None if there is no table."""
        with self._call():
            return self.dialect.readable_columns(self.make_cursor(self._connection), table)

    def open_schemas(self) -> Sequence[str]:
        """Return the schemas of unqualified names in which every account may create."""
        with self._call():
            return self.dialect.open_schemas(self.make_cursor(self._connection))

    def leave_out_urls(self) -> None:
        """Stop reading the URLs of cells, because the account may not."""
        self.urls = False
        self.texts = self.dialect.sql_without_urls

    def leave_node(self, problem: str) -> NoReturn:
        """Close the connection, so that a retry connects again, possibly to another node.

        :raises DatabaseUnavailable: always, with this problem.
        """
        close_quietly(self._connection)
        raise DatabaseUnavailable(self.name, problem)

    def files_open_to_others(self) -> Sequence[str]:
        """List the files of the database that other users of this machine can read or write."""
        with self._call():
            return self.dialect.files_open_to_others(self.make_cursor(self._connection))

    def begin(self) -> None:
        """Begin the transaction."""
        with self._call():
            self.dialect.begin_snapshot(self.make_cursor(self._connection))

    def end(self) -> None:
        """End the transaction. Never fails."""
        if self._process_id == own_id():
            roll_back_quietly(self._connection, self.dialect, self._deadline())

    def _call(self, statement: Statement | None = None) -> TimedCall:
        return timed_call(self.translator, self._connection, self._deadline(), statement)


class Transaction(Session):
    """A write transaction: it holds the lock of all writers and records its changes.

    `revision` is its new revision, `now` the time in all rows that it writes. Each of its calls has
    the deadline that `deadline()` returns, by the monotonic clock.
    """

    def __init__(
        self,
        parent: Session,
        connection: Connection,
        author: str | None,
        reason: str | None,
        deadline: Callable[[], float],
    ) -> None:
        super().__init__(parent.translator, parent.make_cursor, urls=parent.urls)
        self.codec = parent.codec
        self.deadline = deadline
        self.change_id = new_uuid()
        self.author = author
        self.reason = reason
        self.now = datetime.now(UTC)
        self.revision = 0
        self.pending = PendingChanges()
        self.is_committed = False
        self._connection = connection
        if not MARK[0]:
            notice()
        self._process_id = THIS.id
        # Not in a local variable, which reports show: PyMySQL's cursors hold the last rows.
        self._cursor: Any = None
        self._last_hosts: Sequence[str] = ()
        self._last_encoded: object = None
        self._has_failed = False

    # --- statements ---------------------------------------------------------------------------

    def all(
        self, statement: Statement, parameters: Parameters = NO_PARAMETERS, fits: Fits | None = None
    ) -> Sequence[Row]:
        """Run a SELECT, which sees the changes of this transaction, and return its rows."""
        self._usable_cursor()
        self._has_failed = True
        with timed_call(self.translator, self._connection, self.deadline(), statement) as call:
            rows = call.select(self._cursor, self.texts[statement], parameters, fits)
        self._has_failed = False
        return rows

    def execute(self, statement: Statement, parameters: Parameters = NO_PARAMETERS) -> int:
        """Run a statement that writes; return the number of rows it wrote."""
        self._usable_cursor()
        self._has_failed = True
        with timed_call(self.translator, self._connection, self.deadline(), statement):
            self._cursor.execute(self.texts[statement], parameters)
        self._has_failed = False
        written: int = self._cursor.rowcount
        return written

    def insert_hosts(
        self, statement: Statement, hosts: Sequence[str], constants: Parameters
    ) -> None:
        """Insert one row for each host; all columns but the host are constant."""
        for batch in batched(hosts, BULK_SIZE):
            self.execute(statement, constants | {"hosts": self._encoded(batch)})

    def _encoded(self, hosts: Sequence[str]) -> object:
        # The history records the hosts that were just inserted: encode them once.
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
        """Give all statements of a block one deadline, and yield it."""
        each, together = self.deadline, self.deadline()
        self.deadline = lambda: together
        try:
            yield together
        finally:
            self.deadline = each

    def _usable_cursor(self) -> Cursor:
        if not MARK[0]:
            notice()
        if self._process_id != THIS.id:
            refuse_elsewhere(self._process_id, "the transaction")
        if self._cursor is None:
            raise DatabaseError(HAS_ENDED)
        if self._has_failed:
            # PostgreSQL would answer COMMIT with a rollback, and no error.
            raise DatabaseError("a statement of the transaction failed: begin another one")
        cursor: Cursor = self._cursor
        return cursor

    # --- beginning and ending -----------------------------------------------------------------

    def begin(self) -> None:
        """Begin the transaction."""
        self._refuse_if_cancelled()
        with timed_call(self.translator, self._connection, self.deadline()):
            self._cursor = self.make_cursor(self._connection)
            self.dialect.begin(self._cursor)

    def take_revision(self) -> None:
        """Take the lock of all writers, until the end, and the next revision."""
        self._usable_cursor()
        self._has_failed = True
        with timed_call(self.translator, self._connection, self.deadline(), sql.REVISION_TAKE):
            revision = self.dialect.take_revision(self._cursor)
        self._has_failed = False
        if revision is None:
            raise SchemaOutOfDate(self.name)
        self.revision = revision

    def lock_revision(self) -> int:
        """Take the lock of all writers, but no revision; return the last pruned revision."""
        row = self.one(sql.REVISION_LOCK)
        if row is None:
            raise SchemaOutOfDate(self.name)
        pruned: int = row[1]
        return pruned

    def rewrite_revision(self) -> int:
        """Lock out all writers and write the revision's row; return the last pruned revision.

        The row keeps its values, so there is no new revision. The commit is one of a write: a
        cluster orders it among all others, and confirms it only with a quorum.
        """
        self.take_revision()
        row = self.one(sql.REVISION_GET)
        self.execute(sql.REVISION_GIVE_BACK)
        if row is None:
            raise SchemaOutOfDate(self.name)
        pruned: int = row[1]
        return pruned

    def finish(self) -> None:
        """Record the changes and commit, unless nothing was changed.

        :raises CommitLost: as in `commit`.
        """
        if self.pending:
            self._record_changes()
            self.commit()

    def commit(self) -> None:
        """Commit.

        :raises CommitLost: the answer was lost.
        :raises DatabaseUnavailable: the call was cancelled or timed out. Nothing was sent.
        """
        self._usable_cursor()
        self._refuse_if_cancelled()
        # The answer may take half of the time that is left; the rest is for resolving a lost one.
        now = monotonic()
        deadline = now + (self.deadline() - now) / 2
        if deadline <= now:
            raise DatabaseUnavailable(self.name, "the call timed out before the commit")
        statement = COMMIT_OF_CELLS if self.pending.cells else None
        with TimedCall(
            self._connection, deadline, self.dialect.interrupt, self._commit_failed, statement
        ):
            self.dialect.commit(self._connection)
        self._cursor = None
        self.is_committed = True

    def _commit_failed(
        self, connection: Connection, error: Exception, statement: Statement | None, deadline: float
    ) -> NoReturn:
        if self.dialect.classify(error, connecting=False).leaves_commit_in_doubt:
            close_quietly(connection)
            cause = self.translator.cause(error, statement)
            del error
            raise_alone(CommitLost(self.change_id, self.revision), cause)
        try:
            self.translator.raise_call_error(connection, error, statement, deadline)
        finally:
            del error

    def rollback(self) -> None:
        """Roll back. Never fails."""
        self._cursor = None
        if self._process_id == own_id():
            roll_back_quietly(self._connection, self.dialect, self.deadline())

    def _refuse_if_cancelled(self) -> None:
        """Refuse to write if the call was cancelled."""
        if WATCHDOG.is_cancelled():
            raise DatabaseUnavailable(self.name, "the call was cancelled")

    def _record_changes(self) -> None:
        """Write the changes into the history."""
        for (old, new), hosts in self.pending.hosts_by_change().items():
            constants = {"revision": self.revision, "old_cell_uuid": old, "new_cell_uuid": new}
            if len(hosts) == 1:
                self.execute(sql.HOST_CHANGE_INSERT, constants | {"host": hosts[0]})
            else:
                self.insert_hosts(sql.HOST_CHANGE_INSERT_MANY, hosts, constants)
        for uuid, action in self.pending.cells.items():
            change = {"revision": self.revision, "cell_uuid": uuid, "action": action}
            self.execute(sql.CELL_CHANGE_INSERT, change)
        changeset = {
            "revision": self.revision,
            "change_id": self.change_id,
            "author": self.author,
            "reason": self.reason,
            "created_at": self.dialect.encode_time(self.now),
        }
        self.execute(sql.CHANGESET_INSERT, changeset)


def roll_back_quietly(connection: Connection, dialect: Dialect, deadline: float) -> None:
    """Roll back, ignoring errors: the server rolls back the transaction of a closed connection."""
    try:
        with TimedCall(connection, max(deadline, monotonic() + CLEANUP_TIME), dialect.interrupt):
            connection.rollback()
    except Exception:  # noqa: BLE001 - closing it has the same effect
        close_quietly(connection)
