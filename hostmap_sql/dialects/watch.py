"""The watch: ends what a connection is waiting for, once the time of the call is up.

Neither driver can be told how long an answer may take as a whole: a server that is paused, packets
that nobody answers, a byte a second keep them waiting. So one thread of the process looks after all
calls, asleep until the first of them is due. A call that ends in time costs an entry in a dict.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from math import inf
from threading import get_ident
from time import monotonic
from typing import TYPE_CHECKING, Any

from hostmap_sql.dialects.process import MARK, PerProcess, notice

if TYPE_CHECKING:
    from collections.abc import Callable

# What has been cut and has not ended is cut again after so many seconds: it was not waiting yet.
_AGAIN = 0.02

# What its caller has given up may still take so many seconds: most calls end by themselves in that.
_GRACE = 0.1


class _Calls:
    """The calls of one process, and the thread that looks after them."""

    def __init__(self) -> None:
        self.running: dict[int, tuple[float, Callable[[Any], object], Any, int]] = {}
        self.given_up: dict[int, float] = {}
        self.looks_at = inf
        self._hurry = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def look_at(self, time: float) -> None:
        """Have the thread awake at this time at the latest."""
        self.looks_at = time
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
            self.looks_at = inf
            self.looks_at = soonest = min(self.looks_at, self._cut_overdue())
            self._hurry.wait(None if soonest == inf else max(0, soonest - monotonic()))

    def _cut_overdue(self) -> float:
        """Cut what is overdue; return when the next is."""
        now = monotonic()
        soonest = now + _AGAIN if self.given_up else inf
        # Not their items: of those the list is made step by step, and calls begin meanwhile.
        for call in list(self.running.values()):
            deadline, cut, connection, thread = call
            is_overdue = deadline <= now or self.given_up.get(thread, inf) <= now
            if is_overdue and self.running.get(id(connection)) is call:  # it may be another one's
                with suppress(Exception):  # it may be closed by now
                    cut(connection)
            soonest = min(soonest, max(deadline, now + _AGAIN))
        return soonest


class Watch:
    """Cuts the connections whose calls are overdue."""

    def __init__(self) -> None:
        self._process = PerProcess(lambda _: _Calls())

    def begin(self, connection: Any, deadline: float, cut: Callable[[Any], object]) -> None:
        """A call begins: ``cut(connection)`` once `deadline`, by the monotonic clock, is past."""
        if not MARK[0]:  # inline: every lookup passes here
            notice()
        calls = self._process.value
        calls.running[id(connection)] = deadline, cut, connection, get_ident()
        if deadline < calls.looks_at:
            calls.look_at(deadline)

    def end(self, connection: Any) -> None:
        """The call on this connection has ended."""
        self._process.value.running.pop(id(connection), None)

    # --- what nobody waits for any more -------------------------------------------------------

    def give_up(self, thread: int) -> None:
        """Have what this thread does end soon, and nothing be committed: its caller has left."""
        calls = self._process()
        calls.given_up[thread] = soon = monotonic() + _GRACE
        calls.look_at(soon)

    def has_given_up(self) -> bool:
        """Whether the caller of this thread has left."""
        return get_ident() in self._process().given_up

    def relax(self, thread: int) -> None:
        """What this thread did has ended."""
        self._process().given_up.pop(thread, None)


WATCH = Watch()
