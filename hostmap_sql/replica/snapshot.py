"""Immutable snapshots of the whole directory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Self

    from hostmap_sql.models import CellMapping

# Copying this many hosts for each change takes some milliseconds. A larger snapshot shares `base`
# with the one before, until its overlay exceeds this fraction of the hosts.
_SMALL_DIRECTORY = 20_000
_OVERLAY_FRACTION = 1 / 8

UNMAPPED = ""
"""In place of a cell's UUID: the host is no longer in any cell."""


@dataclass(frozen=True, slots=True)
class DirectorySnapshot:
    """The directory at one revision. Readers share it without a lock, since it never changes."""

    revision: int
    change_ids: Mapping[int, str]
    """The changes that made this revision and some before it, as far as they are on record."""
    cells: Mapping[str, CellMapping]
    """All cells, by UUID."""
    base: Mapping[str, str]
    """The UUID of the cell of each host that `overlay` lacks."""
    overlay: Mapping[str, str]
    """The UUID of the cell, or `UNMAPPED`, of each host that changed since `base` was made."""
    size: int
    """The number of hosts."""
    cells_by_host: Mapping[str, CellMapping]
    """The cell of each host of a small directory; empty for a large one."""

    @classmethod
    def of_hosts(
        cls,
        revision: int,
        change_ids: Mapping[int, str],
        cells: Mapping[str, CellMapping],
        hosts: Mapping[str, str],
    ) -> Self:
        """Make a snapshot from the UUID of every host's cell."""
        is_small = len(hosts) <= _SMALL_DIRECTORY
        cells_by_host = {host: cells[uuid] for host, uuid in hosts.items()} if is_small else {}
        return cls(revision, change_ids, cells, hosts, {}, len(hosts), cells_by_host)

    def with_changes(
        self,
        revision: int,
        change_ids: Mapping[int, str],
        cells: Mapping[str, CellMapping],
        changes: Mapping[str, str],
    ) -> DirectorySnapshot:
        """Make the snapshot of a later revision.

        :param cells: all cells at that revision.
        :param changes: the UUID of the cell, or `UNMAPPED`, of each host that changed.
        """
        shared = {uuid: uuid for uuid in cells}  # one string for all hosts of a cell
        overlay = {**self.overlay, **{h: shared.get(u, UNMAPPED) for h, u in changes.items()}}
        base = self.base
        if len(base) > _SMALL_DIRECTORY and len(overlay) <= len(base) * _OVERLAY_FRACTION:
            grown = sum(bool(overlay[host]) - bool(self.cell_uuid(host)) for host in changes)
            size = self.size + grown
            return DirectorySnapshot(revision, change_ids, cells, base, overlay, size, {})
        merged = {**base, **overlay}
        for host, uuid in overlay.items():
            if not uuid:
                del merged[host]
        return DirectorySnapshot.of_hosts(revision, change_ids, cells, merged)

    @property
    def change_id(self) -> str | None:
        """The change that made the revision; None if it is not on record."""
        return self.change_ids.get(self.revision)

    def cell_uuid(self, host: str) -> str | None:
        """Return the UUID of a host's cell; None or `UNMAPPED` if it is in none."""
        uuid = self.overlay.get(host)
        return self.base.get(host) if uuid is None else uuid

    def cell_of(self, host: str) -> CellMapping | None:
        """Return the cell of a host, or None."""
        uuid = self.cell_uuid(host)
        return self.cells[uuid] if uuid else None

    def cells_of(self, hosts: Iterable[str]) -> dict[str, CellMapping]:
        """Return the cells of those hosts that are in one."""
        uuids = {host: self.cell_uuid(host) for host in hosts}
        return {host: self.cells[uuid] for host, uuid in uuids.items() if uuid}

    def hosts_of(self, cell_uuid: str) -> list[str]:
        """Return the hosts of a cell, sorted."""
        overlay = self.overlay
        found = [h for h, uuid in self.base.items() if uuid == cell_uuid and h not in overlay]
        found += [h for h, uuid in overlay.items() if uuid == cell_uuid]
        return sorted(found)
