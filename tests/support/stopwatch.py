"""Calls of every kind against the clock."""

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
SOON = 5.0
"""Within how many seconds is at once, on a busy machine too, where calls have 20."""
_DISTURBED = 0.05
"""By how many seconds a machine is late that is too busy to measure anything."""
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
    """Tells by how much threads of this process are late that have nothing to do but to wake.

    There is one on each processor: of a virtual machine's, one alone may stand still.
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
        """By how many seconds the latest of them was late, taken together, since then."""
        now = monotonic()
        return max(self._late(beats, started, now) for beats in self._beats)

    def _late(self, beats: list[float], started: float, now: float) -> float:
        # To the end: who asks may have woken before the thread that is late like him.
        times = [started, *(beat for beat in beats[-1000:] if started <= beat < now), now]
        return sum(max(0, then - before - self._BEAT) for before, then in pairwise(times))


class Stopwatch:
    """What came of timed calls."""

    def __init__(self) -> None:
        self.calls = 0
        self.failed = 0
        self.late: list[tuple[str, float, float]] = []
        """The calls that took too long: their names, how long they should have and had taken."""
        self._lock = Lock()

    def note(self, name: str, timeout: float, took: float, *, failed: bool) -> None:
        """One more has ended, in so many seconds."""
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

    Half of them have it from `connect`, and half from a `timeout` block. A call that is late on a
    machine that stood still shows nothing: it is made again, in a block of its own. One that is
    late because of itself is so each time.

    :param opened: a directory for a block, given the time-out of `connect`.
    """
    stopwatch = Stopwatch()

    def measure(number: int, name: str) -> None:
        timeout = uniform(0.2, 0.5)
        narrowed = number % 2
        for _ in range(_TRIES):
            with opened(20.0 if narrowed else timeout) as hostmap, ExitStack() as block:
                if narrowed:
                    block.enter_context(hostmap.timeout(timeout))
                started = monotonic()
                failed = _fails(calls[name], hostmap)
                took = monotonic() - started
                stood_still = metronome.late_since(started) >= _DISTURBED
            if took <= timeout + SLACK or not stood_still:
                break
        stopwatch.note(name, timeout, took, failed=failed)

    left = SimpleQueue[tuple[int, str]]()
    for each in enumerate(islice(cycle(calls), number)):
        left.put(each)
    with Metronome() as metronome:
        _side_by_side(threads, lambda: measure(*left.get_nowait()), 10 + number)
    return stopwatch


def _fails(call: Callable[[HostMap], object], hostmap: HostMap) -> bool:
    try:
        call(hostmap)
    except (DatabaseUnavailable, OutcomeUnknown):
        return True
    return False


def _side_by_side(threads: int, step: Callable[[], None], patience: float) -> None:
    """Take a step again and again, in several threads, until there is none left.

    :param patience: for how many seconds they are waited for. What hangs is left hanging.
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
