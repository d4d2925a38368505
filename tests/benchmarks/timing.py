"""Comparable timing: contenders take turns in one process, and medians count."""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable, Iterable, Mapping
from time import perf_counter

Call = Callable[[], object]


def medians(contenders: Mapping[str, Callable[[str], object]], keys: Iterable[str]) -> list[float]:
    """Return the median time of one call of each contender, in seconds, over all keys.

    They take turns, in alternating order: a slowdown of the machine affects all of them, and none
    always runs with the caches that another has filled.
    """
    times: list[list[float]] = [[] for _ in contenders]
    forwards = [*zip(contenders.values(), times, strict=True)]
    backwards = forwards[::-1]
    gc.collect()
    gc.disable()
    try:
        for number, key in enumerate(keys):
            for contender, measured in backwards if number % 2 else forwards:
                started = perf_counter()
                contender(key)
                measured.append(perf_counter() - started)
    finally:
        gc.enable()
    return [statistics.median(measured) for measured in times]


def median_rounds(contenders: Mapping[str, Call], prepare: Call, rounds: int) -> list[float]:
    """Return the median time of each contender over some rounds, in seconds, each after `prepare`.

    Every second round runs in reverse order, for the same reason.
    """
    times: list[list[float]] = [[] for _ in contenders]
    turns = [*zip(contenders.values(), times, strict=True)]
    for number in range(rounds):
        for contender, measured in turns[::-1] if number % 2 else turns:
            prepare()
            gc.collect()
            started = perf_counter()
            contender()
            measured.append(perf_counter() - started)
    return [statistics.median(measured) for measured in times]
