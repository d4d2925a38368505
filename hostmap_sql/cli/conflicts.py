"""How commands show hosts that are in another cell than they should be; and the names of cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hostmap_sql.cli import errors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hostmap_sql.hostmap import HostMap
    from hostmap_sql.models import Conflict


def cell_names(hostmap: HostMap) -> dict[str, str]:
    """The names of all cells, by their UUIDs."""
    return {cell.uuid: cell.name for cell in hostmap.cells.list()}


def conflict_rows(conflicts: Sequence[Conflict], names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Conflicts, with the names of their cells."""
    return [
        {
            "host": conflict.host,
            "wanted_cell": names.get(conflict.wanted_cell_uuid, conflict.wanted_cell_uuid),
            "wanted_cell_uuid": conflict.wanted_cell_uuid,
            "actual_cell": names.get(conflict.actual_cell_uuid, conflict.actual_cell_uuid),
            "actual_cell_uuid": conflict.actual_cell_uuid,
        }
        for conflict in conflicts
    ]


def say_conflicts(rows: Sequence[Mapping[str, Any]]) -> None:
    """Tell people of each."""
    for row in rows:
        where = f"in cell {row['actual_cell']!r}, not in {row['wanted_cell']!r}"
        errors.say(f"conflict: host {row['host']!r} is {where}")
