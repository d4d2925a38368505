"""The hosts that live in Nova's cells, read from the cells' own databases."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from hostmap_sql.errors import DatabaseUnavailable, HostMapError
from hostmap_sql.nova import nova_sql
from hostmap_sql.nova.arguments import Progress, ignore_progress
from hostmap_sql.nova.parallel import call_in_parallel

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hostmap_sql.hostmap import HostMap
    from hostmap_sql.models import CellMapping
    from hostmap_sql.nova.cell_access import CellAccess


@dataclass(frozen=True)
class LiveHosts:
    """The hosts of one cell that have a compute node, or compute service, that is not deleted.

    `unmarked` holds, by host, the ids of the compute nodes with ``mapped = 0``.
    """

    hosts: Sequence[str]
    unmarked: Mapping[str, Sequence[int]]


@dataclass(frozen=True)
class CellReadings:
    """The results of reading cells, by the UUIDs of the cells: each is in one of the two."""

    live: dict[str, LiveHosts] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    """For each cell that could not be read, a sentence that says why."""


def select_cells(hostmap: HostMap, names: Sequence[str] | None) -> Sequence[CellMapping]:
    """Return the cells with these names or UUIDs; by default the enabled ones, without cell0.

    :raises CellMappingNotFound: a cell does not exist.
    """
    if names:
        found = {cell.uuid: cell for cell in map(hostmap.cells.resolve, names)}
        return sorted(found.values(), key=lambda cell: cell.name)
    return [cell for cell in hostmap.cells.list(disabled=False) if not cell.is_cell0]


def cell_uuids_by_host(hostmap: HostMap, hosts: Iterable[str]) -> dict[str, str]:
    """Return the UUID of the cell of each of these hosts that is mapped."""
    return {host: mapping.cell_uuid for host, mapping in hostmap.hosts.get_many(hosts).items()}


def read_cells(
    cells: Sequence[CellMapping],
    access: CellAccess,
    *,
    by_service: bool = False,
    progress: Progress = ignore_progress,
) -> CellReadings:
    """Read the live hosts of the cells in parallel. An unreadable cell stops no other."""
    readings = CellReadings()
    read = partial(_read_cell, access, by_service=by_service)
    calls = call_in_parallel(read, cells, parallel=access.parallel, timeout=access.timeout)
    for done, (cell, future) in enumerate(calls, 1):
        try:
            readings.live[cell.uuid] = future.result(0)
        except TimeoutError:
            late = DatabaseUnavailable(
                f"the database of {cell.label}", f"no answer within {access.timeout:g} s"
            )
            readings.problems[cell.uuid] = str(late)
        except HostMapError as error:
            readings.problems[cell.uuid] = str(error)
        progress(done, len(cells))
    return readings


def _read_cell(access: CellAccess, cell: CellMapping, *, by_service: bool) -> LiveHosts:
    with access.open(cell) as database:
        nodes = database.fetch_all(nova_sql.COMPUTE_NODES)
        services = database.fetch_all(nova_sql.COMPUTE_SERVICES) if by_service else []
    unmarked: dict[str, list[int]] = {}
    for node, host, mapped in nodes:
        if not mapped:
            unmarked.setdefault(str(host), []).append(int(node))
    hosts = {str(row[0]) for row in services} if by_service else {str(row[1]) for row in nodes}
    return LiveHosts(sorted(hosts), unmarked)
