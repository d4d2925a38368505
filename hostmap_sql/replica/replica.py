"""A copy of the whole directory in this process, which follows every change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostmap_sql.directory.bulk_plan import refuse_one_name, valid_hosts
from hostmap_sql.errors import CellMappingNotFound, HostMappingNotFound
from hostmap_sql.replica.refresher import Refresher
from hostmap_sql.replica.subscriptions import Subscriber
from hostmap_sql.replica.waiting import wait_for
from hostmap_sql.runtime.processes import MARK
from hostmap_sql.secret_arguments import hide_arguments_of, hide_frames
from hostmap_sql.validation import valid_seconds, valid_uuid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType
    from typing import Self

    from hostmap_sql.directory.hosts import Hosts
    from hostmap_sql.engine.database import Database
    from hostmap_sql.models import CellMapping, ChangeSet


@hide_arguments_of(except_for=["cell_of", "known_cell_of"])
class Replica:
    """A copy of the directory that answers without a query. Threads may share it.

    Made by `HostMap.replica`. Each answer is of one revision: whole changes, never half of one.
    `refresh` brings it up to date, and so does its own thread after `start`.
    """

    __slots__ = ("__weakref__", "_hosts", "_read_through", "_refresher")

    def __init__(
        self, database: Database, hosts: Hosts, *, max_age: float | None, read_through: bool
    ) -> None:
        max_age = None if max_age is None else valid_seconds(max_age, "max_age")
        self._hosts = hosts
        self._read_through = read_through
        self._refresher = Refresher(database, max_age)

    # --- answers ------------------------------------------------------------------------------

    def cell_of(self, host: str) -> CellMapping:
        """Return the cell of a host.

        A host that the replica lacks is looked up in the database, unless the replica was made
        with ``read_through=False``.

        :raises HostMappingNotFound: the host is not mapped.
        :raises StaleReplica: the replica is older than its `max_age`.

        >>> replica = hostmap.replica()
        >>> replica.cell_of("compute-1").name
        'cell1'
        """
        try:  # inline: this is the hot path
            refresher = self._refresher
            if not (refresher.is_checked and MARK[0]):
                refresher.check()
            snapshot = refresher.snapshot
            known = snapshot.cells_by_host.get(host) or snapshot.cell_of(host)
            return self._found_cell_of(host) if known is None else known
        except BaseException as error:
            hide_frames(error, host)
            raise

    def cells_of(self, hosts: Iterable[str]) -> dict[str, CellMapping]:
        """Return the cells of many hosts, all of one revision, without those that are not mapped.

        Hosts that the replica lacks are looked up, as by `cell_of`.

        :raises StaleReplica: the replica is older than its `max_age`.

        >>> replica = hostmap.replica()
        >>> sorted(replica.cells_of(["compute-1", "compute-99"]))
        ['compute-1']
        """
        names = valid_hosts(hosts)
        found = self.known_cells_of(names)
        if self._read_through and len(found) < len(names):
            self._look_up([host for host in names if host not in found])
            found = self._refresher.snapshot.cells_of(names)
        return found

    def known_cell_of(self, host: str) -> CellMapping | None:
        """Return the cell of a host that the replica has, None for any other, without a query.

        :raises StaleReplica: the replica is older than its `max_age`.

        >>> hostmap.replica().known_cell_of("compute-99") is None
        True
        """
        try:
            refresher = self._refresher
            if not (refresher.is_checked and MARK[0]):
                refresher.check()
            return refresher.snapshot.cell_of(host)
        except BaseException as error:
            hide_frames(error, host)
            raise

    def known_cells_of(self, hosts: Iterable[str]) -> dict[str, CellMapping]:
        """Return the cells of those hosts that the replica has, of one revision, without a query.

        :raises InvalidValue: one name was given instead of many.
        :raises StaleReplica: the replica is older than its `max_age`.

        >>> sorted(hostmap.replica().known_cells_of(["compute-1", "compute-99"]))
        ['compute-1']
        """
        self._refresher.check()
        refuse_one_name(hosts)
        return self._refresher.snapshot.cells_of(hosts)

    def hosts_of(self, cell_uuid: str) -> list[str]:
        """Return the hosts of a cell, sorted.

        :raises CellMappingNotFound: there is no such cell.
        :raises StaleReplica: the replica is older than its `max_age`.

        >>> hostmap.replica().hosts_of(hostmap.cells.get_by_name("cell1").uuid)
        ['compute-1', 'compute-2']
        """
        uuid = valid_uuid(cell_uuid, "cell_uuid")
        self._refresher.check()
        snapshot = self._refresher.snapshot
        if uuid not in snapshot.cells:
            raise CellMappingNotFound(uuid)
        return snapshot.hosts_of(uuid)

    @property
    def cells(self) -> Mapping[str, CellMapping]:
        """All cells, by UUID.

        :raises StaleReplica: the replica is older than its `max_age`.
        """
        self._refresher.check()
        return dict(self._refresher.snapshot.cells)

    def __contains__(self, host: object) -> bool:
        self._refresher.check()
        return isinstance(host, str) and bool(self._refresher.snapshot.cell_uuid(host))

    def __len__(self) -> int:
        self._refresher.await_first_refresh()
        return self._refresher.snapshot.size

    def __bool__(self) -> bool:
        return True  # also when it is empty

    @property
    def revision(self) -> int:
        """The revision of the answers."""
        self._refresher.await_first_refresh()
        return self._refresher.snapshot.revision

    @property
    def age(self) -> float:
        """The seconds since the replica was last known to be current."""
        self._refresher.await_first_refresh()
        return self._refresher.age()

    @property
    def read_through(self) -> bool:
        """Whether hosts that the replica lacks are looked up in the database."""
        return self._read_through

    def _found_cell_of(self, host: str) -> CellMapping:
        found = self.cells_of([host])
        if not found:
            raise HostMappingNotFound(host)
        return found[host]

    def _look_up(self, missing: Iterable[str]) -> None:
        """Catch up if the database has any of these hosts.

        Only snapshots give answers: with rows added, an answer could be newer than the next one.
        """
        refresher = self._refresher
        deadline = refresher.database.deadline()
        if self._hosts.get_many(missing):
            refresher.catch_up(deadline)
            refresher.wake()  # to deliver to the subscribers
        else:
            # A refresh that began before these hosts were deleted may still publish them.
            with refresher.exclusively(deadline):
                return

    # --- following ----------------------------------------------------------------------------

    def refresh(self) -> int:
        """Bring the replica up to date now; return its revision.

        :raises DatabaseUnavailable: the database is unavailable. Answers stay as they were.
        :raises StaleReplica: another thread was refreshing and took too long.

        >>> hostmap.replica().refresh()
        2
        """
        return self._refresher.refresh()

    def wait_for(self, revision: int, *, timeout: float | None = None) -> None:
        """Wait until the replica has a revision, such as that of a write just made.

        :param timeout: in seconds. Default: the timeout of other calls.
        :raises StaleReplica: the replica does not have the revision in that time.

        >>> replica = hostmap.replica()
        >>> replica.wait_for(hostmap.hosts.delete("compute-1").revision)
        >>> "compute-1" in replica
        False
        """
        wait_for(self._refresher, revision, timeout)

    def subscribe(
        self,
        callback: Callable[[ChangeSet], object],
        *,
        reloaded: Callable[[], object] | None = None,
    ) -> Callable[[], None]:
        """Call a function with each later changeset, once and in order; return a function to stop.

        The call is made once the replica has the change, by its thread or by a call of `refresh`.
        Exceptions of the function are logged and affect nothing else.

        :param reloaded: is called when changes are missing, because the history was pruned past
            the replica or the database restored, and the whole directory was loaded again.
        :raises StaleReplica: another thread was refreshing and took too long.

        >>> replica, seen = hostmap.replica(), []
        >>> unsubscribe = replica.subscribe(lambda changeset: seen.append(changeset.reason))
        >>> deleted = hostmap.hosts.delete("compute-1")
        >>> replica.refresh(), len(seen)
        (3, 1)
        """
        return self._refresher.subscribe(Subscriber(callback, reloaded))

    def start(self, *, interval: float = 1.0) -> Self:
        """Follow the changes in a thread, until `close`.

        :param interval: the pause between two refreshes, in seconds. While nothing changes, a
            refresh is one small SELECT.

        >>> with hostmap.replica().start(interval=0.5) as replica:
        ...     replica.cell_of("compute-1").name
        'cell1'
        """
        self._refresher.start(valid_seconds(interval, "interval", zero=False))
        return self

    def close(self) -> None:
        """Stop following. Answers stay as they are."""
        self._refresher.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.close()
