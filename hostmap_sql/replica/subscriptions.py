"""Delivers changesets to subscribers, once and in order."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hostmap_sql.replica.log import logger
from hostmap_sql.runtime.processes import PerProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hostmap_sql.models import ChangeSet


class Subscriber:
    """The callbacks of one subscription, and the last revision delivered to it."""

    __slots__ = ("callback", "delivered_revision", "reloaded")

    def __init__(
        self, callback: Callable[[ChangeSet], object], reloaded: Callable[[], object] | None
    ) -> None:
        self.callback = callback
        self.reloaded = reloaded
        self.delivered_revision = 0


@dataclass(frozen=True, slots=True)
class _Delivery:
    """A changeset for one subscriber, or a notice that the replica was loaded again."""

    subscriber: Subscriber
    changeset: ChangeSet | None
    """None if the replica was loaded again."""
    revision: int
    """The revision that the replica has after it."""


class _ProcessState:
    """The lock of the delivering thread of one process."""

    def __init__(self) -> None:
        self.delivering = threading.RLock()
        self.is_delivering = False


class Subscriptions:
    """The subscribers of a replica, and the deliveries pending for them."""

    def __init__(self) -> None:
        self._subscribers: list[Subscriber] = []
        self._pending: deque[_Delivery] = deque()
        self._process = PerProcess(lambda _: _ProcessState())

    def add(self, subscriber: Subscriber) -> None:
        """Deliver to this subscriber from now on."""
        self._subscribers.append(subscriber)

    def remove(self, subscriber: Subscriber) -> None:
        """Stop calling a subscriber; return when no call of it is running in another thread."""
        with self._process().delivering:
            if subscriber in self._subscribers:
                self._subscribers.remove(subscriber)
        if self._pending:  # another thread skipped them, because this one held the lock
            self.deliver(wait=False)

    def current(self) -> tuple[Subscriber, ...]:
        """Return the present subscribers."""
        return tuple(self._subscribers)

    def enqueue(
        self,
        subscribers: Sequence[Subscriber],
        revision: int,
        changesets: Sequence[ChangeSet] | None,
    ) -> None:
        """Queue the changesets up to a revision; None if the replica was loaded again."""
        items = (None,) if changesets is None else changesets
        self._pending.extend(
            _Delivery(subscriber, item, revision) for subscriber in subscribers for item in items
        )

    def deliver(self, *, wait: bool = True) -> None:
        """Make all pending deliveries.

        :param wait: whether to wait for another thread that is delivering. If not, that thread
            delivers everything.
        """
        process = self._process()
        while process.delivering.acquire(blocking=wait):
            try:
                if process.is_delivering:
                    return  # a callback has called `refresh`
                process.is_delivering = True
                try:
                    while self._pending:
                        self._deliver_one(self._pending[0])
                finally:
                    process.is_delivering = False
            finally:
                process.delivering.release()
            # A thread that did not wait for the lock relies on this one for its deliveries.
            if not self._pending:
                return

    def _deliver_one(self, delivery: _Delivery) -> None:
        subscriber, changeset = delivery.subscriber, delivery.changeset
        try:
            if subscriber not in self._subscribers:
                return
            if changeset is None:
                if subscriber.reloaded is not None:
                    subscriber.reloaded()
            elif changeset.revision > subscriber.delivered_revision:
                subscriber.callback(changeset)
        except Exception:  # noqa: BLE001 - logged
            logger().exception("a subscriber of the replica has failed")
        finally:
            # Only after the call: a child process forked during it repeats the delivery, which its
            # parent's thread would have completed. A child forked before the replica had the change
            # may queue it twice, hence `delivered_revision`.
            subscriber.delivered_revision = changeset.revision if changeset else delivery.revision
            if self._pending and self._pending[0] is delivery:
                self._pending.popleft()
