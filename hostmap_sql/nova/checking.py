"""Comparing the directory with the databases of Nova's cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostmap_sql.errors import InvalidValue
from hostmap_sql.nova.arguments import Progress, ignore_progress
from hostmap_sql.nova.cell_access import CellAccess
from hostmap_sql.nova.live_hosts import cell_uuids_by_host, read_cells, select_cells
from hostmap_sql.nova.results import Disagreement
from hostmap_sql.secret_arguments import hide_arguments
from hostmap_sql.validation import valid_host

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hostmap_sql.hostmap import HostMap
    from hostmap_sql.models import CellMapping

UNREACHABLE_CELL = "unreachable-cell"
SHARED_URL = "shared-url"
NODE_WITHOUT_MAPPING = "node-without-mapping"
MAPPING_WITHOUT_NODE = "mapping-without-node"
MAPPED_ELSEWHERE = "mapped-elsewhere"
CLAIMED_TWICE = "claimed-twice"
DIFFERS_BY_CASE = "differs-by-case"
UNUSABLE_NAME = "unusable-name"

KINDS = (
    UNREACHABLE_CELL,
    SHARED_URL,
    CLAIMED_TWICE,
    MAPPED_ELSEWHERE,
    NODE_WITHOUT_MAPPING,
    MAPPING_WITHOUT_NODE,
    DIFFERS_BY_CASE,
    UNUSABLE_NAME,
)
"""All kinds of disagreements."""


@hide_arguments
def check(
    hostmap: HostMap,
    cells: Sequence[str] | None = None,
    *,
    access: CellAccess | None = None,
    progress: Progress = ignore_progress,
) -> tuple[Disagreement, ...]:
    """Compare the directory with the live compute nodes of Nova's cells. Nothing is written.

    :param cells: names or UUIDs; by default all enabled cells, without cell0.
    :param access: the access to the cells' databases.
    :param progress: called with the number of cells done and the total.
    :raises CellMappingNotFound: one of these cells does not exist.
    :raises DatabaseUnavailable: the directory itself cannot be reached.

    >>> [(one.kind, one.cell.name) for one in check(hostmap)]
    [('unreachable-cell', 'cell1'), ('unreachable-cell', 'cell2')]
    """
    chosen = select_cells(hostmap, cells)
    # Read before the cells, because a host is live before it is mapped.
    mapped = {
        cell.uuid: {mapping.host for mapping in hostmap.hosts.iterate(cell_uuid=cell.uuid)}
        for cell in chosen
    }
    readings = read_cells(chosen, access or CellAccess(), progress=progress)
    live = {uuid: {*found.hosts} for uuid, found in readings.live.items()}
    # Includes chosen cells that were deleted since.
    by_uuid = {cell.uuid: cell for cell in (*chosen, *hostmap.cells.list())}
    found = [
        Disagreement(UNREACHABLE_CELL, cell, None, readings.problems[cell.uuid])
        for cell in chosen
        if cell.uuid in readings.problems
    ]
    found += _find_shared_urls([*by_uuid.values()], {*mapped})
    for cell in chosen:
        if cell.uuid in live:
            found += _compare_cell(hostmap, cell, live, mapped[cell.uuid], by_uuid)
    found += _find_names_differing_by_case(live, mapped, by_uuid)
    return tuple(found)


def _find_shared_urls(cells: Sequence[CellMapping], chosen: set[str]) -> Iterator[Disagreement]:
    for field in ("database_connection", "transport_url"):
        first: dict[object, CellMapping] = {}
        for cell in cells:
            url = getattr(cell, field)
            # cell0 has no queue, and its URL is the same placeholder in every deployment.
            if url is None or cell.is_cell0:
                continue
            other = first.setdefault(url, cell)
            if other is not cell and {cell.uuid, other.uuid} & chosen:
                problem = f"has the same {field} as cell {other.name!r}"
                yield Disagreement(SHARED_URL, cell, None, problem)


def _compare_cell(
    hostmap: HostMap,
    cell: CellMapping,
    live: Mapping[str, set[str]],
    mapped: set[str],
    cells: Mapping[str, CellMapping],
) -> Iterator[Disagreement]:
    """Compare one cell that could be read with the directory."""
    hosts = live[cell.uuid]
    not_mapped_here = []
    for host in sorted(hosts - mapped):
        try:
            not_mapped_here.append(valid_host(host))
        except InvalidValue as error:
            yield Disagreement(UNUSABLE_NAME, cell, host, error.problem)
    mapped_to = cell_uuids_by_host(hostmap, not_mapped_here)
    for host in sorted(hosts):
        others = [uuid for uuid in live if uuid != cell.uuid and host in live[uuid]]
        if others:
            names = ", ".join(repr(cells[uuid].name) for uuid in others)
            yield Disagreement(CLAIMED_TWICE, cell, host, f"has live compute nodes in {names} too")
    for host in not_mapped_here:
        uuid = mapped_to.get(host)
        if uuid is None:
            problem = "has a live compute node and is not mapped: see `hostmap nova discover`"
            yield Disagreement(NODE_WITHOUT_MAPPING, cell, host, problem)
        elif uuid not in live or host not in live[uuid]:
            name = cells[uuid].name if uuid in cells else uuid
            problem = f"has a live compute node here and is mapped to {name!r}"
            yield Disagreement(MAPPED_ELSEWHERE, cell, host, problem)
    for host in sorted(mapped - hosts):
        problem = "is mapped and has no live compute node"
        yield Disagreement(MAPPING_WITHOUT_NODE, cell, host, problem)


def _find_names_differing_by_case(
    live: Mapping[str, set[str]],
    mapped: Mapping[str, set[str]],
    cells: Mapping[str, CellMapping],
) -> Iterator[Disagreement]:
    """Find names, live or mapped, that differ from another one only by case."""
    first: dict[str, str] = {}
    for uuid in mapped:
        for host in sorted(mapped[uuid] | live.get(uuid, set())):
            other = first.setdefault(host.casefold(), host)
            if other != host:
                problem = f"differs only by case from {other!r}"
                yield Disagreement(DIFFERS_BY_CASE, cells[uuid], host, problem)
