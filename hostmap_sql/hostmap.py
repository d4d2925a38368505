"""`connect` and what it returns: the directory as a whole."""

from __future__ import annotations

from contextlib import contextmanager
from copy import copy
from typing import TYPE_CHECKING, TypeVar

from hostmap_sql.cells import Cells
from hostmap_sql.database import Database
from hostmap_sql.dialects import dialect_named, dialect_of_scheme
from hostmap_sql.dialects.external_pool import refuse_unusable
from hostmap_sql.errors import DatabaseError, DatabaseUnavailable, OutcomeUnknown
from hostmap_sql.history import History
from hostmap_sql.hosts import Hosts
from hostmap_sql.leases import InAutocommit
from hostmap_sql.models import valid_name, valid_number, valid_seconds, valid_uuid
from hostmap_sql.waiting import WatchedHosts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from types import TracebackType
    from typing import Self

    from hostmap_sql.checks import Finding
    from hostmap_sql.database import Outcome
    from hostmap_sql.dialects.base import Connections, Dialect, Lender
    from hostmap_sql.migrations import MigrationLock, Migrations, MigrationStatus
    from hostmap_sql.replica import Replica
    from hostmap_sql.sessions import Transaction

T = TypeVar("T")

DEFAULT_TIMEOUT = 30.0
"""How long, in seconds, a call tries before it gives up."""


DEFAULT_POOL_SIZE = 5
"""The most connections that are open at once."""


def connect(
    url: str,
    *,
    timeout: float = DEFAULT_TIMEOUT,
    pool_size: int = DEFAULT_POOL_SIZE,
    author: str | None = None,
) -> HostMap:
    """A directory, by the URL of its database. No connection is made before it is used.

    :param url: ``sqlite:///relative.db``, ``sqlite:////absolute.db``,
        ``mysql://user:password@host:3306/database`` or
        ``postgresql://user:password@host:5432/database``; SQLAlchemy's schemes are understood. In
        the query, ``sslmode=`` and ``sslrootcert=`` take libpq's words on both servers; the
        certificate of one that is not on this machine is verified unless they say otherwise.
    :param timeout: how long a call tries before it gives up, in seconds.
    :param pool_size: the most connections that are open at once.
    :param author: who the history says made the changes, unless they say otherwise themselves.
    :raises InvalidValue: the URL or another argument cannot be used. No password is in the message.

    >>> with connect("sqlite:///hostmap.db", author="docs") as hostmap:
    ...     hostmap.revision()
    2
    """
    return HostMap._connected(url, timeout, pool_size, author)  # noqa: SLF001 - the same module


class Changes:
    """A transaction that was begun: all done through `hosts` and `cells` is one changeset."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self.hosts = Hosts(transaction)
        self.cells = Cells(transaction)

    @property
    def revision(self) -> int:
        """The revision that it makes, if it changes anything."""
        return self._transaction.revision

    @property
    def change_id(self) -> str:
        """The UUID by which the history knows it."""
        return self._transaction.change_id

    @property
    def now(self) -> datetime:
        """The time of all its changes."""
        return self._transaction.now


class HostMap:
    """The directory: which cell is a host in? Safe to share between threads.

    Made by `connect`, or on a pool of the caller's own:

    :param connections: any callable that returns a context manager which gives a DB-API connection,
        such as the ``connection`` method of a psycopg_pool.
    :param dialect: "mysql" (also for MariaDB), "postgresql" or "sqlite".
    :param timeout: how long a call tries before it gives up, in seconds.
    :param author: who the history says made the changes, unless they say otherwise themselves.
    :param name: what messages call the database.
    :raises InvalidValue: an argument cannot be used, or the dialect's driver is not installed. What
        `connections` lends is looked at when it first does, which then raises this, too.

    >>> HostMap(pool.connection, "sqlite").hosts.get("compute-1").cell.name
    'cell1'
    """

    def __init__(
        self,
        connections: Connections,
        dialect: str,
        *,
        timeout: float = DEFAULT_TIMEOUT,
        author: str | None = None,
        name: str = "the database",
    ) -> None:
        refuse_unusable(connections)
        known = dialect_named(dialect)
        self._set_up(InAutocommit(connections, known), known, timeout, author, name)

    @classmethod
    def _connected(cls, url: str, timeout: float, pool_size: int, author: str | None) -> HostMap:
        # Here, since urllib costs the programs that bring a pool of their own 5 ms of start-up.
        from hostmap_sql.database_url import DatabaseUrl  # noqa: PLC0415

        parsed = DatabaseUrl.parse(url)
        dialect = dialect_of_scheme(parsed.scheme)
        size = valid_number(pool_size, "pool_size", least=1)
        pool = dialect.pool(parsed, size=size, timeout=_valid_timeout(timeout))
        self = cls.__new__(cls)
        self._set_up(pool.connection, dialect, timeout, author, str(parsed))
        # To what is ours. A caller closes his own pool, and makes his own database, himself.
        self._close = pool.close
        self._create_database = dialect.creator(parsed)
        return self

    def _set_up(
        self,
        lend: Lender,
        dialect: Dialect,
        timeout: float,
        author: str | None,
        name: str,
    ) -> None:
        self._close: Callable[[], object] = _nothing
        self._create_database: Callable[[], object] = _nothing
        timeout = _valid_timeout(timeout)
        author = _valid_note(author, "author")
        self._use(Database(lend, dialect, name, timeout=timeout, author=author))

    def _use(self, database: Database) -> None:
        self._database = database
        self.cells = Cells(database)
        """The cells, see `Cells`."""
        self.hosts = WatchedHosts(database)
        """The hosts, see `Hosts`; and `WatchedHosts.wait`."""
        self.history = History(database)
        """The record of all changes, see `History`."""

    # --- writing several things as one --------------------------------------------------------

    @contextmanager
    def transaction(
        self, author: str | None = None, reason: str | None = None
    ) -> Iterator[Changes]:
        """A block whose changes are all made, as one changeset, or none of them.

        Nobody else can write while it lasts. An exception undoes it, whatever it is. It cannot be
        repeated for the caller: where a passing fault should not end it, hand a function to `run`.

        :raises DatabaseUnavailable: the database failed for a passing reason. Nothing was written.
        :raises OutcomeUnknown: the answer to the commit was lost, and the time ran out before it
            could be settled: see `outcome`.

        >>> cell2 = hostmap.cells.get_by_name("cell2")
        >>> with hostmap.transaction(author="burn-in", reason="rack 9") as tx:
        ...     moved = tx.hosts.move("compute-1", cell2.uuid)
        ...     updated = tx.cells.update(cell2.uuid, disabled=True)
        >>> moved.revision == updated.revision == hostmap.revision()
        True
        """
        with self._signed(author, reason).transaction() as transaction:
            yield Changes(transaction)

    def run(
        self, fn: Callable[[Changes], T], author: str | None = None, reason: str | None = None
    ) -> T:
        """Call ``fn(changes)`` in a transaction and return its result.

        After a deadlock, a lost connection and the like it is run again as a whole, from the start,
        until the timeout: whatever else it does should bear being done twice.

        :raises DatabaseUnavailable: the database kept failing until the timeout.
        :raises OutcomeUnknown: the answer to the commit was lost, and the time ran out before it
            could be settled: see `outcome`.

        >>> hostmap.run(lambda tx: tx.hosts.delete("compute-1"), reason="scrapped").reason
        'scrapped'
        """
        return self._signed(author, reason).write(lambda transaction: fn(Changes(transaction)))

    def signed(self, author: str | None = None, reason: str | None = None) -> HostMap:
        """The same directory, its writes recorded with this author and this reason.

        >>> hostmap.signed(reason="new rack").hosts.delete("compute-1").reason
        'new rack'
        """
        other = copy(self)
        other._use(self._signed(author, reason))  # noqa: SLF001 - a copy of its own
        return other

    def _signed(self, author: str | None, reason: str | None) -> Database:
        return self._database.signed(_valid_note(author, "author"), _valid_note(reason, "reason"))

    # --- when it goes wrong -------------------------------------------------------------------

    @contextmanager
    def timeout(self, seconds: float) -> Iterator[None]:
        """A block in which each call may take so many seconds at most, if it is less than before.

        It holds for this directory, and for this thread or asyncio task alone.

        >>> with hostmap.timeout(0.5):
        ...     hostmap.hosts.get("compute-1").cell.name
        'cell1'
        """
        with self._database.narrowed(_valid_timeout(seconds)):
            yield

    def outcome(self, change_id: str, revision: int | None = None) -> Outcome:
        """What became of the change that an `OutcomeUnknown` is about: "committed" or "aborted".

        It waits for the database to decide. What it says stays true.

        :param change_id: the one of the exception.
        :param revision: the one of the exception; needed only where the history is pruned.
        :raises OutcomeUnknown: it is still undecided when the time is up.
        :raises HistoryPruned: the history no longer reaches back to it, and it is not there.

        >>> hostmap.outcome(hostmap.history.since(0)[-1].change_id)
        'committed'
        >>> hostmap.outcome("0d5e0d3c-9f3c-4d55-8a43-0c6e4d1d9a10")
        'aborted'
        """
        change_id = valid_uuid(change_id, "change_id")
        if revision is not None:
            valid_number(revision, "revision", least=1)
        try:
            return self._database.outcome(change_id, revision)
        except DatabaseUnavailable as error:
            raise OutcomeUnknown(change_id, revision) from error

    # --- copies -------------------------------------------------------------------------------

    def replica(self, *, max_age: float | None = None, read_through: bool = True) -> Replica:
        """A copy of the whole directory in this process, which can follow all changes.

        It is loaded now, in one snapshot. See `Replica`.

        :param max_age: how old, in seconds, what it answers may be; beyond that it raises
            `StaleReplica`. Default: as old as it gets.
        :param read_through: whether a host that it does not know is looked up in the database.
        :raises DatabaseUnavailable: the database is away.

        >>> with hostmap.replica(max_age=60).start() as replica:
        ...     replica.cell_of("compute-1").name, len(replica)
        ('cell1', 3)
        """
        # Here, as most programs have no use for it, and it brings `logging`.
        from hostmap_sql.replica import Replica  # noqa: PLC0415

        return Replica(self._database, self.hosts, max_age=max_age, read_through=read_through)

    # --- the whole ----------------------------------------------------------------------------

    def revision(self) -> int:
        """The newest committed revision, 0 in a new directory.

        >>> hostmap.revision()
        2
        """
        return self.history.newest()

    def check(self, *, limit: int = 1000) -> tuple[Finding, ...]:
        """What in the directory should not be so: nothing, if all is well.

        Looks at the schema, the record of changes, orphaned rows, and whether the mappings agree
        with the record; in one snapshot, so that others may write meanwhile. Changes nothing.

        :param limit: the most findings of one kind; if there are more, a last one says so.
        :raises SchemaOutOfDate: there is no directory at all.

        >>> hostmap.check()
        ()
        """
        from hostmap_sql.checks import check  # noqa: PLC0415 - only for those who check

        return check(self._database, limit)

    def migrate(self) -> tuple[str, ...]:
        """Make the tables, or bring them up to date; return the migrations that were applied.

        An SQLite file that does not exist is made, readable by its owner alone. Needs the extra
        ``migrate``. Of several who migrate at once one does it, and the others wait. Whoever is
        killed in the middle leaves what the next one completes. Where nothing is to be applied
        nothing is locked or written, so that an account that may only read can call it.

        :raises DatabaseError: a migration failed. The message is the database's own, and says what
            to do where that is known.
        :raises DatabaseUnavailable: others were migrating until the timeout, or the connection was
            lost.
        :raises SchemaOutOfDate: the tables are those of a newer version of the library.

        >>> hostmap.migrate()
        ()
        """
        self._create_database()
        return self._migrations().apply()

    def rollback_migrations(self, first: str) -> tuple[str, ...]:
        """Undo a migration and all after it; return those undone. THE DATA IN THEIR TABLES IS LOST.

        :raises InvalidValue: there is no such migration, or it is not applied.

        >>> hostmap.rollback_migrations("0007-cell-mapping-change")
        ('0007-cell-mapping-change',)
        """
        return self._migrations().roll_back(first)

    def migration_status(self) -> tuple[MigrationStatus, ...]:
        """All migrations, in their order, and whether each is applied.

        >>> all(migration.applied for migration in hostmap.migration_status())
        True
        """
        return self._migrations().status()

    def break_migration_lock(self) -> MigrationLock | None:
        """Remove the lock of a migration that was killed; return it, or None if there is none.

        Only a killed ``yoyo apply`` needs that, or on MySQL and MariaDB a `migrate` that was killed
        while it was connected to another server of the cluster: the lock of every other `migrate`
        ends with its connection. See to it that no other is still running: of a living
        ``yoyo apply`` nothing can be seen but its lock.

        :raises DatabaseError: a `migrate` is running, whose lock is left alone.

        >>> hostmap.break_migration_lock() is None
        True
        """
        return self._migrations().break_lock()

    def _migrations(self) -> Migrations:
        # yoyo is an extra, which services do not need
        try:
            from hostmap_sql.migrations import Migrations  # noqa: PLC0415
        except ModuleNotFoundError as error:
            problem = "migrations need yoyo: install it with `pip install 'hostmap-sql[migrate]'`"
            raise DatabaseError(problem) from error
        return Migrations(self._database)

    # --- the end ------------------------------------------------------------------------------

    def close(self) -> None:
        """Close the connections that `connect` made. A pool of the caller's own is left open."""
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.close()


def _nothing() -> None:
    """Do nothing, on a pool and a database that are the caller's."""


def _valid_timeout(timeout: float) -> float:
    return valid_seconds(timeout, "timeout", zero=False)


def _valid_note(note: str | None, field: str) -> str | None:
    return None if note is None else valid_name(note, field)
