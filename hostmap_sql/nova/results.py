"""What the functions of `hostmap_sql.nova` return: frozen dataclasses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hostmap_sql.models import BulkResult, CellMapping, Conflict


@dataclass(frozen=True)
class ImportedCell:
    """What an import does with a cell of Nova's.

    `action` is "created", "unchanged", "updated" or "conflict"; `differs` names the fields that the
    directory has otherwise. `nova_name` is what Nova calls it, which may be nothing.
    """

    uuid: str
    name: str
    nova_name: str | None
    action: str
    differs: tuple[str, ...] = ()


@dataclass(frozen=True)
class PlannedHost:
    """What is to become of a host: "create" or "move"."""

    host: str
    action: str
    old_cell_uuid: str | None
    new_cell_uuid: str


@dataclass(frozen=True)
class ImportResult:
    """What `import_mappings` did, or in a dry run would do."""

    cells: tuple[ImportedCell, ...]
    hosts: BulkResult
    planned: tuple[PlannedHost, ...] = ()
    """In a dry run: every host that would change."""

    @property
    def has_conflicts(self) -> bool:
        """Whether anything was left alone because the directory has it otherwise."""
        return bool(self.hosts.conflicts) or any(c.action == "conflict" for c in self.cells)


@dataclass(frozen=True)
class ExportedCell:
    """What an export does with a cell.

    `action` is "created", "unchanged", "updated", "deleted" or "refused"; `differs` names what
    Nova has, or had, otherwise.
    """

    uuid: str
    name: str
    action: str
    differs: tuple[str, ...] = ()


@dataclass(frozen=True)
class ExportedHost:
    """What is to become of a host in Nova's table: "create", "move" or "delete"."""

    host: str
    action: str
    old_cell_uuid: str | None
    new_cell_uuid: str | None


@dataclass(frozen=True)
class ExportRefusal:
    """What an export leaves as it is in Nova's tables.

    `kind` is "cell" or "host", `cell_uuid` the cell as the directory has it, `nova_cell_uuid` as
    Nova has it, each None where there is none; `problem` says it in a sentence.
    """

    kind: str
    name: str
    cell_uuid: str | None
    nova_cell_uuid: str | None
    problem: str


@dataclass(frozen=True)
class ExportResult:
    """What `export_mappings` did, or in a dry run would do. The numbers are of hosts."""

    cells: tuple[ExportedCell, ...]
    created: int = 0
    unchanged: int = 0
    moved: int = 0
    deleted: int = 0
    refused: tuple[ExportRefusal, ...] = ()
    planned: tuple[ExportedHost, ...] = ()
    """In a dry run: every host that would change."""


@dataclass(frozen=True)
class CellDiscovery:
    """What a discovery found in one cell, and did about it.

    :param live: how many hosts the cell has.
    :param created: the hosts that it mapped to the cell, or in a dry run would map.
    :param conflicts: hosts of the cell that are mapped to another one.
    :param unusable: names that no host can have, each with the reason.
    :param marked: how many compute nodes it marked as mapped, or in a dry run would mark.
    :param unmarked: hosts that it did not mark, since Nova's own table lacks them.
    :param error: why the cell could not be read or marked, in a sentence.
    """

    cell: CellMapping
    live: int = 0
    created: tuple[str, ...] = ()
    unchanged: int = 0
    conflicts: tuple[Conflict, ...] = ()
    unusable: tuple[str, ...] = ()
    marked: int = 0
    unmarked: tuple[str, ...] = ()
    error: str | None = None


@dataclass(frozen=True)
class Discovery:
    """What a discovery found in all cells, in the order of their names."""

    cells: tuple[CellDiscovery, ...]

    @property
    def unreachable(self) -> tuple[CellDiscovery, ...]:
        """The cells that could not be read or marked."""
        return tuple(found for found in self.cells if found.error is not None)

    @property
    def conflicts(self) -> tuple[Conflict, ...]:
        """All hosts that are mapped to another cell than the one they were found in."""
        return tuple(conflict for found in self.cells for conflict in found.conflicts)


@dataclass(frozen=True)
class Disagreement:
    """Something that the directory and the cells do not agree on.

    `kind` is one of `hostmap_sql.nova.KINDS`; `cell` is the cell it is about, `host` the host, None
    where it is about the cell as a whole; `problem` says it in a sentence.
    """

    kind: str
    cell: CellMapping
    host: str | None
    problem: str
