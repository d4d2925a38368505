"""Calls of every kind against the clock."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from itertools import count, cycle, islice
from random import uniform
from threading import Event, Lock, Thread
from time import monotonic
from typing import TYPE_CHECKING, Self

from hostmap_sql import DatabaseUnavailable, OutcomeUnknown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from hostmap_sql import HostMap

CELL = "5f7ccc29-a9eb-417c-865e-b9bd78a72dcc"
"""The first cell of the fixture `cells`."""
NEVER = "0d5e0d3c-9f3c-4d55-8a43-0c6e4d1d9a10"
"""A change that never was."""
SLACK = 0.25
"""By how many seconds a call may be late."""
_DISTURBED = 0.05
"""By how many seconds a machine is late that is too busy to measure anything."""

_NUMBERS = count()


def _name(letter: str) -> str:
    return f"{letter}{next(_NUMBERS)}"


READS: dict[str, Callable[[HostMap], object]] = {
    "hosts.list": lambda hostmap: hostmap.hosts.list(),
    "revision": lambda hostmap: hostmap.revision(),
    "cells.host_counts": lambda hostmap: hostmap.cells.host_counts(),
    "history.since": lambda hostmap: hostmap.history.since(0),
    "hosts.get_many": lambda hostmap: hostmap.hosts.get_many(["a", "b"]),
}
WRITES: dict[str, Callable[[HostMap], object]] = {
    "hosts.create": lambda hostmap: hostmap.hosts.create(_name("h"), CELL),
    "hosts.create_many": lambda hostmap: hostmap.hosts.create_many([(_name("h"), CELL)] * 2),
    "cells.create": lambda hostmap: hostmap.cells.create(_name("c")),
    "run": lambda hostmap: hostmap.run(lambda tx: tx.hosts.create(_name("h"), CELL)),
    "history.prune": lambda hostmap: hostmap.history.prune(before=1),
    "outcome": lambda hostmap: hostmap.outcome(NEVER),
}
CALLS = READS | WRITES


class Metronome:
    """Tells by how much a thread of this process is late that has nothing to do but to wake."""

    _BEAT = 0.01

    def __init__(self) -> None:
        self._ticks: list[tuple[float, float]] = []
        self._end = Event()
        self._thread = Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        due = monotonic() + self._BEAT
        while not self._end.wait(max(0, due - monotonic())):
            now = monotonic()
            self._ticks.append((now, now - due))
            due = now + self._BEAT

    def late_since(self, started: float) -> float:
        """By how many seconds it was late, taken together, since then."""
        return sum(late for at, late in self._ticks[-1000:] if at >= started)


class Stopwatch:
    """Times calls from several threads.

    A call that is late on a machine that stood still shows nothing: it is made again. One that is
    late because of itself is so each time.
    """

    _TRIES = 5

    def __init__(self) -> None:
        self.calls = 0
        self.failed = 0
        self.late: list[tuple[str, float, float]] = []
        """The calls that took too long: their names, how long they should have and had taken."""
        self._lock = Lock()

    def measure(
        self, name: str, timeout: float, call: Callable[[], object], metronome: Metronome
    ) -> None:
        """Make a call and time it."""
        for _ in range(self._TRIES):
            failed = False
            started = monotonic()
            try:
                call()
            except (DatabaseUnavailable, OutcomeUnknown):
                failed = True
            took = monotonic() - started
            if took <= timeout + SLACK or metronome.late_since(started) < _DISTURBED:
                break
        with self._lock:
            self.calls += 1
            self.failed += failed
            if took > timeout + SLACK:
                self.late.append((name, timeout, took))


def time_calls(
    number: int,
    calls: Mapping[str, Callable[[HostMap], object]],
    opened: Callable[[float], AbstractContextManager[HostMap]],
    *,
    threads: int = 8,
) -> Stopwatch:
    """Make so many calls, some side by side, each with a time of its own.

    Half of them have it from `connect`, and half from a `timeout` block.

    :param opened: a directory for a block, given the time-out of `connect`.
    """
    stopwatch = Stopwatch()

    def measure(number: int, name: str) -> None:
        timeout = uniform(0.2, 0.5)
        narrowed = number % 2
        with opened(20.0 if narrowed else timeout) as hostmap, ExitStack() as block:
            if narrowed:
                block.enter_context(hostmap.timeout(timeout))
            stopwatch.measure(name, timeout, partial(calls[name], hostmap), metronome)

    with Metronome() as metronome, ThreadPoolExecutor(threads) as pool:
        names = islice(cycle(calls), number)
        for done in [pool.submit(measure, *each) for each in enumerate(names)]:
            done.result()
    return stopwatch
