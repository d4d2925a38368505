"""What the cells' own databases say: which hosts live there."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from hostmap_sql.errors import DatabaseUnavailable, HostMapError
from hostmap_sql.nova.progress import Progress, untold
from hostmap_sql.nova.side_by_side import side_by_side
from hostmap_sql.nova.statements import NovaStatement

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hostmap_sql.hostmap import HostMap
    from hostmap_sql.models import CellMapping
    from hostmap_sql.nova.access import CellAccess


@dataclass(frozen=True)
class LiveHosts:
    """The hosts of a cell: those with a compute node, or a compute service, that is not deleted.

    `unmarked` holds, by host, the ids of the compute nodes that Nova takes for not yet mapped.
    """

    hosts: Sequence[str]
    unmarked: Mapping[str, Sequence[int]]


def cells_to_read(hostmap: HostMap, named: Sequence[str] | None) -> Sequence[CellMapping]:
    """The cells that are named, by name or UUID, in any state; else the enabled ones but cell0.

    :raises CellMappingNotFound: one that is named does not exist.
    """
    if named:
        found = {cell.uuid: cell for cell in map(hostmap.cells.find, named)}
        return sorted(found.values(), key=lambda cell: cell.name)
    return [cell for cell in hostmap.cells.list(disabled=False) if not cell.is_cell0]


def places(hostmap: HostMap, hosts: Iterable[str]) -> dict[str, str]:
    """The UUID of the cell that each of these hosts is mapped to, if it is."""
    return {host: mapping.cell_uuid for host, mapping in hostmap.hosts.get_many(hosts).items()}


def read_cells(
    cells: Sequence[CellMapping],
    access: CellAccess,
    *,
    by_service: bool = False,
    progress: Progress = untold,
) -> Mapping[str, LiveHosts | HostMapError]:
    """The live hosts of each cell, by its UUID, or why they could not be read. Side by side."""
    read = partial(_read, access, by_service=by_service)
    outcomes = side_by_side(read, cells, parallel=access.parallel, timeout=access.timeout)
    answers: dict[str, LiveHosts | HostMapError] = {}
    for cell, live, error in outcomes:
        if live is not None:
            answers[cell.uuid] = live
        elif isinstance(error, HostMapError):
            answers[cell.uuid] = error
        elif isinstance(error, TimeoutError):
            answers[cell.uuid] = DatabaseUnavailable(f"the database of {cell.label}", str(error))
        elif error is not None:
            raise error
        progress(len(answers), len(cells))
    return answers


def _read(access: CellAccess, cell: CellMapping, *, by_service: bool) -> LiveHosts:
    with access.open(cell) as database:
        nodes = database.all(NovaStatement.COMPUTE_NODES)
        services = database.all(NovaStatement.COMPUTE_SERVICES) if by_service else []
    unmarked: dict[str, list[int]] = {}
    for node, host, mapped in nodes:
        if not mapped:
            unmarked.setdefault(str(host), []).append(int(node))
    hosts = {str(row[0]) for row in services} if by_service else {str(row[1]) for row in nodes}
    return LiveHosts(sorted(hosts), unmarked)
