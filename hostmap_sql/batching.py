"""Batches: how many hosts one statement or transaction carries, and how a long call reports."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

T = TypeVar("T")

BULK_SIZE = 5_000
"""The most hosts that one transaction of a bulk call changes, and that one statement carries."""

LOOKUP_SIZE = 1_000
"""The most hosts that one statement looks up."""

Progress = Callable[[int, int | None], object]
"""A callback ``(done, total)``: how many are done in all, of how many; None if that is unknown."""


def batched(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Split a sequence into batches of at most `size` items."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
