"""What goes into one statement and one transaction, and how more is cut into parts."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

K = TypeVar("K")
T = TypeVar("T")

BULK_SIZE = 5_000
"""The most hosts that one transaction of a bulk call changes, and one statement carries."""

LOOKUP_SIZE = 1_000
"""The most hosts that one statement looks up."""


def in_parts(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The items, so many at a time."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def grouped(items: Mapping[T, K]) -> Mapping[K, Sequence[T]]:
    """The keys of a mapping by their values, in their order."""
    values = set(items.values())
    if len(values) == 1:  # as most are that come by the thousand
        return {values.pop(): [*items]}
    groups: dict[K, list[T]] = defaultdict(list)
    for key, value in items.items():
        groups[value].append(key)
    return groups
