"""How much goes into one statement and one transaction, and how more is cut into parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

T = TypeVar("T")

BULK_SIZE = 5_000
"""The most hosts that one transaction of a bulk call changes, and one statement carries."""

LOOKUP_SIZE = 1_000
"""The most hosts that one statement looks up."""


def in_parts(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The items, so many at a time."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
