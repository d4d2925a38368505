"""The changes that an export makes in Nova's API database, and the differences that it leaves."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from hostmap_sql.nova.results import ExportedCell, ExportedHost, ExportRefusal, ExportResult

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hostmap_sql.nova.api_tables import CellRow, HostRow

CELL_IS_MISSING = "is in a cell that Nova's table does not have"


@dataclass(frozen=True)
class CellWrite:
    """A row of ``cell_mappings`` to insert, or to update where `row` is set."""

    row: CellRow | None
    cell: ExportedCell
    values: Mapping[str, Any] = field(repr=False)


class ExportPlan:
    """All changes to make, without those that are refused.

    A change that turns out to be impossible leaves the plan through one of the `refuse_` methods.
    """

    def __init__(self, cell_rows: Sequence[CellRow]) -> None:
        self.cell_uuids = {row.id: row.canonical_uuid for row in cell_rows}
        """The UUIDs of Nova's cells, by their ids."""
        self.cell_writes: list[CellWrite] = []
        self.cell_deletes: list[CellRow] = []
        self.creates: dict[str, str] = {}
        """For each host to insert, the UUID of its cell."""
        self.moves: dict[HostRow, str] = {}
        """For each row to update, the UUID of its new cell."""
        self.deletes: list[HostRow] = []
        self.unchanged = 0
        self.cells: list[ExportedCell] = []
        """The result for each cell, except those to delete."""
        self.refused: list[ExportRefusal] = []

    # --- refusing -----------------------------------------------------------------------------

    def refuse_create(self, host: str, problem: str) -> None:
        """Do not insert a host."""
        refusal = ExportRefusal("host", host, self.creates.pop(host), None, problem)
        self.refused.append(refusal)

    def refuse_change(self, row: HostRow, wanted_uuid: str | None, problem: str) -> None:
        """Leave a row of a host as it is."""
        actual_uuid = self.cell_uuids[row.cell_id]
        refusal = ExportRefusal("host", row.host, wanted_uuid, actual_uuid, problem)
        self.refused.append(refusal)

    def refuse_cell_write(self, write: CellWrite, problem: str) -> None:
        """Do not write a cell; if it is a new one, nor the hosts that are in it."""
        self.cell_writes.remove(write)
        cell = write.cell
        self.cells[self.cells.index(cell)] = replace(cell, action="refused")
        nova_uuid = None if write.row is None else cell.uuid
        self.refused.append(ExportRefusal("cell", cell.name, cell.uuid, nova_uuid, problem))
        if write.row is not None:
            return
        for host in [host for host, uuid in self.creates.items() if uuid == cell.uuid]:
            self.refuse_create(host, CELL_IS_MISSING)
        for row in [row for row, uuid in self.moves.items() if uuid == cell.uuid]:
            self.refuse_change(row, self.moves.pop(row), CELL_IS_MISSING)

    def refuse_cell_delete(self, row: CellRow, problem: str) -> None:
        """Do not delete a cell."""
        self.cell_deletes.remove(row)
        refusal = ExportRefusal("cell", row.shown_name, None, row.canonical_uuid, problem)
        self.refused.append(refusal)

    # --- results ------------------------------------------------------------------------------

    def result(self, *, created: int, moved: int, deleted: int) -> ExportResult:
        """Return the result of an export that made these changes, and deleted the cells."""
        cells = (ExportedCell(c.canonical_uuid, c.shown_name, "deleted") for c in self.cell_deletes)
        return ExportResult(
            (*self.cells, *cells),
            created=created,
            unchanged=self.unchanged,
            moved=moved,
            deleted=deleted,
            refused=tuple(self.refused),
        )

    def preview(self) -> ExportResult:
        """Return the result of a dry run."""
        uuids = self.cell_uuids
        planned = (
            *(ExportedHost(host, "create", None, uuid) for host, uuid in self.creates.items()),
            *(ExportedHost(r.host, "move", uuids[r.cell_id], u) for r, u in self.moves.items()),
            *(ExportedHost(r.host, "delete", uuids[r.cell_id], None) for r in self.deletes),
        )
        result = self.result(
            created=len(self.creates), moved=len(self.moves), deleted=len(self.deletes)
        )
        return replace(result, planned=planned)
