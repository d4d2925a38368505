"""Those who are told of changes: each change once, in order, and apart from those who read."""

from __future__ import annotations

import logging
import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hostmap_sql.models import ChangeSet

LOG = logging.getLogger("hostmap_sql.replica")


@dataclass(frozen=True, eq=False, slots=True)
class Subscriber:
    """Whom to call with a changeset, and whom if there are none to be had."""

    callback: Callable[[ChangeSet], object]
    reloaded: Callable[[], object] | None


class Subscribers:
    """The subscribers of a replica, and what they were not told yet."""

    def __init__(self) -> None:
        self._all: list[Subscriber] = []
        self._untold: deque[tuple[tuple[Subscriber, ...], Iterable[ChangeSet] | None]] = deque()
        self.set_up_locks()

    def set_up_locks(self) -> None:
        """Have new locks: nobody holds them."""
        self._telling = threading.RLock()
        self._is_telling = False

    def add(self, subscriber: Subscriber) -> None:
        """Tell this one, too, of what comes from now on."""
        self._all.append(subscriber)

    def remove(self, subscriber: Subscriber) -> None:
        """Once this returns it is not called any more."""
        with self._telling:
            if subscriber in self._all:
                self._all.remove(subscriber)
        if self._untold:  # left to this thread, taken for one that tells
            self.tell(wait=False)

    def now(self) -> tuple[Subscriber, ...]:
        """Those who are there now."""
        return tuple(self._all)

    def note(self, subscribers: tuple[Subscriber, ...], news: Iterable[ChangeSet] | None) -> None:
        """Have them told later of changesets; None if there are none to be had."""
        if subscribers:
            self._untold.append((subscribers, news))

    def tell(self, *, wait: bool = True) -> None:
        """Tell them what they were not told yet; return when they have been.

        :param wait: if not, what is there is left to another thread that is telling them now.
        """
        while self._telling.acquire(blocking=wait):
            try:
                if self._is_telling:
                    return  # one of them has asked for it
                self._is_telling = True
                try:
                    while self._untold:
                        self._tell(*self._untold.popleft())
                finally:
                    self._is_telling = False
            finally:
                self._telling.release()
            if not self._untold:  # nobody has left anything meanwhile
                return

    def _tell(self, subscribers: Iterable[Subscriber], news: Iterable[ChangeSet] | None) -> None:
        for subscriber in subscribers:
            if news is None:
                self._call(subscriber, subscriber.reloaded)
            else:
                for changeset in news:
                    self._call(subscriber, subscriber.callback, changeset)

    def _call(
        self, subscriber: Subscriber, callback: Callable[..., object] | None, *arguments: object
    ) -> None:
        if callback is None or subscriber not in self._all:
            return
        try:
            callback(*arguments)
        except Exception:
            LOG.exception("a subscriber of the replica has failed")
