"""The thread that brings a replica up to date."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING

from hostmap_sql.telling import LOG

if TYPE_CHECKING:
    from hostmap_sql.replica import Replica

# While the database is away, the pause between two looks is doubled each time, up to so many
# seconds.
_LONGEST_PAUSE = 30.0


class Follower:
    """Calls a replica's `refresh` again and again. It keeps no replica alive that nobody uses."""

    def __init__(self, replica: Replica, interval: float) -> None:
        self.interval = interval
        self._replica = weakref.ref(replica)
        self._stopped = False
        self._woken = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hostmap_sql replica", daemon=True)
        self._thread.start()

    def hurry(self) -> None:
        """Look now."""
        self._woken.set()

    def stop(self) -> None:
        """End it; a look that is under way is waited for, unless it is itself that asks."""
        self._stopped = True
        self._woken.set()
        try:
            self._thread.join()
        except RuntimeError:  # a callback has closed the replica
            return

    def _run(self) -> None:
        pause, is_away = self.interval, False
        while True:
            self._woken.wait(pause)
            self._woken.clear()
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
    from random import uniform  # noqa: PLC0415 - for what may never be needed

    return uniform(pause / 2, pause)  # noqa: S311 - no secret
