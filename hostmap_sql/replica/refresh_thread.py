"""The thread that refreshes a replica at an interval."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from hostmap_sql.replica.log import logger
from hostmap_sql.runtime.deadlines import random_pause
from hostmap_sql.runtime.processes import PerProcess

if TYPE_CHECKING:
    from collections.abc import Callable
    from weakref import WeakMethod


# While the database is unavailable, each pause is twice the one before, up to this, in seconds.
_LONGEST_PAUSE = 30.0


class _ProcessState:
    """The thread of one process."""

    def __init__(self) -> None:
        self.woken = threading.Event()
        self.starting = threading.Lock()
        self.thread: threading.Thread | None = None


class RefreshThread:
    """Calls a method at an interval, in a thread of each process, until the object is collected.

    :param refresh: refreshes, and returns the revision.
    :param interval: the pause between two calls, in seconds.
    """

    def __init__(self, refresh: WeakMethod[Callable[[], int]], interval: float) -> None:
        self.interval = interval
        self._refresh = refresh
        self._is_stopped = False
        self._process = PerProcess(lambda _: _ProcessState())

    def start(self) -> None:
        """Start the thread of this process, unless it runs already.

        :raises RuntimeError: no thread can be started.
        """
        process = self._process.value
        with process.starting:
            if process.thread is None and not self._is_stopped:
                thread = threading.Thread(target=self._run, name="hostmap_sql replica", daemon=True)
                thread.start()
                process.thread = thread

    def wake(self) -> None:
        """Refresh now, without waiting for the end of the interval."""
        self._process().woken.set()

    def stop(self) -> None:
        """End the thread; wait for a running refresh, unless that refresh is the caller."""
        self._is_stopped = True
        process = self._process()
        process.woken.set()
        if process.thread is not None:
            with suppress(RuntimeError):  # a callback of this thread closes the replica
                process.thread.join()

    def _run(self) -> None:
        pause, is_failing = self.interval, False
        woken = self._process.value.woken
        while True:
            woken.wait(pause)
            woken.clear()
            refresh = self._refresh()
            if self._is_stopped or refresh is None:
                return
            try:
                revision = refresh()
            except Exception as error:  # noqa: BLE001 - the thread must survive every failure
                if not is_failing:
                    logger().warning("the replica cannot be refreshed: %s; retrying", error)
                is_failing = True
                longest = min(2 * pause, max(_LONGEST_PAUSE, self.interval))
                pause = random_pause(longest / 2, longest)
            else:
                if is_failing:
                    logger().warning("the replica is refreshed again, at revision %d", revision)
                pause, is_failing = self.interval, False
            del refresh  # so that the replica can be collected during the pause
