"""Those who are told of changes: each change once, in order, and apart from those who read."""

from __future__ import annotations

import logging
import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hostmap_sql.dialects.process import PerProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hostmap_sql.models import ChangeSet

LOG = logging.getLogger("hostmap_sql.replica")


class Subscriber:
    """The functions to call with a changeset, and when the replica was loaded again."""

    __slots__ = ("callback", "reloaded", "told")

    def __init__(
        self,
        callback: Callable[[ChangeSet], object],
        reloaded: Callable[[], object] | None,
        told: int = 0,
    ) -> None:
        self.callback = callback
        self.reloaded = reloaded
        self.told = told
        """The revision up to which changes were delivered."""


@dataclass(frozen=True, slots=True)
class News:
    """What a subscriber was not told yet, and the revision that the replica has then."""

    revision: int
    subscriber: Subscriber
    changeset: ChangeSet | None
    """None if the replica was loaded anew."""


class _Teller:
    """Who is telling them, of the threads of one process."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.is_telling = False


class Subscribers:
    """The subscribers of a replica, and what they were not told yet."""

    def __init__(self) -> None:
        self._all: list[Subscriber] = []
        self._untold: deque[News] = deque()
        self._process = PerProcess(lambda _: _Teller())

    def add(self, subscriber: Subscriber) -> None:
        """Tell this one, too, of what comes from now on."""
        self._all.append(subscriber)

    def remove(self, subscriber: Subscriber) -> None:
        """Once this returns it is not called any more."""
        with self._process().lock:
            if subscriber in self._all:
                self._all.remove(subscriber)
        if self._untold:  # left to this thread, taken for one that tells
            self.tell(wait=False)

    def now(self) -> tuple[Subscriber, ...]:
        """Those who are there now."""
        return tuple(self._all)

    def note(
        self,
        subscribers: tuple[Subscriber, ...],
        revision: int,
        news: Iterable[ChangeSet] | None,
    ) -> None:
        """Have them told later of the changesets up to a revision; None if there are none."""
        changesets = (None,) if news is None else tuple(news)
        self._untold.extend(
            News(revision, subscriber, changeset)
            for subscriber in subscribers
            for changeset in changesets
        )

    def tell(self, *, wait: bool = True) -> None:
        """Tell them what they were not told yet; return when they have been.

        :param wait: if not, what is there is left to another thread that is telling them now.
        """
        teller = self._process()
        while teller.lock.acquire(blocking=wait):
            try:
                if teller.is_telling:
                    return  # one of them has asked for it
                teller.is_telling = True
                try:
                    while self._untold:
                        self._tell(self._untold[0])
                finally:
                    teller.is_telling = False
            finally:
                teller.lock.release()
            if not self._untold:  # nobody has left anything meanwhile
                return

    def _tell(self, news: News) -> None:
        subscriber, changeset = news.subscriber, news.changeset
        try:
            if subscriber not in self._all:
                return
            if changeset is None:
                if subscriber.reloaded is not None:
                    subscriber.reloaded()
            elif changeset.revision > subscriber.told:
                subscriber.callback(changeset)
        except Exception:
            LOG.exception("a subscriber of the replica has failed")
        finally:
            # Not before: in a process that is forked meanwhile another thread tells it. There it
            # may be noted twice, too, if the process was forked before the replica had it.
            subscriber.told = changeset.revision if changeset else news.revision
            if self._untold and self._untold[0] is news:
                self._untold.popleft()
