"""How far long work has come, for whoever wants to show it."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int], object]
"""Is called with how much is done, and how much there is in all."""


def untold(_done: int, _total: int) -> None:
    """Nobody wants to know."""
