"""The watch: ends what a connection is waiting for, once the time of the call is up.

Neither driver can be told how long an answer may take as a whole: a server that is paused, packets
that nobody answers, a byte a second keep them waiting. So one thread of the process looks after all
calls, asleep until the first of them is due. A call that ends in time costs an entry in a dict.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from math import inf
from threading import get_ident
from time import monotonic
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

# What has been cut and has not ended is cut again after so many seconds: it was not waiting yet.
_AGAIN = 0.02

# What its caller has given up may still take so many seconds: most calls end by themselves in that.
_GRACE = 0.1


class Watch:
    """Cuts the connections whose calls are overdue."""

    def __init__(self) -> None:
        self._reset()
        # A child process has the calls of its parent, but no thread.
        os.register_at_fork(after_in_child=self._reset)

    def _reset(self) -> None:
        self._calls: dict[int, tuple[float, Callable[[Any], object], Any, int]] = {}
        self._given_up: dict[int, float] = {}
        self._looks_at = inf
        self._hurry = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def begin(self, connection: Any, deadline: float, cut: Callable[[Any], object]) -> None:
        """A call begins: ``cut(connection)`` once `deadline`, by the monotonic clock, is past."""
        self._calls[id(connection)] = deadline, cut, connection, get_ident()
        if deadline < self._looks_at:
            self._look_at(deadline)

    def end(self, connection: Any) -> None:
        """The call on this connection has ended."""
        self._calls.pop(id(connection), None)

    # --- what nobody waits for any more -------------------------------------------------------

    def give_up(self, thread: int) -> None:
        """Have what this thread does end soon, and nothing be committed: its caller has left."""
        self._given_up[thread] = soon = monotonic() + _GRACE
        self._look_at(soon)

    def has_given_up(self) -> bool:
        """Whether the caller of this thread has left."""
        return get_ident() in self._given_up

    def relax(self, thread: int) -> None:
        """What this thread did has ended."""
        self._given_up.pop(thread, None)

    # --- its thread ---------------------------------------------------------------------------

    def _look_at(self, time: float) -> None:
        self._looks_at = time
        if self._thread is None:
            self._start()
        self._hurry.set()

    def _start(self) -> None:
        # Without a thread, which a program that is ending no longer gets, calls take their time.
        with self._starting, suppress(RuntimeError):
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="hostmap_sql watch", daemon=True)
                thread.start()
                self._thread = thread

    def _run(self) -> None:
        while True:
            # In this order: who begins from here on either is seen below or hurries us.
            self._hurry.clear()
            self._looks_at = inf
            self._looks_at = soonest = min(self._looks_at, self._cut_overdue())
            self._hurry.wait(None if soonest == inf else max(0, soonest - monotonic()))

    def _cut_overdue(self) -> float:
        """Cut what is overdue; return when the next is."""
        now = monotonic()
        soonest = now + _AGAIN if self._given_up else inf
        # Not their items: of those the list is made step by step, and calls begin meanwhile.
        for call in list(self._calls.values()):
            deadline, cut, connection, thread = call
            is_overdue = deadline <= now or self._given_up.get(thread, inf) <= now
            if is_overdue and self._calls.get(id(connection)) is call:  # it may be another one's
                with suppress(Exception):  # it may be closed by now
                    cut(connection)
            soonest = min(soonest, max(deadline, now + _AGAIN))
        return soonest


WATCH = Watch()
