"""The database: lends connections, runs transactions, and repeats what is safe to repeat."""

from __future__ import annotations

import copy
from contextlib import ExitStack, contextmanager
from time import monotonic, sleep
from typing import TYPE_CHECKING, TypeVar

from hostmap_sql.errors import DatabaseError, DatabaseUnavailable, HostMapError, SchemaOutOfDate
from hostmap_sql.leases import Lease
from hostmap_sql.schema import known_migrations, unknown_migrations
from hostmap_sql.sessions import NO_PARAMETERS, Session, Snapshot, Transaction, Translator, fetch
from hostmap_sql.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from hostmap_sql.dialects.base import Connection, Connections, Dialect, Parameters, Row

T = TypeVar("T")

# The pauses between two tries, in seconds: from the first, doubled each time, up to the longest.
# Each is drawn from between nothing and that, so that many who failed together come back apart.
_FIRST_PAUSE = 0.01
_LONGEST_PAUSE = 1.0


class _SchemaCheck:
    """Whether the tables were looked at. All copies of a `Database` share it."""

    passed = False


class Database(Session):
    """A database, and how it is used: within which time, signed by whom. Threads may share it."""

    def __init__(
        self,
        connections: Connections,
        dialect: Dialect,
        name: str,
        *,
        timeout: float,
        author: str | None = None,
        reason: str | None = None,
    ) -> None:
        self.dialect: Dialect = dialect
        self.name = name
        self._connections = connections
        self._timeout = timeout
        self._author = author
        self._reason = reason
        self._translator = Translator(dialect, name)
        self._schema = _SchemaCheck()

    def signed(self, author: str | None, reason: str | None) -> Database:
        """The same database, its writes recorded with this author and this reason."""
        other = copy.copy(self)
        other._author = author or self._author  # noqa: SLF001 - a copy of its own
        other._reason = reason or self._reason  # noqa: SLF001
        return other

    @property
    def timeout(self) -> float:
        """How long, in seconds, a call tries before it gives up."""
        return self._timeout

    def within(self, seconds: float) -> Database:
        """The same database, its calls to give up after so many seconds."""
        other = copy.copy(self)
        other._timeout = seconds  # noqa: SLF001 - a copy of its own
        return other

    # --- reading and writing ------------------------------------------------------------------

    def all(self, statement: Statement, parameters: Parameters = NO_PARAMETERS) -> Sequence[Row]:
        """Run a SELECT, on a connection of its own, and return its rows."""
        return self._repeat(self._read, statement, parameters)

    def _read(self, statement: Statement, parameters: Parameters) -> Sequence[Row]:
        # A lease would do the same, but this is the way of every lookup.
        rows: Sequence[Row] | None = None
        try:
            with self._connections() as connection:
                rows = fetch(self._translator, self._checked(connection), statement, parameters)
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

        def attempt() -> T:
            with self.lease() as connection:
                snapshot = Snapshot(self._translator, self._checked(connection))
                try:
                    snapshot.begin()
                    return work(snapshot)
                finally:
                    snapshot.end()

        return self._repeat(attempt)

    def write(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in a transaction of its own, repeat it if need be, and return its result."""

        def attempt() -> T:
            transaction, end = self._begin_writing()
            with end:
                result = work(transaction)
                transaction.finish()
                return result

        return self._repeat(attempt)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """A write transaction for a block. An exception undoes it; so does changing nothing.

        Its beginning is repeated if need be. What the block does cannot be.
        """
        transaction, end = self._repeat(self._begin_writing)
        with end:
            yield transaction
            transaction.finish()

    def _begin_writing(self) -> tuple[Transaction, ExitStack]:
        """A transaction that has the lock of all writers, and what ends it."""
        with ExitStack() as stack:
            transaction = stack.enter_context(self._begun())
            transaction.take_revision()
            return transaction, stack.pop_all()

    def tidy(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in a transaction that changes no mapping, and so makes no revision."""

        def attempt() -> T:
            with self._begun() as transaction:
                result = work(transaction)
                transaction.commit()
                return result

        return self._repeat(attempt)

    @contextmanager
    def _begun(self) -> Iterator[Transaction]:
        with self.lease() as connection:
            self._checked(connection)
            transaction = Transaction(self._translator, connection, self._author, self._reason)
            try:
                transaction.begin()
                yield transaction
            finally:
                if not transaction.committed:
                    transaction.rollback()

    # --- repeating ----------------------------------------------------------------------------

    def _repeat(self, operation: Callable[..., T], *arguments: object) -> T:
        """Do it again while it fails for a passing reason, until the time is up."""
        deadline = monotonic() + self._timeout
        pause = _FIRST_PAUSE
        while True:
            try:
                return operation(*arguments)
            except DatabaseUnavailable as error:
                left = deadline - monotonic()
                if left <= 0:
                    problem = f"{error.problem} (tried for {self._timeout:g} s)"
                    raise DatabaseUnavailable(self.name, problem) from error.__cause__
            sleep(min(left, _jittered(pause)))
            pause = min(2 * pause, _LONGEST_PAUSE)

    # --- connections --------------------------------------------------------------------------

    def lease(self) -> Lease:
        """A connection for a block, whatever tables its database has."""
        return Lease(self._connections(), self._translator)

    def _checked(self, connection: Connection) -> Connection:
        if not self._schema.passed:
            self._check_schema(connection)
        return connection

    # --- the schema ---------------------------------------------------------------------------

    def applied_migrations(self, connection: Connection) -> set[str] | None:
        """The ids of the migrations that yoyo has applied; None if it never was here."""
        try:
            rows = fetch(self._translator, connection, Statement.MIGRATIONS_APPLIED, NO_PARAMETERS)
        except SchemaOutOfDate:
            return None
        return {str(row[0]) for row in rows}

    def schema_fault(self) -> SchemaOutOfDate | None:
        """Why this version of the library cannot work with the tables; None if it can."""

        def attempt() -> SchemaOutOfDate | None:
            with self.lease() as connection:
                return self._schema_fault(connection)

        return self._repeat(attempt)

    def _check_schema(self, connection: Connection) -> None:
        """See to it, once, that the tables are those of this version."""
        fault = self._schema_fault(connection)
        if fault is not None:
            raise fault
        self._schema.passed = True

    def _schema_fault(self, connection: Connection) -> SchemaOutOfDate | None:
        known = known_migrations(self.dialect.name)
        try:
            applied = self.applied_migrations(connection)
        except DatabaseError:
            # A service may be kept from reading yoyo's table. The tables themselves will tell.
            applied = set(known)
        if applied is None and self._has_tables(connection):
            # Somebody has run the same files by other means.
            applied = set(known)
        missing = [migration for migration in known if migration not in (applied or ())]
        unknown = unknown_migrations(self.dialect.name, applied or ())
        return SchemaOutOfDate(self.name, missing, unknown) if missing or unknown else None

    def _has_tables(self, connection: Connection) -> bool:
        with self._translator.calls(connection):
            return self.dialect.has_table(self.dialect.cursor(connection), "host_mapping")


def _jittered(pause: float) -> float:
    # Not at the top: it brings `hashlib`, for what a program may never need.
    from random import uniform  # noqa: PLC0415

    return uniform(0, pause)  # noqa: S311 - no secret
