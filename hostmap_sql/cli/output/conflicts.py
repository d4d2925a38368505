"""Hosts in a cell other than the wanted one: as rows, and as sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hostmap_sql.cli.framework import errors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hostmap_sql.models import Conflict


def conflict_rows(conflicts: Sequence[Conflict], names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return a row for each conflict.

    :param names: the names of the cells, by UUID.
    """
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


def print_conflicts(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print a sentence for each row on standard error."""
    for row in rows:
        cells = f"in cell {row['actual_cell']!r}, not in {row['wanted_cell']!r}"
        errors.print_status(f"conflict: host {row['host']!r} is {cells}")
