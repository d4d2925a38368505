"""A copy of the whole directory in this process, which follows every change."""

from __future__ import annotations

import os
import threading
import weakref
from contextlib import contextmanager
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from hostmap_sql.bulk import refuse_one_name, valid_hosts
from hostmap_sql.copying import Copy, load, newest
from hostmap_sql.dialects.opening import wait_until
from hostmap_sql.errors import (
    CellMappingNotFound,
    HostMapError,
    HostMappingNotFound,
    StaleReplica,
)
from hostmap_sql.following import Follower
from hostmap_sql.history import HistoryReader
from hostmap_sql.models import valid_number, valid_seconds, valid_uuid
from hostmap_sql.telling import LOG, Subscriber, Subscribers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import TracebackType
    from typing import Self

    from hostmap_sql.database import Database
    from hostmap_sql.hosts import Hosts
    from hostmap_sql.models import CellMapping, ChangeSet

SHORTEST_PAUSE = 0.01
"""The shortest pause, in seconds, between two looks for a revision that is waited for."""


class Replica:
    """A copy of the directory that answers without asking the database. Threads may share it.

    Made by `HostMap.replica`. What it answers is of one revision: whole changes, never half of one.
    It is brought up to date by `refresh`, or by itself once it was started.
    """

    __slots__ = (
        "__weakref__",
        "_changed",
        "_copy",
        "_database",
        "_follower",
        "_hosts",
        "_known_at",
        "_max_age",
        "_refreshing",
        "_subscribers",
        "read_through",
    )

    def __init__(
        self, database: Database, hosts: Hosts, *, max_age: float | None, read_through: bool
    ) -> None:
        self._database = database
        self._hosts = hosts
        self._max_age = None if max_age is None else valid_seconds(max_age, "max_age")
        self.read_through = read_through
        self._subscribers = Subscribers()
        self._follower: Follower | None = None
        self._set_up_locks()
        self._known_at = monotonic()
        self._copy: Copy = database.snapshot(load)
        _REPLICAS.add(self)

    def _set_up_locks(self) -> None:
        self._refreshing = threading.Lock()
        self._changed = threading.Condition()

    # --- answering ----------------------------------------------------------------------------

    def cell_of(self, host: str) -> CellMapping:
        """The cell of a host.

        A host that the replica does not know is looked up in the database, unless it was made with
        ``read_through=False``.

        :raises HostMappingNotFound: it is not mapped.
        :raises StaleReplica: the replica is older than its `max_age`.

        >>> replica = hostmap.replica()
        >>> replica.cell_of("compute-1").name
        'cell1'
        """
        if self._max_age is None:
            # What is asked most by far, in half of the time.
            known = self._copy.at_once.get(host)
            if known is not None:
                return known
        known = self.known_cell_of(host)
        if known is not None:
            return known
        found = self.cells_of([host])
        if not found:
            raise HostMappingNotFound(host)
        return found[host]

    def cells_of(self, hosts: Iterable[str]) -> dict[str, CellMapping]:
        """The cells of many hosts, all of one revision; those that are not mapped are left out.

        What the replica does not know is looked up, as `cell_of` does.

        :raises StaleReplica: the replica is older than its `max_age`.

        >>> replica = hostmap.replica()
        >>> sorted(replica.cells_of(["compute-1", "compute-99"]))
        ['compute-1']
        """
        names = valid_hosts(hosts)
        found = self.known_cells_of(names)
        if self.read_through and len(found) < len(names):
            self._look_up([host for host in names if host not in found])
            found = self._copy.cells_of(names)
        return found

    def known_cell_of(self, host: str) -> CellMapping | None:
        """The cell of a host that the replica knows, None for another. Nobody is asked.

        :raises StaleReplica: the replica is older than its `max_age`.

        >>> hostmap.replica().known_cell_of("compute-99") is None
        True
        """
        self._refuse_if_stale()
        copy = self._copy
        uuid = copy.cell_uuid(host)
        return copy.cells[uuid] if uuid else None

    def known_cells_of(self, hosts: Iterable[str]) -> dict[str, CellMapping]:
        """The cells of those hosts that the replica knows, all of one revision. Nobody is asked.

        :raises InvalidValue: one name was given instead of many.
        :raises StaleReplica: the replica is older than its `max_age`.

        >>> sorted(hostmap.replica().known_cells_of(["compute-1", "compute-99"]))
        ['compute-1']
        """
        self._refuse_if_stale()
        refuse_one_name(hosts)
        return self._copy.cells_of(hosts)

    def hosts_of(self, cell_uuid: str) -> list[str]:
        """The hosts of a cell, ordered.

        :raises CellMappingNotFound: there is no such cell.
        :raises StaleReplica: the replica is older than its `max_age`.

        >>> hostmap.replica().hosts_of(hostmap.cells.get_by_name("cell1").uuid)
        ['compute-1', 'compute-2']
        """
        uuid = valid_uuid(cell_uuid, "cell_uuid")
        self._refuse_if_stale()
        copy = self._copy
        if uuid not in copy.cells:
            raise CellMappingNotFound(uuid)
        return copy.hosts_of(uuid)

    @property
    def cells(self) -> Mapping[str, CellMapping]:
        """All cells, by their UUIDs.

        :raises StaleReplica: the replica is older than its `max_age`.
        """
        self._refuse_if_stale()
        return dict(self._copy.cells)

    def __contains__(self, host: object) -> bool:
        self._refuse_if_stale()
        return isinstance(host, str) and bool(self._copy.cell_uuid(host))

    def __len__(self) -> int:
        return self._copy.size

    def __bool__(self) -> bool:
        return True  # also when it is empty

    @property
    def revision(self) -> int:
        """The revision that it answers from."""
        return self._copy.revision

    @property
    def age(self) -> float:
        """How long ago, in seconds, it was last known to be current."""
        return monotonic() - self._known_at

    def _look_up(self, missing: Iterable[str]) -> None:
        """Ask the database for hosts. Those it has, the copy has then, too.

        Answers come from the copy alone: else they would be of two revisions, and the next one
        older than this one.
        """
        deadline = self._database.deadline()
        if self._hosts.get_many(missing):
            self._catch_up(deadline)
            self._hurry()  # to tell the subscribers
        else:
            with self._alone(deadline):
                return  # what was read before they were missing is published by now

    def _refuse_if_stale(self) -> None:
        if self._max_age is not None and self.age > self._max_age:
            wanted = f"may be {self._max_age:g} s old at most"
            raise StaleReplica(self.revision, self.age, wanted)

    # --- following ----------------------------------------------------------------------------

    def refresh(self) -> int:
        """Bring it up to date now; return its revision.

        :raises DatabaseUnavailable: the database is away. The replica answers as before.
        :raises StaleReplica: another thread was at it, and took too long.

        >>> hostmap.replica().refresh()
        2
        """
        self._refresh()
        return self.revision

    def _refresh(self, *, wait: bool = True) -> None:
        try:
            self._catch_up(self._database.deadline())
        finally:
            self._subscribers.tell(wait=wait)

    @contextmanager
    def _alone(self, deadline: float) -> Iterator[None]:
        """A block in which no other thread brings the copy up to date."""
        if not wait_until(deadline, lambda seconds: self._refreshing.acquire(timeout=seconds)):
            wanted = "was not brought up to date in time"
            raise StaleReplica(self.revision, self.age, wanted)
        try:
            yield
        finally:
            self._refreshing.release()

    def _catch_up(self, deadline: float) -> None:
        with self._alone(deadline):
            copy, asked_at = self._copy, monotonic()
            database = self._database.within(max(0, deadline - asked_at))
            now = HistoryReader(database).poll(copy.revision)
            if now.revision != copy.revision or now.change_id != copy.change_id:
                subscribers = self._subscribers.now()
                told = bool(subscribers)
                database = self._database.within(max(0, deadline - monotonic()))
                copy, news = database.snapshot(lambda s: newest(s, self._copy, told=told))
                self._subscribers.note(subscribers, news)
            self._publish(copy, asked_at)

    def _publish(self, copy: Copy, known_at: float) -> None:
        with self._changed:
            self._copy = copy
            self._known_at = known_at
            self._changed.notify_all()

    def subscribe(
        self,
        callback: Callable[[ChangeSet], object],
        *,
        reloaded: Callable[[], object] | None = None,
    ) -> Callable[[], None]:
        """Have each changeset to come handed to a function, once and in order; return what ends it.

        It is called once the replica has the change, by the thread that follows or by a call of
        `refresh`. What it raises is logged, and keeps nobody from anything.

        :param reloaded: is called where the changes are not to be had, because the history was
            pruned past the replica or the database restored, so that it was loaded anew.
        :raises StaleReplica: another thread was bringing it up to date, and took too long.

        >>> replica, seen = hostmap.replica(), []
        >>> unsubscribe = replica.subscribe(lambda changeset: seen.append(changeset.reason))
        >>> deleted = hostmap.hosts.delete("compute-1")
        >>> replica.refresh(), len(seen)
        (3, 1)
        """
        subscriber = Subscriber(callback, reloaded)
        with self._alone(self._database.deadline()):
            self._subscribers.add(subscriber)
        return partial(self._subscribers.remove, subscriber)

    def wait_for(self, revision: int, timeout: float | None = None) -> None:
        """Return when it has a revision, such as that of a write just made.

        :param timeout: how long, in seconds. Default: as long as any other call may take.
        :raises StaleReplica: it has not got there in that time.

        >>> replica = hostmap.replica()
        >>> replica.wait_for(hostmap.hosts.delete("compute-1").revision)
        >>> "compute-1" in replica
        False
        """
        for left in self._waiting_for(revision, timeout):
            if self._follower is None:
                self._try_refresh(left)
            with self._changed:
                if self.revision < revision:
                    self._changed.wait(min(left, SHORTEST_PAUSE))

    def _waiting_for(self, revision: int, timeout: float | None = None) -> Iterator[float]:
        """While `wait_for` waits, how many seconds are left. Who follows is told to look."""
        wanted = valid_number(revision, "revision")
        seconds = self._database.timeout if timeout is None else valid_seconds(timeout, "timeout")
        deadline = monotonic() + seconds
        while self.revision < wanted:
            left = deadline - monotonic()
            if left <= 0:
                raise StaleReplica(self.revision, self.age, f"revision {wanted} was waited for")
            self._hurry()
            yield left

    def _try_refresh(self, seconds: float) -> None:
        try:
            with self._database.narrowed(seconds):
                self.refresh()
        except HostMapError as error:
            LOG.debug("the replica was not brought up to date: %s", error)

    # --- its thread ---------------------------------------------------------------------------

    def start(self, interval: float = 1.0) -> Self:
        """Follow the changes in a thread from now on, until `close`.

        :param interval: the pause between two looks, in seconds. While nothing changes a look is
            one small SELECT.

        >>> with hostmap.replica().start(interval=0.5) as replica:
        ...     replica.cell_of("compute-1").name
        'cell1'
        """
        self._follow_by(Follower(self, valid_seconds(interval, "interval", zero=False)))
        return self

    def _hurry(self) -> None:
        """It is known that there is something new."""
        follower = self._follower
        if follower is not None:
            follower.hurry()

    def _follow_by(self, follower: Follower | None) -> None:
        """Of those that several threads start at once, each ends the one before it."""
        with self._changed:
            before, self._follower = self._follower, follower
        if before is not None:
            before.stop()

    def close(self) -> None:
        """Stop following. It goes on answering from what it has."""
        self._follow_by(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _after_fork(self) -> None:
        """In a child process: the parent's threads are not there, but may have held the locks."""
        self._set_up_locks()
        self._subscribers.set_up_locks()
        if self._follower is not None:
            self._follower = Follower(self, self._follower.interval)


_REPLICAS: weakref.WeakSet[Replica] = weakref.WeakSet()


def _after_fork() -> None:
    for replica in _REPLICAS:
        replica._after_fork()  # noqa: SLF001 - the same module


os.register_at_fork(after_in_child=_after_fork)
