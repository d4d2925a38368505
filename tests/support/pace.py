"""Bounds in seconds that scale with the speed of the machine.

A test that says "at once" says that a call did not wait for its time to end: it gives the call
`PATIENT` seconds, and asserts that it took less than `SOON`, a quarter of them. A test of how
punctual a call is allows it `SLACK`.
"""

from __future__ import annotations

import os
from time import perf_counter
from typing import Final

_LOOPS = 400_000
_QUICK = 0.025
"""How many seconds the loops take on a quick machine that does nothing else."""


def slowness() -> float:
    """Return how many times slower than a quick, idle machine this one is now: 1 or more."""
    started = perf_counter()
    total = 0
    for number in range(_LOOPS):
        total += number
    return max(1.0, (perf_counter() - started) / _QUICK)


SLOWNESS: Final = float(os.environ.get("HOSTMAP_TEST_SLOWNESS") or slowness())
"""How slow the machine was when this process began, unless the environment says."""
PATIENT: Final = 60.0 * SLOWNESS
"""The timeout, in seconds, of calls that are to end by themselves."""
SOON: Final = PATIENT / 4
"""The most seconds that a call may take that has no reason to wait."""
SLACK: Final = 0.25 * SLOWNESS
"""The most seconds by which a call may exceed its timeout."""
