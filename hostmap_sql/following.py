"""The thread that brings a replica up to date."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING

from hostmap_sql.dialects.process import PerProcess
from hostmap_sql.telling import LOG

if TYPE_CHECKING:
    from hostmap_sql.replica import Replica

# While the database is away, the pause between two looks is doubled each time, up to so many
# seconds.
_LONGEST_PAUSE = 30.0


class Locks:
    """The locks of a replica in one process, and whether it was brought up to date there."""

    def __init__(self, *, is_current: bool) -> None:
        self.refreshing = threading.Lock()
        self.changed = threading.Condition()
        self.is_current = is_current


class _Runner:
    """The thread of one process."""

    def __init__(self) -> None:
        self.woken = threading.Event()
        self.starting = threading.Lock()
        self.thread: threading.Thread | None = None


class Follower:
    """Calls a replica's `refresh` again and again. It keeps no replica alive that nobody uses."""

    def __init__(self, replica: Replica, interval: float) -> None:
        self.interval = interval
        self._replica = weakref.ref(replica)
        self._stopped = False
        self._process = PerProcess(lambda _: _Runner())
        self.run()

    def run(self) -> None:
        """Have a thread in this process.

        :raises RuntimeError: there is none to be had.
        """
        runner = self._process.value
        with runner.starting:
            if runner.thread is None and not self._stopped:
                thread = threading.Thread(target=self._run, name="hostmap_sql replica", daemon=True)
                thread.start()
                runner.thread = thread

    def hurry(self) -> None:
        """Look now."""
        self._process().woken.set()

    def stop(self) -> None:
        """End it; a look that is under way is waited for, unless it is itself that asks."""
        self._stopped = True
        runner = self._process()
        runner.woken.set()
        try:
            if runner.thread is not None:
                runner.thread.join()
        except RuntimeError:  # a callback has closed the replica
            return

    def _run(self) -> None:
        pause, is_away = self.interval, False
        woken = self._process.value.woken
        while True:
            woken.wait(pause)
            woken.clear()
            replica = self._replica()
            if self._stopped or replica is None:
                return
            try:
                # Who is telling now may be about to stop this thread, and wait for its end.
                replica._refresh(wait=False)  # noqa: SLF001 - its own thread
            except Exception as error:  # noqa: BLE001 - whatever it is, it must go on following
                if not is_away:
                    LOG.warning("the replica cannot follow: %s; it goes on trying", error)
                is_away = True
                pause = _jittered(min(2 * pause, max(_LONGEST_PAUSE, self.interval)))
            else:
                if is_away:
                    LOG.warning("the replica follows again, at revision %d", replica.revision)
                pause, is_away = self.interval, False
            del replica  # it may be forgotten while nobody looks


def _jittered(pause: float) -> float:
    from random import SystemRandom  # noqa: PLC0415 - for what may never be needed

    # Processes that were forked without Python's knowledge draw the same from any other.
    return SystemRandom().uniform(pause / 2, pause)
