"""The results of the functions of `hostmap_sql.nova`: frozen dataclasses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hostmap_sql.models import BulkResult, CellMapping, Conflict


@dataclass(frozen=True)
class ImportedCell:
    """The result of an import for one of Nova's cells.

    `action` is "created", "unchanged", "updated" or "conflict"; `differs` names the fields that
    differ in the directory. `name` is the cell's name here, `nova_name` its name in Nova, None or
    empty if it has none.
    """

    uuid: str
    name: str
    nova_name: str | None
    action: str
    differs: tuple[str, ...] = ()


@dataclass(frozen=True)
class PlannedHost:
    """A change of a host that a dry run of an import plans: "create" or "move"."""

    host: str
    action: str
    old_cell_uuid: str | None
    new_cell_uuid: str


@dataclass(frozen=True)
class ImportResult:
    """The result of `import_mappings`; in a dry run, the result that it would have."""

    cells: tuple[ImportedCell, ...]
    hosts: BulkResult
    planned: tuple[PlannedHost, ...] = ()
    """In a dry run, every host that would change."""

    @property
    def has_conflicts(self) -> bool:
        """Whether cells or hosts that differ in the directory were left as they are."""
        return bool(self.hosts.conflicts) or any(c.action == "conflict" for c in self.cells)


@dataclass(frozen=True)
class ExportedCell:
    """The result of an export for one cell.

    `action` is "created", "unchanged", "updated", "deleted" or "refused"; `differs` names the
    fields that differ, or differed, in Nova.
    """

    uuid: str
    name: str
    action: str
    differs: tuple[str, ...] = ()


@dataclass(frozen=True)
class ExportedHost:
    """A change of a host that a dry run of an export plans: "create", "move" or "delete"."""

    host: str
    action: str
    old_cell_uuid: str | None
    new_cell_uuid: str | None


@dataclass(frozen=True)
class ExportRefusal:
    """A difference that an export leaves in Nova's tables.

    `kind` is "cell" or "host". `cell_uuid` is the cell in the directory, `nova_cell_uuid` the cell
    in Nova, each None where there is none. `problem` is a sentence without its subject.
    """

    kind: str
    name: str
    cell_uuid: str | None
    nova_cell_uuid: str | None
    problem: str


@dataclass(frozen=True)
class ExportResult:
    """The result of `export_mappings`; in a dry run, the result that it would have.

    The numbers count hosts.
    """

    cells: tuple[ExportedCell, ...]
    created: int = 0
    unchanged: int = 0
    moved: int = 0
    deleted: int = 0
    refused: tuple[ExportRefusal, ...] = ()
    planned: tuple[ExportedHost, ...] = ()
    """In a dry run, every host that would change."""


@dataclass(frozen=True)
class CellDiscovery:
    """The result of a discovery in one cell.

    :param live: the number of hosts that the cell has.
    :param created: the hosts that were mapped to the cell, or in a dry run would be.
    :param unchanged: the number of hosts that were mapped to the cell before.
    :param conflicts: hosts of the cell that are mapped to another one.
    :param unusable: for each name that no host can have, a sentence that says why.
    :param marked: the number of compute nodes that were marked as mapped, or in a dry run would be.
    :param unmarked: hosts that were not marked, because Nova's own table lacks them.
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
    """The result of a discovery in all cells, in the order of their names."""

    cells: tuple[CellDiscovery, ...]

    @property
    def unreachable(self) -> tuple[CellDiscovery, ...]:
        """The cells that could not be read or marked."""
        return tuple(found for found in self.cells if found.error is not None)

    @property
    def conflicts(self) -> tuple[Conflict, ...]:
        """All hosts that are mapped to a cell other than the one they live in."""
        return tuple(conflict for found in self.cells for conflict in found.conflicts)


@dataclass(frozen=True)
class Disagreement:
    """A disagreement between the directory and the cells.

    `kind` is one of `hostmap_sql.nova.KINDS`, `cell` the cell it is about, `host` the host, None if
    it is about the cell as a whole; `problem` is a sentence without its subject.
    """

    kind: str
    cell: CellMapping
    host: str | None
    problem: str
