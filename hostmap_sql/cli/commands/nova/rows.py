"""The results of `hostmap nova import` and `export`, and the rows of their dry runs."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hostmap_sql.cli.output.dry_run import plan_row
from hostmap_sql.cli.output.rows import cell_names
from hostmap_sql.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from hostmap_sql.hostmap import HostMap
    from hostmap_sql.nova import ExportResult, ImportResult
    from hostmap_sql.nova.results import ExportedCell, ExportedHost, ImportedCell, PlannedHost

_PLAN_ACTIONS = {
    "created": "create",
    "updated": "update",
    "deleted": "delete",
    "conflict": "conflict",
}


@contextmanager
def api_url_errors(option: str, *fields: str) -> Iterator[None]:
    """Raise the errors of a block about some fields of the URL under the name of its option."""
    try:
        yield
    except InvalidValue as error:
        if error.field not in fields:
            raise
        raise InvalidValue(option, error.problem) from error


def result_names(hostmap: HostMap, result: ImportResult | ExportResult) -> Mapping[str, str]:
    """Return the names of all cells of the directory and of a result, by their UUIDs."""
    return cell_names(hostmap) | {cell.uuid: cell.name for cell in result.cells}


def name_of(uuid: str | None, names: Mapping[str, str]) -> str | None:
    """Return the name of a cell; its UUID if the name is unknown."""
    return uuid and names.get(uuid, uuid)


def cells_text(cells: Collection[ImportedCell | ExportedCell]) -> str:
    """Count cells by action: "2 created, 1 unchanged"."""
    actions = [cell.action for cell in cells]
    counts = {action: actions.count(action) for action in dict.fromkeys(actions)}
    return ", ".join(f"{number:,} {action}" for action, number in counts.items()) or "none"


def cell_row(cell: ImportedCell | ExportedCell) -> dict[str, Any]:
    """Make the row of a cell in the result."""
    return {
        "cell": cell.name,
        "cell_uuid": cell.uuid,
        "action": cell.action,
        "differs": [*cell.differs],
    }


def change_plan_rows(
    cells: Iterable[ImportedCell | ExportedCell],
    hosts: Iterable[PlannedHost | ExportedHost],
    names: Mapping[str, str],
) -> Iterator[dict[str, Any]]:
    """Yield a row of a dry run for each cell and host that would change."""
    for cell in cells:
        if cell.action in _PLAN_ACTIONS:
            detail = ", ".join(cell.differs) or None
            yield plan_row(_PLAN_ACTIONS[cell.action], "cell", cell.name, detail=detail)
    for host in hosts:
        new, old = name_of(host.new_cell_uuid, names), name_of(host.old_cell_uuid, names)
        yield plan_row(host.action, "host", host.host, cell=new, actual_cell=old)


def conflict_plan_rows(conflicts: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield a row of a dry run for each host in conflict."""
    for row in conflicts:
        wanted, actual = row["wanted_cell"], row["actual_cell"]
        yield plan_row("conflict", "host", row["host"], cell=wanted, actual_cell=actual)
