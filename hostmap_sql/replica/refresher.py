"""Owns the snapshot of a replica and replaces it with newer ones."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, NoReturn
from weakref import WeakMethod

from hostmap_sql.directory.history import HistoryReader
from hostmap_sql.errors import HostMapError, StaleReplica
from hostmap_sql.replica.loading import load, load_newer
from hostmap_sql.replica.log import logger
from hostmap_sql.replica.refresh_thread import RefreshThread
from hostmap_sql.replica.subscriptions import Subscriber, Subscriptions
from hostmap_sql.runtime.deadlines import wait_until
from hostmap_sql.runtime.processes import Living, PerProcess, whenever_new

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hostmap_sql.engine.database import Database
    from hostmap_sql.replica.snapshot import DirectorySnapshot


# The longest time, in seconds, that the first answer in a new process waits for a refresh.
_FIRST_REFRESH = 1.0


class _ProcessState:
    """The locks of one process, and whether it may answer without waiting for a refresh."""

    def __init__(self, *, is_current: bool) -> None:
        self.refreshing = threading.Lock()
        self.published = threading.Condition()
        self.is_current = is_current


class Refresher:
    """Owns the snapshot of a replica and replaces it with newer ones. Threads may share it."""

    def __init__(self, database: Database, max_age: float | None) -> None:
        self.database = database
        self._max_age = max_age
        self._subscriptions = Subscriptions()
        # The snapshot that a child process inherits may be old.
        self._process = PerProcess(lambda parents: _ProcessState(is_current=parents is None))
        self.thread: RefreshThread | None = None
        self.is_checked = False
        """Whether answers need no `check` while `MARK` is set."""
        self.known_at = monotonic()
        """When the snapshot was last known to be current, by the monotonic clock."""
        self.snapshot: DirectorySnapshot = database.snapshot(load)
        _REFRESHERS.add(self)

    # --- the age of the snapshot --------------------------------------------------------------

    def age(self) -> float:
        """Return the seconds since the snapshot was last known to be current."""
        return monotonic() - self.known_at

    def check(self) -> None:
        """Make sure that answers may be given from the snapshot.

        :raises StaleReplica: it is older than `max_age`.
        """
        self.await_first_refresh()
        if self._max_age is not None and self.age() > self._max_age:
            self.raise_stale(f"may be {self._max_age:g} s old at most")

    def await_first_refresh(self) -> None:
        """In a forked process, wait for the first refresh by its thread, if that is overdue."""
        process = self._process()
        if not process.is_current:
            thread, known_at = self.thread, self.known_at
            if thread is not None and monotonic() - known_at > thread.interval:
                thread.wake()
                self._wait(lambda: self.known_at > known_at, _FIRST_REFRESH)
            process.is_current = True
        self.is_checked = self._max_age is None

    def raise_stale(self, problem: str) -> NoReturn:
        """Raise a `StaleReplica` with the present revision and age."""
        raise StaleReplica(self.snapshot.revision, self.age(), problem)

    # --- catching up --------------------------------------------------------------------------

    def refresh(self, *, wait: bool = True) -> int:
        """Catch up, deliver the changes to the subscribers, and return the revision.

        :param wait: whether to wait for another thread that is delivering.
        """
        try:
            self.catch_up(self.database.deadline())
        finally:
            self._subscriptions.deliver(wait=wait)
        return self.snapshot.revision

    def try_refresh(self, seconds: float) -> None:
        """Refresh within some seconds; log errors."""
        try:
            with self.database.limit_timeout(seconds):
                self.refresh()
        except HostMapError as error:
            logger().debug("the replica could not be refreshed: %s", error)

    def catch_up(self, deadline: float) -> None:
        """Publish the newest snapshot, and queue the changes for the subscribers."""
        with self.exclusively(deadline):
            snapshot, asked_at = self.snapshot, monotonic()
            database = self.database.within(max(0, deadline - asked_at))
            position = HistoryReader(database).position(snapshot.revision)
            if (position.revision, position.change_id) != (snapshot.revision, snapshot.change_id):
                snapshot = self._load_newer(deadline)
            published = self._process().published
            with published:
                self.snapshot, self.known_at = snapshot, asked_at
                published.notify_all()

    def _load_newer(self, deadline: float) -> DirectorySnapshot:
        subscribers = self._subscriptions.current()
        database = self.database.within(max(0, deadline - monotonic()))
        snapshot, changesets = database.snapshot(
            partial(load_newer, snapshot=self.snapshot, with_changesets=bool(subscribers))
        )
        self._subscriptions.enqueue(subscribers, snapshot.revision, changesets)
        return snapshot

    @contextmanager
    def exclusively(self, deadline: float) -> Iterator[None]:
        """Keep other threads from catching up during a block.

        :raises StaleReplica: another thread was catching up until the deadline.
        """
        refreshing = self._process().refreshing
        if not wait_until(deadline, lambda seconds: refreshing.acquire(timeout=seconds)):
            self.raise_stale("was not brought up to date in time")
        try:
            yield
        finally:
            refreshing.release()

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Deliver later changes to a subscriber; return a function that ends this."""
        with self.exclusively(self.database.deadline()):
            self._subscriptions.add(subscriber)
        return partial(self._subscriptions.remove, subscriber)

    def wait_for(self, revision: int, seconds: float) -> None:
        """Wait for a snapshot of this revision or a later one, for at most some seconds."""
        self._wait(lambda: self.snapshot.revision >= revision, seconds)

    def _wait(self, condition: Callable[[], bool], seconds: float) -> None:
        published = self._process().published
        with published:
            published.wait_for(condition, seconds)

    # --- the thread ---------------------------------------------------------------------------

    def start(self, interval: float) -> None:
        """Refresh at an interval, in seconds, in a new thread that replaces any present one."""
        thread = RefreshThread(WeakMethod(self._refresh_in_thread), interval)
        thread.start()
        self._replace_thread(thread)

    def stop(self) -> None:
        """End the thread, if there is one."""
        self._replace_thread(None)

    def wake(self) -> None:
        """Have the thread, if there is one, refresh now."""
        thread = self.thread
        if thread is not None:
            thread.wake()

    def _refresh_in_thread(self) -> int:
        # A callback in another thread may be stopping this one: waiting for it would be a deadlock.
        return self.refresh(wait=False)

    def _replace_thread(self, thread: RefreshThread | None) -> None:
        with self._process().published:  # of several concurrent starts, only the last thread stays
            previous, self.thread = self.thread, thread
        if previous is not None:
            previous.stop()

    def start_in_child(self) -> None:
        """Start the thread in a forked process, if the parent had one."""
        self.is_checked = False
        try:
            if self.thread is not None:
                self.thread.start()
        except RuntimeError as error:
            logger().warning("the replica cannot be refreshed in a new process: %s", error)


_REFRESHERS: Living[Refresher] = Living()


@whenever_new
def _start_in_child() -> None:
    for refresher in _REFRESHERS:
        refresher.start_in_child()
