"""Bounds in seconds that scale with the speed of the machine.

A test that a call ends at once, without waiting for its timeout, gives it a timeout of `PATIENT`
seconds, and asserts that it took less than `SOON`, a quarter of that. A test that a call times out
on time allows it `SLACK` more.
"""

from __future__ import annotations

import os
from time import perf_counter
from typing import Final

_LOOPS = 400_000
_QUICK = 0.025
"""The seconds that the loops take on a quick, idle machine."""


def slowness() -> float:
    """Return how many times slower than a quick, idle machine this one is now: 1 or more."""
    started = perf_counter()
    total = 0
    for number in range(_LOOPS):
        total += number
    return max(1.0, (perf_counter() - started) / _QUICK)


SLOWNESS: Final = float(os.environ.get("HOSTMAP_TEST_SLOWNESS") or slowness())
"""The slowness of the machine when this process began, unless the environment sets it."""
PATIENT: Final = 60.0 * SLOWNESS
"""The timeout, in seconds, of calls that should end before it."""
SOON: Final = PATIENT / 4
"""The most seconds that a call without a reason to wait may take."""
SLACK: Final = 0.25 * SLOWNESS
"""The most seconds by which a call may exceed its timeout."""
