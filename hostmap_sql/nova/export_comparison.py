"""Comparing the directory with Nova's API database, to plan an export.

Nothing is written here. Rows keep their ids, because other tables of Nova refer to them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hostmap_sql.errors import InvalidValue
from hostmap_sql.models import CELL0_UUID, URL_FIELDS
from hostmap_sql.nova.api_tables import is_later
from hostmap_sql.nova.cell_names import candidate_names
from hostmap_sql.nova.export_plan import CELL_IS_MISSING, CellWrite, ExportPlan
from hostmap_sql.nova.results import ExportedCell, ExportRefusal
from hostmap_sql.nova.templates import is_template
from hostmap_sql.secret_url import bindable
from hostmap_sql.validation import valid_host

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from hostmap_sql.hostmap import HostMap
    from hostmap_sql.models import CellMapping, HostMapping
    from hostmap_sql.nova.api_tables import ApiTables, CellRow, HostRow
    from hostmap_sql.nova.arguments import OnConflict


# The remedies for a row of Nova's that the directory never had.
_IMPORT_OR_DELETE = "`hostmap nova import` brings it in, --delete deletes it in Nova"


def make_plan(
    hostmap: HostMap, tables: ApiTables, *, on_conflict: OnConflict, delete: bool
) -> ExportPlan:
    """Plan the changes that make Nova's tables match the directory."""
    comparison = _Comparison(hostmap, tables, on_conflict, delete=delete)
    mappings = {mapping.host: mapping for mapping in hostmap.hosts.iterate()}
    # Read after the hosts, so that the cells of all hosts are included.
    cells = {cell.uuid: cell for cell in hostmap.cells.list()}
    comparison.compare_cells(cells)
    comparison.compare_hosts(mappings)
    return comparison.plan


class _Comparison:
    def __init__(
        self, hostmap: HostMap, tables: ApiTables, on_conflict: OnConflict, *, delete: bool
    ) -> None:
        self.plan = ExportPlan(tables.cells)
        self._hostmap = hostmap
        self._tables = tables
        self._on_conflict = on_conflict
        self._delete = delete

    def _is_conflict(self, row: CellRow | HostRow, here: CellMapping | HostMapping) -> bool:
        """Return whether to keep a row because Nova changed it later than the directory did."""
        changed_here = here.updated_at or here.created_at
        return self._on_conflict == "report" and is_later(row, changed_here)

    # --- hosts --------------------------------------------------------------------------------

    def compare_hosts(self, mappings: Mapping[str, HostMapping]) -> None:
        """Plan the changes of hosts, once those of the cells are planned."""
        plan = self.plan
        new_cells = {write.cell.uuid for write in plan.cell_writes if write.row is None}
        usable_cells = new_cells | {*plan.cell_uuids.values()}
        for row in self._tables.hosts:
            mapping = mappings.get(row.host)
            if mapping is None:
                self._compare_unmapped(row)
            elif mapping.cell_uuid == plan.cell_uuids[row.cell_id]:
                plan.unchanged += 1
            elif mapping.cell_uuid not in usable_cells:
                plan.refuse_change(row, mapping.cell_uuid, CELL_IS_MISSING)
            elif self._is_conflict(row, mapping):
                problem = "was mapped in Nova later than here"
                plan.refuse_change(row, mapping.cell_uuid, problem)
            else:
                plan.moves[row] = mapping.cell_uuid
        known_to_nova = {row.host for row in self._tables.hosts}
        for host, mapping in mappings.items():
            if host not in known_to_nova:
                plan.creates[host] = mapping.cell_uuid
                if mapping.cell_uuid not in usable_cells:
                    plan.refuse_create(host, CELL_IS_MISSING)

    def _compare_unmapped(self, row: HostRow) -> None:
        """Plan a host that Nova has and the directory does not have."""
        problem = f"is not mapped here: {_IMPORT_OR_DELETE}"
        try:
            changes = self._hostmap.history.of_host(valid_host(row.host))
        except InvalidValue:  # the directory cannot have had a host of this name
            changes = []
        is_delete_known = False
        if changes and changes[-1].new_cell_uuid is None:
            is_delete_known = not is_later(row, changes[-1].created_at)
            problem = "was deleted here, and mapped in Nova later: import it, or --delete it there"
        if self._delete or is_delete_known:
            self.plan.deletes.append(row)
        else:
            self.plan.refuse_change(row, None, problem)

    # --- cells --------------------------------------------------------------------------------

    def compare_cells(self, cells: Mapping[str, CellMapping]) -> None:
        """Plan the changes of cells."""
        rows = self._tables.cells
        names = candidate_names((row.canonical_uuid, row.name) for row in rows)
        for row in rows:
            uuid = row.canonical_uuid
            if uuid in cells:
                self._compare_cell(cells[uuid], row, names[uuid])
            elif uuid == CELL0_UUID:  # Nova does not work without it
                self.plan.cells.append(ExportedCell(uuid, row.shown_name, "unchanged"))
            elif self._delete or self._is_cell_delete_known(row):
                self.plan.cell_deletes.append(row)
            else:
                problem = f"is not here: {_IMPORT_OR_DELETE}"
                refusal = ExportRefusal("cell", row.shown_name, None, uuid, problem)
                self._refuse_cell(ExportedCell(uuid, row.shown_name, "refused"), refusal)
        for uuid, cell in cells.items():
            if uuid not in names:
                self._compare_cell(cell, None, ())

    def _is_cell_delete_known(self, row: CellRow) -> bool:
        """Return whether the history has the deletion of a cell after its last change in Nova."""
        changes = self._hostmap.history.of_cell(row.canonical_uuid)
        if not changes or changes[-1].cells[0].action != "deleted":
            return False
        return not is_later(row, changes[-1].created_at)

    def _compare_cell(self, cell: CellMapping, row: CellRow | None, names: Iterable[str]) -> None:
        values = _row_values(cell, row, names)
        changed = {name for name in values if row is None or values[name] != getattr(row, name)}
        if not changed:
            self.plan.cells.append(ExportedCell(cell.uuid, cell.name, "unchanged"))
            return
        differs = () if row is None else tuple(name for name in values if name in changed)
        problem = _url_problem(row, values, changed)
        if problem is None and row is not None and self._is_conflict(row, cell):
            problem = "was changed in Nova later than here"
        if problem is not None:
            nova_uuid = None if row is None else cell.uuid
            refusal = ExportRefusal("cell", cell.name, cell.uuid, nova_uuid, problem)
            self._refuse_cell(ExportedCell(cell.uuid, cell.name, "refused", differs), refusal)
            return
        action = "created" if row is None else "updated"
        shown = ExportedCell(cell.uuid, cell.name, action, differs)
        self.plan.cells.append(shown)
        self.plan.cell_writes.append(CellWrite(row, shown, values))

    def _refuse_cell(self, shown: ExportedCell, refusal: ExportRefusal) -> None:
        self.plan.cells.append(shown)
        self.plan.refused.append(refusal)


def _row_values(cell: CellMapping, row: CellRow | None, names: Iterable[str]) -> dict[str, Any]:
    """Return the values for Nova's row of a cell. Values that are equivalent keep Nova's form.

    :param names: the names that an import may have made from Nova's name.
    """
    values: dict[str, Any] = {
        "name": cell.name,
        "transport_url": bindable(cell.transport_url),
        "database_connection": bindable(cell.database_connection),
        "disabled": cell.disabled,
    }
    if row is None:
        return values
    if cell.name in names:
        values["name"] = row.name
    for name in URL_FIELDS:
        if values[name] is None and not getattr(row, name):
            values[name] = getattr(row, name)
    if bool(row.disabled) == cell.disabled:
        values["disabled"] = row.disabled
    return values


def _url_problem(
    row: CellRow | None, values: Mapping[str, Any], changed: Collection[str]
) -> str | None:
    """Return why the URLs of a cell cannot be written, None if they can."""
    for name in URL_FIELDS:
        if name not in changed:
            continue
        if values[name] is None:
            return f"has no {name}, and Nova can read no cell without one: set it here first"
        nova_url = (row and getattr(row, name)) or ""
        if is_template(nova_url) and not is_template(values[name]):
            return f"has a template as {name} in Nova, which is not overwritten"
    return None
