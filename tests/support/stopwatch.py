"""Measures whether calls of every kind keep their timeouts."""

from __future__ import annotations

import os
from contextlib import ExitStack
from itertools import count, cycle, islice, pairwise
from queue import Empty, SimpleQueue
from random import uniform
from threading import Event, Lock, Thread
from time import monotonic
from typing import TYPE_CHECKING, Self

from hostmap_sql import DatabaseUnavailable, OutcomeUnknown
from tests.support.pace import PATIENT, SLACK, SLOWNESS, slowness

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from hostmap_sql import HostMap

CELL = "5f7ccc29-a9eb-417c-865e-b9bd78a72dcc"
"""The first cell of the fixture `cells`."""
NEVER = "0d5e0d3c-9f3c-4d55-8a43-0c6e4d1d9a10"
"""The id of no change."""
_DISTURBED = 0.05
"""A machine that wakes threads later than this, in seconds, is too busy to measure anything."""
_SLOWED = 1.3
"""A machine that has become slower than this, compared with the beginning, is too busy as well."""
_TRIES = 5

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
    "outcome": lambda hostmap: hostmap.outcome(NEVER),
}
CALLS = READS | WRITES


class Metronome:
    """Measures how late threads of this process wake, with one thread on each processor.

    A virtual machine may lose one processor for a while and keep the others.
    """

    _BEAT = 0.01

    def __init__(self) -> None:
        self._end = Event()
        self._beats: list[list[float]] = []
        self._threads: list[Thread] = []
        for processor in os.sched_getaffinity(0):
            beats = list[float]()
            self._beats.append(beats)
            self._threads.append(Thread(target=self._run, args=(processor, beats)))

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()

    def _run(self, processor: int, beats: list[float]) -> None:
        os.sched_setaffinity(0, {processor})  # of this thread alone
        while not self._end.wait(self._BEAT):
            beats.append(monotonic())

    def late_since(self, started: float) -> float:
        """Return the total lateness, in seconds, of the latest thread since then."""
        now = monotonic()
        return max(self._late(beats, started, now) for beats in self._beats)

    def _late(self, beats: list[float], started: float, now: float) -> float:
        # Up to now: the caller may have woken before a thread that is just as late.
        times = [started, *(beat for beat in beats[-1000:] if started <= beat < now), now]
        return sum(max(0, then - before - self._BEAT) for before, then in pairwise(times))


class Stopwatch:
    """The results of timed calls."""

    def __init__(self) -> None:
        self.calls = 0
        self.failed = 0
        self.late: list[tuple[str, float, float]] = []
        """The late calls: name, timeout and duration."""
        self._lock = Lock()

    def note(self, name: str, timeout: float, took: float, *, failed: bool) -> None:
        """Record a call that has ended."""
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
    """Make this number of calls, some side by side, each with a timeout of its own.

    Half of them get it from `connect`, and half from a `timeout` block. A late call on a machine
    that stalled or slowed down proves nothing, so it is repeated. A call that is late because of
    the library is late each time.

    :param opened: Returns a directory for a block, given the timeout of `connect`.
    """
    stopwatch = Stopwatch()

    def measure(number: int, name: str) -> None:
        timeout = uniform(0.2, 0.5) * SLOWNESS
        limit_timeout = number % 2
        for _ in range(_TRIES):
            with opened(PATIENT if limit_timeout else timeout) as hostmap, ExitStack() as block:
                if limit_timeout:
                    block.enter_context(hostmap.timeout(timeout))
                started = monotonic()
                failed = _fails(calls[name], hostmap)
                took = monotonic() - started
                stood_still = metronome.late_since(started) >= _DISTURBED
            if took <= timeout + SLACK:
                break
            if not stood_still and slowness() < _SLOWED * SLOWNESS:
                break
        stopwatch.note(name, timeout, took, failed=failed)

    left = SimpleQueue[tuple[int, str]]()
    for each in enumerate(islice(cycle(calls), number)):
        left.put(each)
    with Metronome() as metronome:
        _side_by_side(threads, lambda: measure(*left.get_nowait()), PATIENT + number * SLOWNESS)
    return stopwatch


def _fails(call: Callable[[HostMap], object], hostmap: HostMap) -> bool:
    try:
        call(hostmap)
    except (DatabaseUnavailable, OutcomeUnknown):
        return True
    return False


def _side_by_side(threads: int, step: Callable[[], None], patience: float) -> None:
    """Repeat a step in several threads until no work is left.

    :param patience: The most seconds that all of them may take.
    """
    errors: list[BaseException] = []

    def take_steps() -> None:
        try:
            while not errors:
                step()
        except Empty:
            return
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            errors.append(error)

    running = [Thread(target=take_steps, daemon=True) for _ in range(threads)]
    for thread in running:
        thread.start()
    until = monotonic() + patience
    for thread in running:
        thread.join(max(0, until - monotonic()))
        assert not thread.is_alive(), "a call hangs"
    for error in errors:
        raise error
