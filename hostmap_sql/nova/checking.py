"""Comparing the directory with what the cells' own databases say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostmap_sql.errors import InvalidValue
from hostmap_sql.models import CellMapping, valid_host
from hostmap_sql.nova.access import CellAccess
from hostmap_sql.nova.cells import LiveHosts, cells_to_read, places, read_cells
from hostmap_sql.nova.progress import Progress, untold
from hostmap_sql.nova.results import Disagreement

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hostmap_sql.hostmap import HostMap

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
"""The kinds of disagreements."""


def check(
    hostmap: HostMap,
    cells: Sequence[str] | None = None,
    *,
    access: CellAccess | None = None,
    progress: Progress = untold,
) -> tuple[Disagreement, ...]:
    """Compare the directory with the live compute nodes of Nova's cells. Nothing is written.

    :param cells: names or UUIDs; by default all that are enabled, but never cell0.
    :param access: how the cells' databases are reached.
    :param progress: called with the number of cells that are read, and of all.
    :raises CellMappingNotFound: a cell that is named does not exist.
    :raises DatabaseUnavailable: the directory itself cannot be reached.

    >>> [(one.kind, one.cell.name) for one in check(hostmap)]
    [('unreachable-cell', 'cell1'), ('unreachable-cell', 'cell2')]
    """
    chosen = cells_to_read(hostmap, cells)
    # The directory first: what is mapped meanwhile, its cell knows already.
    mapped = {
        cell.uuid: {mapping.host for mapping in hostmap.hosts.iterate(cell.uuid)} for cell in chosen
    }
    answers = read_cells(chosen, access or CellAccess(), progress=progress)
    live = {
        cell.uuid: {*answer.hosts}
        for cell in chosen
        if isinstance(answer := answers[cell.uuid], LiveHosts)
    }
    # With those that were deleted while the cells were read.
    by_uuid = {cell.uuid: cell for cell in (*chosen, *hostmap.cells.list())}
    found = [
        Disagreement(UNREACHABLE_CELL, cell, None, str(answers[cell.uuid]))
        for cell in chosen
        if cell.uuid not in live
    ]
    found += _shared_urls([*by_uuid.values()], {*mapped})
    for cell in chosen:
        if cell.uuid in live:
            found += _compare(hostmap, cell, live, mapped[cell.uuid], by_uuid)
    found += _cases(live, mapped, by_uuid)
    return tuple(found)


def _shared_urls(cells: Sequence[CellMapping], chosen: set[str]) -> Iterator[Disagreement]:
    for field in ("database_connection", "transport_url"):
        first: dict[object, CellMapping] = {}
        for cell in cells:
            url = getattr(cell, field)
            # cell0 has no queue of its own, and says so in the same way everywhere.
            if url is None or cell.is_cell0:
                continue
            other = first.setdefault(url, cell)
            if other is not cell and {cell.uuid, other.uuid} & chosen:
                problem = f"has the same {field} as cell {other.name!r}"
                yield Disagreement(SHARED_URL, cell, None, problem)


def _compare(
    hostmap: HostMap,
    cell: CellMapping,
    live: Mapping[str, set[str]],
    mapped: set[str],
    cells: Mapping[str, CellMapping],
) -> Iterator[Disagreement]:
    """One cell against the directory."""
    hosts = live[cell.uuid]
    strangers = []
    for host in sorted(hosts - mapped):
        try:
            strangers.append(valid_host(host))
        except InvalidValue as error:
            yield Disagreement(UNUSABLE_NAME, cell, host, error.problem)
    mapped_to = places(hostmap, strangers)
    for host in sorted(hosts):
        claiming = [other for other in live if other != cell.uuid and host in live[other]]
        if claiming:
            names = ", ".join(repr(cells[uuid].name) for uuid in claiming)
            yield Disagreement(CLAIMED_TWICE, cell, host, f"has live compute nodes in {names} too")
    for host in strangers:
        place = mapped_to.get(host)
        if place is None:
            problem = "has a live compute node and is not mapped: see `hostmap nova discover`"
            yield Disagreement(NODE_WITHOUT_MAPPING, cell, host, problem)
        elif place not in live or host not in live[place]:
            name = cells[place].name if place in cells else place
            problem = f"has a live compute node here and is mapped to {name!r}"
            yield Disagreement(MAPPED_ELSEWHERE, cell, host, problem)
    for host in sorted(mapped - hosts):
        problem = "is mapped and has no live compute node"
        yield Disagreement(MAPPING_WITHOUT_NODE, cell, host, problem)


def _cases(
    live: Mapping[str, set[str]],
    mapped: Mapping[str, set[str]],
    cells: Mapping[str, CellMapping],
) -> Iterator[Disagreement]:
    """Names, live or mapped, that differ from another only by case."""
    first: dict[str, str] = {}
    for uuid in mapped:
        for host in sorted(mapped[uuid] | live.get(uuid, set())):
            other = first.setdefault(host.casefold(), host)
            if other != host:
                problem = f"differs only by case from {other!r}"
                yield Disagreement(DIFFERS_BY_CASE, cells[uuid], host, problem)
