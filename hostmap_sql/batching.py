"""The batch sizes of statements and transactions, and the progress callback of long calls."""

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
"""A callback ``(done, total)``: the number done so far, and the total, None if unknown."""


def batched(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Split a sequence into batches of at most `size` items."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
