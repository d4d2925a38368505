"""The database: lends connections, runs transactions, repeats and settles what can be."""

from __future__ import annotations

import copy
import time
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Literal, TypeVar

from hostmap_sql.dialects.system_faults import is_late
from hostmap_sql.dialects.watch import WATCH
from hostmap_sql.errors import (
    DatabaseError,
    DatabaseUnavailable,
    HistoryPruned,
    HostMapError,
    OutcomeUnknown,
    SchemaOutOfDate,
)
from hostmap_sql.leases import Lease
from hostmap_sql.schema import known_migrations, unknown_migrations
from hostmap_sql.sessions import NO_PARAMETERS, Session, Snapshot, Transaction
from hostmap_sql.statements import Statement
from hostmap_sql.translator import Translator, fetch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from hostmap_sql.dialects.base import Connection, Dialect, Lender, Parameters, Row
    from hostmap_sql.rows import Fits

T = TypeVar("T")

Outcome = Literal["committed", "aborted"]

# The pauses between two tries, in seconds: from the first, doubled each time, up to the dialect's
# longest. Each is drawn from between nothing and that, so that many who failed together come back
# apart.
_FIRST_PAUSE = 0.01

# In so many seconds there is nothing to be had from a server that was not to be had before.
_TOO_SHORT = 0.005

_LOST = "the connection was lost before the change was made"


class _Shared:
    """What all copies of a `Database` have in common."""

    schema_passed = False
    """Whether the tables were looked at."""


# The shorter time-outs that hold in a block, each for one database and its copies.
_NARROWED: ContextVar[Mapping[_Shared, float] | None] = ContextVar("hostmap_sql", default=None)


class Database(Session):
    """A database, and how it is used: within which time, signed by whom. Threads may share it."""

    def __init__(
        self,
        lend: Lender,
        dialect: Dialect,
        name: str,
        *,
        timeout: float,
        author: str | None = None,
        reason: str | None = None,
    ) -> None:
        self.dialect: Dialect = dialect
        self.name = name
        self._lend = lend
        self._timeout = timeout
        self._author = author
        self._reason = reason
        self._translator = Translator(dialect, name)
        self._shared = _Shared()

    def signed(self, author: str | None, reason: str | None) -> Database:
        """The same database, its writes recorded with this author and this reason."""
        other = copy.copy(self)
        other._author = author or self._author  # noqa: SLF001 - a copy of its own
        other._reason = reason or self._reason  # noqa: SLF001
        return other

    # --- time ---------------------------------------------------------------------------------

    @property
    def timeout(self) -> float:
        """How long, in seconds, a call may take."""
        narrowed = _NARROWED.get()
        if narrowed is None:
            return self._timeout
        return min(self._timeout, narrowed.get(self._shared, inf))

    def deadline(self) -> float:
        """When a call that begins now has to end, by the monotonic clock."""
        return monotonic() + self.timeout

    def within(self, seconds: float) -> Database:
        """The same database, its calls to give up after so many seconds."""
        other = copy.copy(self)
        other._timeout = seconds  # noqa: SLF001 - a copy of its own
        return other

    @contextmanager
    def narrowed(self, seconds: float) -> Iterator[None]:
        """A block in which a call, of this database or a copy, has so many seconds at most.

        It holds for the thread, or the asyncio task, alone. A block in a block narrows it further.
        """
        before = _NARROWED.get() or {}
        shortest = min(seconds, before.get(self._shared, inf))
        token = _NARROWED.set({**before, self._shared: shortest})
        try:
            yield
        finally:
            _NARROWED.reset(token)

    # --- reading and writing ------------------------------------------------------------------

    def all(
        self, statement: Statement, parameters: Parameters = NO_PARAMETERS, fits: Fits | None = None
    ) -> Sequence[Row]:
        """Run a SELECT, on a connection of its own, and return its rows."""
        return self._repeat(self._read, statement, parameters, fits)

    def _read(
        self, deadline: float, statement: Statement, parameters: Parameters, fits: Fits | None
    ) -> Sequence[Row]:
        # A lease would do the same, but this is the way of every lookup.
        rows: Sequence[Row] | None = None
        try:
            with self._lend(deadline) as connection:
                if not self._shared.schema_passed:
                    self._check_schema(connection, deadline)
                rows = fetch(self._translator, connection, deadline, statement, parameters, fits)
        except HostMapError:
            raise
        except Exception as error:
            if rows is None:
                raise self._translator.connecting(error) from error
        return rows

    def snapshot(self, work: Callable[[Snapshot], T]) -> T:
        """Run `work`, which only reads, in one snapshot, repeat it if need be, return its result.

        Nobody waits for it: others write meanwhile, which it does not see.
        """

        def attempt(deadline: float) -> T:
            with self.lease(deadline) as connection:
                self._check_schema(connection, deadline)
                snapshot = Snapshot(self._translator, connection, self.deadline)
                try:
                    snapshot.begin()
                    return work(snapshot)
                finally:
                    snapshot.end()

        return self._repeat(attempt)

    def write(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in a transaction of its own, repeat it if need be, and return its result."""

        def attempt(deadline: float) -> T:
            transaction, end = self._begin_writing(deadline)
            with end:
                result = work(transaction)
                doubt = transaction.finish()
            if doubt:
                self._settle(doubt, deadline)
            return result

        return self._repeat(attempt)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """A write transaction for a block. An exception undoes it; so does changing nothing.

        Its beginning is repeated if need be. What the block does cannot be; each of its calls has
        the time of a call, and so has the end.
        """
        transaction, end = self._repeat(self._begin_writing)
        with end:
            transaction.deadline = self.deadline
            yield transaction
            with transaction.one_call() as deadline:
                doubt = transaction.finish()
        if doubt:
            self._settle(doubt, deadline)

    def _begin_writing(self, deadline: float) -> tuple[Transaction, ExitStack]:
        """A transaction that has the lock of all writers, and what ends it."""
        with ExitStack() as stack:
            transaction = stack.enter_context(self._begun(deadline))
            transaction.take_revision()
            return transaction, stack.pop_all()

    def tidy(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in a transaction that changes no mapping, and so makes no revision.

        Nobody writes meanwhile. If it is not known whether it was done it is done again.
        """

        def attempt(deadline: float) -> T:
            with self._begun(deadline) as transaction:
                self._lock_revision(transaction)
                result = work(transaction)
                doubt = transaction.commit()
            if doubt:
                raise DatabaseUnavailable(self.name, _LOST) from doubt.__cause__
            return result

        return self._repeat(attempt)

    @contextmanager
    def _begun(self, deadline: float) -> Iterator[Transaction]:
        with self.lease(deadline) as connection:
            self._check_schema(connection, deadline)
            transaction = Transaction(
                self._translator, connection, self._author, self._reason, lambda: deadline
            )
            try:
                transaction.begin()
                yield transaction
            finally:
                if not transaction.committed:
                    transaction.rollback()

    # --- lost commits -------------------------------------------------------------------------

    def outcome(self, change_id: str, revision: int | None = None) -> Outcome:
        """What became of a commit whose answer was lost.

        :raises HistoryPruned: the record no longer reaches back to it.
        """
        return self._repeat(self._outcome, change_id, revision)

    def _outcome(self, deadline: float, change_id: str, revision: int | None) -> Outcome:
        with self._begun(deadline) as transaction:
            # The lost transaction holds this row's lock for as long as it can still be committed.
            pruned = self._lock_revision(transaction)
            if transaction.one(Statement.CHANGESET_OF_CHANGE_ID, {"change_id": change_id}):
                return "committed"
        if pruned >= (revision or 1):
            raise HistoryPruned((revision or 1) - 1, pruned)
        return "aborted"

    def _settle(self, doubt: OutcomeUnknown, deadline: float) -> None:
        """Find out whether a commit was done whose answer was lost; return if it was.

        :raises DatabaseUnavailable: it was not, and never will be.
        :raises OutcomeUnknown: the time ran out before that could be told.
        """
        try:
            outcome = self._repeat(
                self._outcome, doubt.change_id, doubt.revision, deadline=deadline
            )
        except Exception:  # noqa: BLE001 - not even a pool that is broken by now makes it sure
            raise doubt from doubt.__cause__
        if outcome == "aborted":
            raise DatabaseUnavailable(self.name, _LOST) from doubt.__cause__

    def _lock_revision(self, transaction: Transaction) -> int:
        """Take the lock of all writers; return the revision up to which the record was pruned."""
        row = transaction.one(Statement.REVISION_LOCK)
        if row is None:
            raise SchemaOutOfDate(self.name)
        pruned: int = row[1]
        return pruned

    # --- repeating ----------------------------------------------------------------------------

    def _repeat(
        self, operation: Callable[..., T], *arguments: object, deadline: float | None = None
    ) -> T:
        """Do it, until the deadline, again while it fails for a passing reason."""
        timeout = self.timeout
        if deadline is None:
            deadline = monotonic() + timeout
        pause = _FIRST_PAUSE
        failure = None
        while True:
            try:
                return operation(deadline, *arguments)
            except DatabaseUnavailable as error:
                # That the last try was cut short says less than why those before it failed.
                if failure is None or not is_late(error.__cause__):
                    failure = error
                left = deadline - monotonic()
            if left <= _TOO_SHORT or WATCH.has_given_up():
                problem = f"{failure.problem} (tried for {timeout:g} s)"
                raise DatabaseUnavailable(self.name, problem) from failure.__cause__
            # So that there is time left to try it.
            time.sleep(min(left / 2, _jittered(pause)))
            pause = min(2 * pause, self.dialect.longest_pause)

    # --- connections --------------------------------------------------------------------------

    def lease(self, deadline: float | None = None) -> Lease:
        """A connection for a block, whatever tables its database has."""
        deadline = self.deadline() if deadline is None else deadline
        return Lease(self._lend(deadline), self._translator)

    # --- the schema ---------------------------------------------------------------------------

    def applied_migrations(self, connection: Connection, deadline: float) -> set[str] | None:
        """The ids of the migrations that yoyo has applied; None if it never was here."""
        statement = Statement.MIGRATIONS_APPLIED
        try:
            rows = fetch(self._translator, connection, deadline, statement, NO_PARAMETERS)
        except SchemaOutOfDate:
            return None
        return {str(row[0]) for row in rows}

    def schema_fault(self) -> SchemaOutOfDate | None:
        """Why this version of the library cannot work with the tables; None if it can."""

        def attempt(deadline: float) -> SchemaOutOfDate | None:
            with self.lease(deadline) as connection:
                return self._schema_fault(connection, deadline)

        return self._repeat(attempt)

    def _check_schema(self, connection: Connection, deadline: float) -> None:
        """See to it, once, that the tables are those of this version."""
        if self._shared.schema_passed:
            return
        fault = self._schema_fault(connection, deadline)
        if fault is not None:
            raise fault
        self._shared.schema_passed = True

    def _schema_fault(self, connection: Connection, deadline: float) -> SchemaOutOfDate | None:
        known = known_migrations(self.dialect.name)
        try:
            applied = self.applied_migrations(connection, deadline)
        except DatabaseError:
            if not self.dialect.is_open(connection):
                raise
            # A service may be kept from reading yoyo's table. The tables themselves will tell.
            applied = set(known)
        if applied is None and self._has_tables(connection, deadline):
            # Somebody has run the same files by other means.
            applied = set(known)
        missing = [migration for migration in known if migration not in (applied or ())]
        unknown = unknown_migrations(self.dialect.name, applied or ())
        return SchemaOutOfDate(self.name, missing, unknown) if missing or unknown else None

    def _has_tables(self, connection: Connection, deadline: float) -> bool:
        with self._translator.calls(connection, deadline):
            return self.dialect.has_table(self.dialect.cursor(connection), "host_mapping")


def _jittered(pause: float) -> float:
    # Not at the top: it brings `hashlib`, for what a program may never need.
    from random import SystemRandom  # noqa: PLC0415

    # Processes that were forked without Python's knowledge draw the same from any other.
    return SystemRandom().uniform(0, pause)
