"""Waits until a deadline, and pauses between two attempts."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from hostmap_sql.runtime.watchdog import WATCHDOG

if TYPE_CHECKING:
    from collections.abc import Callable


class NoConnectionInTime(Exception):
    """No connection was available before the deadline."""


_POLL = 0.1
"""Seconds between two checks whether the call was cancelled."""


def wait_until(deadline: float, wait: Callable[[float], bool]) -> bool:
    """Call ``wait(seconds)`` until it returns True, the deadline passes or the call is cancelled.

    Return whether it returned True.
    """
    while True:
        left = deadline - monotonic()
        if wait(max(0, min(left, _POLL))):
            return True
        if left <= 0 or WATCHDOG.is_cancelled():
            return False


def random_pause(shortest: float, longest: float) -> float:
    """Draw a pause in seconds."""
    from random import SystemRandom  # noqa: PLC0415 - imports hashlib, seldom needed

    # Other generators draw the same numbers in processes that were forked in C.
    return SystemRandom().uniform(shortest, longest)
