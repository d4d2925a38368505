"""Runs transactions, retries transient failures and resolves lost commits."""

from __future__ import annotations

import copy
import time
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, TypeVar

from hostmap_sql.concealing import raise_alone
from hostmap_sql.dialects.system_errors import is_late
from hostmap_sql.engine import lost_commits
from hostmap_sql.engine.error_translation import Translator
from hostmap_sql.engine.lost_commits import NOT_COMMITTED, Outcome
from hostmap_sql.engine.pool import Lease
from hostmap_sql.engine.schema_check import check_schema
from hostmap_sql.engine.session import (
    NO_PARAMETERS,
    CommitLost,
    ReadTransaction,
    Session,
    Transaction,
)
from hostmap_sql.errors import CHECK_ERRORS, DatabaseUnavailable
from hostmap_sql.runtime.deadlines import random_pause
from hostmap_sql.runtime.watchdog import WATCHDOG, TimedCall, timed_call

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from hostmap_sql.dialects.base import Dialect
    from hostmap_sql.runtime.dbapi import Connection, Cursor, Fits, Parameters, Pool, Row
    from hostmap_sql.sql.statement import Statement

T = TypeVar("T")

_FIRST_PAUSE = 0.01
"""Seconds before the first retry. The pause doubles each time, up to the dialect's longest."""

_TOO_SHORT = 0.005
"""With fewer seconds left than this, another retry is pointless."""


_CLUSTER_SECONDS = 60
"""How long an answer about the cluster is believed, in seconds."""


class _SchemaState:
    """Shared by all copies of a `Database`."""

    is_checked = False


class _ClusterState:
    """Shared by all copies of a `Database`: whether commits need other nodes."""

    is_there = False
    asked_at = -inf


# The shorter timeouts of blocks, by database.
_LIMITS: ContextVar[Mapping[_SchemaState, float] | None] = ContextVar("hostmap_sql", default=None)


class Database(Session):
    """A database, with the timeout and the author of its calls. Threads may share it."""

    def __init__(
        self,
        pool: Pool,
        dialect: Dialect,
        name: str,
        *,
        timeout: float,
        author: str | None = None,
        reason: str | None = None,
        urls: bool = True,
        quotes_secret: Callable[[str], bool] = lambda _: False,
    ) -> None:
        translator = Translator(dialect, name, quotes_secret)
        super().__init__(translator, pool.make_cursor, urls=urls)
        self._pool = pool
        self._timeout = timeout
        self._author = author
        self._reason = reason
        self._schema = _SchemaState()
        self._cluster = _ClusterState()

    def with_author(self, author: str | None, reason: str | None) -> Database:
        """Return a copy that records its writes with this author and reason."""
        other = copy.copy(self)
        other._author = author or self._author  # noqa: SLF001 - a copy
        other._reason = reason or self._reason  # noqa: SLF001
        return other

    # --- time ---------------------------------------------------------------------------------

    @property
    def timeout(self) -> float:
        """The longest time, in seconds, that a call may take."""
        limits = _LIMITS.get()
        if limits is None:
            return self._timeout
        return min(self._timeout, limits.get(self._schema, inf))

    def deadline(self) -> float:
        """The deadline, by the monotonic clock, of a call that begins now."""
        return monotonic() + self.timeout

    def within(self, seconds: float) -> Database:
        """Return a copy with another timeout."""
        other = copy.copy(self)
        other._timeout = seconds  # noqa: SLF001 - a copy
        return other

    @contextmanager
    def limit_timeout(self, seconds: float) -> Iterator[None]:
        """Limit the timeout for a block, in this thread or asyncio task, for all copies.

        Blocks nest: the shortest limit counts.
        """
        before = _LIMITS.get() or {}
        shortest = min(seconds, before.get(self._schema, inf))
        token = _LIMITS.set({**before, self._schema: shortest})
        try:
            yield
        finally:
            _LIMITS.reset(token)

    # --- reading and writing ------------------------------------------------------------------

    def all(
        self, statement: Statement, parameters: Parameters = NO_PARAMETERS, fits: Fits | None = None
    ) -> Sequence[Row]:
        """Run a SELECT on a connection of its own and return its rows, which must fit the query."""
        return self._retry(self._select, statement, parameters, fits)

    def _select(
        self, deadline: float, statement: Statement, parameters: Parameters, fits: Fits | None
    ) -> Sequence[Row]:
        translator = self.translator
        with Lease(self._pool, deadline, translator) as connection:
            if not self._schema.is_checked:
                self._check_schema(connection, deadline)
            # As `timed_call`, written out because each lookup passes here.
            with TimedCall(
                connection, deadline, self.dialect.interrupt, translator.raise_call_error, statement
            ) as call:
                text = self.texts[statement]
                return call.select(self.make_cursor(connection), text, parameters, fits)

    def snapshot(self, work: Callable[[ReadTransaction], T]) -> T:
        """Run `work` in a read-only snapshot, with retries, and return its result."""

        def attempt(deadline: float) -> T:
            with self.lease(deadline) as connection:
                self._check_schema(connection, deadline)
                snapshot = ReadTransaction(self, connection, self.deadline)
                try:
                    snapshot.begin()
                    return work(snapshot)
                finally:
                    snapshot.end()

        return self._retry(attempt)

    def write(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in a transaction of its own, with retries, and return its result.

        A node of a cluster may lag, so an answer that changed nothing is not believed there before
        a commit of this node: `work` then runs again.
        """

        def attempt(deadline: float) -> T:
            try:
                result, has_changed = self._write_once(deadline, work)
            except CHECK_ERRORS:
                if not self._is_clustered(deadline):
                    raise
            else:
                if has_changed or not self._is_clustered(deadline):
                    return result
            self._repeatable(deadline, Transaction.rewrite_revision)
            return self._write_once(deadline, work)[0]

        return self._retry(attempt)

    def _write_once(self, deadline: float, work: Callable[[Transaction], T]) -> tuple[T, bool]:
        """Run `work` in a transaction; return its result, and whether it changed anything."""
        transaction, end = self._begin_writing(deadline)
        try:
            with end:
                result = work(transaction)
                transaction.finish()
        except CommitLost as lost:
            self._resolve(lost, deadline)
            return result, True  # pyright: ignore - CommitLost comes after it
        return result, transaction.is_committed

    def _is_clustered(self, deadline: float) -> bool:
        """Whether the commits of this database need other nodes. Asked once a minute at most."""
        cluster = self._cluster
        if cluster.asked_at + _CLUSTER_SECONDS < monotonic():
            cluster.is_there = self._ask(deadline, self.dialect.is_clustered)
            cluster.asked_at = monotonic()
        return cluster.is_there

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Run a block in a write transaction. An exception rolls it back.

        Only its beginning is retried. Each call in the block has a timeout of its own, and so has
        the commit.
        """
        transaction, end = self._retry(self._begin_writing)
        deadline = inf
        try:
            with end:
                transaction.deadline = self.deadline
                yield transaction
                with transaction.one_call() as deadline:
                    transaction.finish()
        except CommitLost as lost:
            self._resolve(lost, deadline)

    def _begin_writing(self, deadline: float) -> tuple[Transaction, ExitStack]:
        """Begin a transaction with the lock of all writers; return it and its exit stack."""
        with ExitStack() as stack:
            transaction = stack.enter_context(self._begun(deadline))
            transaction.take_revision()
            return transaction, stack.pop_all()

    def maintenance_transaction(self, work: Callable[[Transaction], T]) -> T:
        """Run `work`, which changes no mapping and makes no revision, while nothing else writes.

        It runs again if the answer to its commit is lost.
        """

        def locked(transaction: Transaction) -> T:
            transaction.lock_revision()
            return work(transaction)

        return self._retry(lambda deadline: self._repeatable(deadline, locked))

    def _repeatable(self, deadline: float, work: Callable[[Transaction], T]) -> T:
        """Run and commit `work`, which may run again after its commit was lost."""
        try:
            with self._begun(deadline) as transaction:
                result = work(transaction)
                transaction.commit()
        except CommitLost as lost:
            raise_alone(DatabaseUnavailable(self.name, NOT_COMMITTED), lost.__cause__)
        return result

    @contextmanager
    def _begun(self, deadline: float) -> Iterator[Transaction]:
        with self.lease(deadline) as connection:
            self._check_schema(connection, deadline)
            transaction = Transaction(
                self, connection, self._author, self._reason, lambda: deadline
            )
            try:
                transaction.begin()
                yield transaction
            finally:
                if not transaction.is_committed:
                    transaction.rollback()

    # --- lost commits -------------------------------------------------------------------------

    def outcome(
        self, change_id: str, revision: int | None = None, deadline: float | None = None
    ) -> Outcome:
        """Find out whether a commit whose answer was lost took effect.

        :raises HistoryPruned: the history no longer reaches back to it.
        """

        def look_up(transaction: Transaction) -> Outcome:
            return lost_commits.look_up_outcome(transaction, change_id, revision)

        return self._retry(lambda end: self._repeatable(end, look_up), deadline=deadline)

    def _resolve(self, lost: CommitLost, deadline: float) -> None:
        lost_commits.resolve(
            lost, self.name, lambda: self.outcome(lost.change_id, lost.revision, deadline)
        )

    # --- retries ------------------------------------------------------------------------------

    def _retry(
        self, operation: Callable[..., T], *arguments: object, deadline: float | None = None
    ) -> T:
        """Retry transient failures until the deadline."""
        timeout = self.timeout
        if deadline is None:
            deadline = monotonic() + timeout
        pause = _FIRST_PAUSE
        failure = None
        while True:
            try:
                return operation(deadline, *arguments)
            except DatabaseUnavailable as error:
                # A last retry that timed out says less than the failures before it.
                if failure is None or not is_late(error.__cause__):
                    failure = error
                left = deadline - monotonic()
            if left <= _TOO_SHORT or WATCHDOG.is_cancelled():
                problem = f"{failure.problem} (tried for {timeout:g} s)"
                raise DatabaseUnavailable(
                    self.name, problem, is_conflict=failure.is_conflict
                ) from failure.__cause__
            # Full jitter, so that clients that failed together do not retry together; at most half
            # of the time that is left, which the retry needs too.
            time.sleep(min(left / 2, random_pause(0, pause)))
            pause = min(2 * pause, self.dialect.longest_pause)

    # --- connections --------------------------------------------------------------------------

    def lease(self, deadline: float | None = None) -> Lease:
        """Lend a connection for a block, without a check of the schema."""
        deadline = self.deadline() if deadline is None else deadline
        return Lease(self._pool, deadline, self.translator)

    def ask(self, question: Callable[[Cursor], T]) -> T:
        """Call a function of the dialect with a cursor, and return its result."""
        return self._retry(lambda deadline: self._ask(deadline, question))

    def _ask(self, deadline: float, question: Callable[[Cursor], T]) -> T:
        with self.lease(deadline) as connection, timed_call(self.translator, connection, deadline):
            return question(self.make_cursor(connection))

    def close(self) -> None:
        """Close the pool."""
        self._pool.close()

    def check_schema(self) -> None:
        """Check that the tables are those of this version.

        :raises SchemaOutOfDate: they are not.
        """

        def attempt(deadline: float) -> None:
            with self.lease(deadline) as connection:
                check_schema(self, connection, deadline)

        self._retry(attempt)

    def _check_schema(self, connection: Connection, deadline: float) -> None:
        """Check the schema once."""
        if not self._schema.is_checked:
            check_schema(self, connection, deadline)
            self._schema.is_checked = True
