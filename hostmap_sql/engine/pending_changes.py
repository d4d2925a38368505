"""The changes of a write transaction, merged into one for each host and cell."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

K = TypeVar("K")
T = TypeVar("T")

CREATED = "created"
UPDATED = "updated"
DELETED = "deleted"

# Two changes of a cell in one transaction, merged; None if they cancel each other out.
_MERGED = {
    (CREATED, UPDATED): CREATED,
    (CREATED, DELETED): None,
    (UPDATED, UPDATED): UPDATED,
    (UPDATED, DELETED): DELETED,
    (DELETED, CREATED): UPDATED,
}


class PendingChanges:
    """Collects the changes of a transaction, which records them when it ends."""

    def __init__(self) -> None:
        self.hosts: dict[str, tuple[str | None, str | None]] = {}
        self.cells: dict[str, str] = {}

    def __bool__(self) -> bool:
        return bool(self.hosts or self.cells)

    def host(self, host: str, old_cell: str | None, new_cell: str | None) -> None:
        """Add a move of a host; no old cell means created, no new cell deleted."""
        first = self.hosts.pop(host, (old_cell, None))[0]
        if first is not None or new_cell is not None:
            self.hosts[host] = (first, new_cell)

    def created(self, hosts: Iterable[str], cell: str) -> None:
        """Add the creation of many hosts in a cell."""
        created = dict.fromkeys(hosts, (None, cell))
        if self.hosts.keys().isdisjoint(created):
            self.hosts.update(created)
        else:
            for host in created:
                self.host(host, None, cell)

    def cell(self, uuid: str, action: str) -> None:
        """Add a change of a cell: created, updated or deleted."""
        before = self.cells.pop(uuid, None)
        merged = _MERGED[before, action] if before else action
        if merged is not None:
            self.cells[uuid] = merged

    def hosts_by_change(self) -> Mapping[tuple[str | None, str | None], Sequence[str]]:
        """Group the hosts by their old and new cell."""
        return grouped(self.hosts)


def grouped(items: Mapping[T, K]) -> Mapping[K, Sequence[T]]:
    """Group the keys of a mapping by their values, in their order."""
    values = set(items.values())
    if len(values) == 1:  # the common case of thousands of hosts
        return {values.pop(): [*items]}
    groups: dict[K, list[T]] = defaultdict(list)
    for key, value in items.items():
        groups[value].append(key)
    return groups
