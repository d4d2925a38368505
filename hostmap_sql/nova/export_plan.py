"""What has to be changed in Nova's API database, so that it says what the directory says.

Nothing is written here. Rows of Nova's tables keep their ids, since its other tables refer to them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from hostmap_sql.errors import InvalidValue
from hostmap_sql.models import CELL0_UUID, valid_host
from hostmap_sql.nova.importing import import_names
from hostmap_sql.nova.results import ExportedCell, ExportRefusal
from hostmap_sql.nova.templates import is_template
from hostmap_sql.uuids import canonical_uuid

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hostmap_sql.hostmap import HostMap
    from hostmap_sql.models import CellMapping, HostMapping
    from hostmap_sql.urls import SecretUrl

OnConflict = Literal["report", "move"]

_URLS = ("transport_url", "database_connection")

MEANWHILE = "was changed in Nova's table meanwhile: export again"


@dataclass(frozen=True)
class CellRow:
    """A row of ``cell_mappings``."""

    id: int
    uuid: str
    name: str | None
    transport_url: str | None = field(repr=False)
    database_connection: str | None = field(repr=False)
    disabled: bool | None
    changed_at: datetime | None

    @property
    def key(self) -> str:
        """Its UUID as the directory writes it."""
        return canonical_uuid(self.uuid) or self.uuid


@dataclass(frozen=True)
class HostRow:
    """A row of ``host_mappings``."""

    id: int
    host: str
    cell_id: int
    changed_at: datetime | None


@dataclass(frozen=True)
class CellWrite:
    """A row of ``cell_mappings`` that is to be made or, where there is one, changed."""

    row: CellRow | None
    shown: ExportedCell
    values: Mapping[str, Any] = field(repr=False)


class ExportPlan:
    """All that is to be done, and what cannot be."""

    def __init__(self) -> None:
        self.cells: list[ExportedCell] = []
        self.cell_writes: list[CellWrite] = []
        self.cell_deletes: list[CellRow] = []
        # The UUID of the cell of each host that Nova's table lacks.
        self.new: dict[str, str] = {}
        self.moves: list[tuple[HostRow, str]] = []
        self.deletes: list[HostRow] = []
        self.unchanged = 0
        self.refused: list[ExportRefusal] = []


def make_plan(
    hostmap: HostMap,
    cell_rows: Sequence[CellRow],
    host_rows: Sequence[HostRow],
    *,
    on_conflict: OnConflict,
    delete: bool,
) -> ExportPlan:
    """Compare the directory with what was read of Nova's tables."""
    plan = ExportPlan()
    mappings = {mapping.host: mapping for mapping in hostmap.hosts.iterate()}
    # Afterwards, so that the cells of all these hosts are among them.
    cells = {cell.uuid: cell for cell in hostmap.cells.list()}
    _plan_cells(plan, hostmap, cells, cell_rows, on_conflict=on_conflict, delete=delete)
    writable = {row.key for row in cell_rows} | {
        write.shown.uuid for write in plan.cell_writes if write.row is None
    }
    uuids = {row.id: row.key for row in cell_rows}
    there = set()
    for row in host_rows:
        there.add(row.host)
        mapping = mappings.get(row.host)
        if mapping is None:
            _plan_stranger(plan, hostmap, row, uuids[row.cell_id], delete=delete)
        elif mapping.cell_uuid == uuids[row.cell_id]:
            plan.unchanged += 1
        elif problem := _move_problem(mapping, row, writable, on_conflict):
            plan.refused.append(
                ExportRefusal("host", row.host, mapping.cell_uuid, uuids[row.cell_id], problem)
            )
        else:
            plan.moves.append((row, mapping.cell_uuid))
    for host, mapping in mappings.items():
        if host in there:
            continue
        if mapping.cell_uuid in writable:
            plan.new[host] = mapping.cell_uuid
        else:
            problem = "is in a cell that Nova's table does not have"
            plan.refused.append(ExportRefusal("host", host, mapping.cell_uuid, None, problem))
    return plan


def _aware(time: datetime | None) -> datetime:
    # Nova writes UTC, and no zone.
    return datetime.min.replace(tzinfo=UTC) if time is None else time.replace(tzinfo=UTC)


def _is_later(row: CellRow | HostRow, here: CellMapping | HostMapping) -> bool:
    """Whether it was changed in Nova after it was changed here."""
    return _aware(row.changed_at) > (here.updated_at or here.created_at)


# --- hosts ----------------------------------------------------------------------------------------


def _move_problem(
    mapping: HostMapping, row: HostRow, writable: set[str], on_conflict: OnConflict
) -> str | None:
    if mapping.cell_uuid not in writable:
        return "is in a cell that Nova's table does not have"
    if on_conflict == "report" and _is_later(row, mapping):
        return "was mapped in Nova later than here"
    return None


def _plan_stranger(
    plan: ExportPlan, hostmap: HostMap, row: HostRow, uuid: str, *, delete: bool
) -> None:
    """A host that Nova has and the directory has not."""
    problem = "is not mapped here: `hostmap nova import` brings it in, --delete deletes it in Nova"
    try:
        changes = hostmap.history.of_host(valid_host(row.host))
    except InvalidValue:  # what no host can be called, was never here
        changes = []
    if changes and changes[-1].new_cell_uuid is None:
        if changes[-1].created_at >= _aware(row.changed_at):
            plan.deletes.append(row)
            return
        problem = "was deleted here, and mapped in Nova later: import it, or --delete it there"
    if delete:
        plan.deletes.append(row)
    else:
        plan.refused.append(ExportRefusal("host", row.host, None, uuid, problem))


# --- cells ----------------------------------------------------------------------------------------


def _plan_cells(
    plan: ExportPlan,
    hostmap: HostMap,
    cells: Mapping[str, CellMapping],
    rows: Sequence[CellRow],
    *,
    on_conflict: OnConflict,
    delete: bool,
) -> None:
    names = import_names((row.key, row.name) for row in rows)
    for row in rows:
        cell = cells.get(row.key)
        if cell is not None:
            _plan_cell(plan, cell, row, names[row.key], on_conflict)
        elif row.key == CELL0_UUID:
            # Nova cannot do without it, whoever else can.
            plan.cells.append(ExportedCell(row.key, row.name or row.key, "unchanged"))
        elif delete or _was_deleted_later(hostmap, row):
            plan.cell_deletes.append(row)
        else:
            problem = "is not here: `hostmap nova import` brings it in, --delete deletes it in Nova"
            _refuse(plan, row.key, row.name or row.key, problem, is_here=False)
    there = {row.key for row in rows}
    for cell in cells.values():
        if cell.uuid not in there:
            _plan_cell(plan, cell, None, (), on_conflict)


def _was_deleted_later(hostmap: HostMap, row: CellRow) -> bool:
    """Whether the record says that the cell was deleted here after its last change in Nova."""
    changes = hostmap.history.of_cell(row.key)
    if not changes or changes[-1].cells[0].action != "deleted":
        return False
    return changes[-1].created_at >= _aware(row.changed_at)


def _plan_cell(
    plan: ExportPlan,
    cell: CellMapping,
    row: CellRow | None,
    names: Iterable[str],
    on_conflict: OnConflict,
) -> None:
    values = _values(cell, row, names)
    differs = tuple(
        name for name, value in values.items() if row is None or value != getattr(row, name)
    )
    if not differs:
        plan.cells.append(ExportedCell(cell.uuid, cell.name, "unchanged"))
        return
    problem = _cell_problem(cell, row, values, differs, on_conflict)
    if problem:
        _refuse(plan, cell.uuid, cell.name, problem, differs, is_there=row is not None)
        return
    action = "created" if row is None else "updated"
    shown = ExportedCell(cell.uuid, cell.name, action, () if row is None else differs)
    plan.cells.append(shown)
    plan.cell_writes.append(CellWrite(row, shown, values))


def _values(cell: CellMapping, row: CellRow | None, names: Iterable[str]) -> dict[str, Any]:
    """What Nova's row is to say. What means the same as it is, stays as it is written."""
    values: dict[str, Any] = {
        "name": cell.name,
        "transport_url": _revealed(cell.transport_url),
        "database_connection": _revealed(cell.database_connection),
        "disabled": cell.disabled,
    }
    if row is None:
        return values
    if cell.name in names:
        values["name"] = row.name
    for name in _URLS:
        if values[name] is None and not getattr(row, name):
            values[name] = getattr(row, name)
    if bool(row.disabled) == cell.disabled:
        values["disabled"] = row.disabled
    return values


def _revealed(url: SecretUrl | None) -> str | None:
    return None if url is None else url.reveal()


def _cell_problem(
    cell: CellMapping,
    row: CellRow | None,
    values: Mapping[str, Any],
    differs: Sequence[str],
    on_conflict: OnConflict,
) -> str | None:
    for name in _URLS:
        if name in differs and values[name] is None:
            return f"has no {name}, and Nova can read no cell without one: set it here first"
        there = None if row is None else getattr(row, name)
        if name in differs and is_template(there or "") and not is_template(values[name]):
            return f"has a template as {name} in Nova, which is not overwritten"
    if row is not None and on_conflict == "report" and _is_later(row, cell):
        return "was changed in Nova later than here"
    return None


def _refuse(
    plan: ExportPlan,
    uuid: str,
    name: str,
    problem: str,
    differs: tuple[str, ...] = (),
    *,
    is_here: bool = True,
    is_there: bool = True,
) -> None:
    plan.cells.append(ExportedCell(uuid, name, "refused", differs if is_there else ()))
    here, there = uuid if is_here else None, uuid if is_there else None
    plan.refused.append(ExportRefusal("cell", name, here, there, problem))
