"""What one write transaction has changed so far, merged to one change for each host and cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostmap_sql.parts import grouped

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

CREATED = "created"
UPDATED = "updated"
DELETED = "deleted"

# What two changes of a cell in one transaction come to; None: as if nothing had been.
_MERGED = {
    (CREATED, UPDATED): CREATED,
    (CREATED, DELETED): None,
    (UPDATED, UPDATED): UPDATED,
    (UPDATED, DELETED): DELETED,
    (DELETED, CREATED): UPDATED,
}


class ChangeRecord:
    """The changes of a transaction, kept until its end, when they are written at once."""

    def __init__(self) -> None:
        self.hosts: dict[str, tuple[str | None, str | None]] = {}
        self.cells: dict[str, str] = {}

    def __bool__(self) -> bool:
        return bool(self.hosts or self.cells)

    def host(self, host: str, old_cell: str | None, new_cell: str | None) -> None:
        """A host went from one cell to another; None is "absent"."""
        first = self.hosts.pop(host, (old_cell, None))[0]
        if first is not None or new_cell is not None:
            self.hosts[host] = (first, new_cell)

    def created(self, hosts: Iterable[str], cell: str) -> None:
        """Many hosts were created in a cell."""
        created = dict.fromkeys(hosts, (None, cell))
        if self.hosts.keys().isdisjoint(created):
            self.hosts.update(created)
        else:
            for host in created:
                self.host(host, None, cell)

    def cell(self, uuid: str, action: str) -> None:
        """A cell was created, updated or deleted."""
        before = self.cells.pop(uuid, None)
        merged = _MERGED[before, action] if before else action
        if merged is not None:
            self.cells[uuid] = merged

    def hosts_by_change(self) -> Mapping[tuple[str | None, str | None], Sequence[str]]:
        """The hosts, those together that went from the same cell to the same cell."""
        return grouped(self.hosts)
