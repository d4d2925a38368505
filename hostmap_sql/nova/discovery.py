"""Discovering hosts in Nova's cells that are not mapped yet, and mapping them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hostmap_sql.batching import BULK_SIZE, LOOKUP_SIZE, batched
from hostmap_sql.concealing import conceal
from hostmap_sql.errors import HostMapError, InvalidValue
from hostmap_sql.models import CellMapping, Conflict
from hostmap_sql.nova import nova_sql
from hostmap_sql.nova.arguments import Progress, ignore_progress
from hostmap_sql.nova.cell_access import CellAccess
from hostmap_sql.nova.database import NovaDatabase
from hostmap_sql.nova.live_hosts import cell_uuids_by_host, read_cells, select_cells
from hostmap_sql.nova.results import CellDiscovery, Discovery
from hostmap_sql.quoting import mask_name
from hostmap_sql.secret_arguments import hide_arguments_with_urls
from hostmap_sql.validation import canonical_uuid, valid_new_host

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hostmap_sql.hostmap import HostMap


@hide_arguments_with_urls
def discover(
    hostmap: HostMap,
    cells: Sequence[str] | None = None,
    *,
    by_service: bool = False,
    mark: bool = False,
    nova_api: str | None = None,
    force: bool = False,
    dry_run: bool = False,
    access: CellAccess | None = None,
    progress: Progress = ignore_progress,
) -> Discovery:
    """Map the live compute hosts of Nova's cells that are not mapped yet.

    Each cell's own database is read for compute nodes that are not deleted. Hosts that are mapped
    to their cell stay as they are; hosts that are mapped to another cell are reported. A cell that
    cannot be read is reported and does not stop the others. Discoveries may run at the same time.

    :param cells: names or UUIDs; by default all enabled cells, without cell0.
    :param by_service: read the services named nova-compute instead of the compute nodes.
    :param mark: set ``mapped = 1`` on the compute nodes of all hosts that are mapped to their cell.
        Nova never maps a host whose nodes are marked, so hosts without such a mapping in Nova's own
        table are skipped: see `export_mappings`.
    :param nova_api: the database with Nova's own table; `mark` needs it, or `force`.
    :param force: mark all, because no Nova service reads its own table any more.
    :param dry_run: only report the changes, without writing.
    :param access: the access to the cells' databases.
    :param progress: called with the number of cells done and the total.
    :raises InvalidValue: `mark` is given without `nova_api` or `force`, or the URL cannot be used.
    :raises CellMappingNotFound: one of these cells does not exist.
    :raises DatabaseUnavailable: the directory itself cannot be reached, or Nova's own table.

    >>> found = discover(hostmap, ["cell1"])
    >>> found.cells[0].created, found.cells[0].error
    ((), 'database_connection is not set')
    """
    nova_api = conceal(nova_api)
    access = access or CellAccess()
    if mark and nova_api is None and not force:
        problem = "strands hosts that Nova's own table lacks: name its database with nova_api"
        raise InvalidValue("mark", f"{problem}, or force it if no Nova reads that table any more")
    chosen = select_cells(hostmap, cells)
    mapped_in_nova = None
    if mark and not force and nova_api is not None:
        mapped_in_nova = _read_nova_mappings(nova_api, access.timeout)
    readings = read_cells(chosen, access, by_service=by_service, progress=progress)
    found = []
    planned: dict[str, str] | None = {} if dry_run else None
    for cell in chosen:
        if cell.uuid in readings.problems:
            found.append(CellDiscovery(cell, error=readings.problems[cell.uuid]))
            continue
        live = readings.live[cell.uuid]
        result, mapped_here = _map_hosts(hostmap, cell, live.hosts, planned)
        if mark:
            unmarked = {host: ids for host, ids in live.unmarked.items() if host in mapped_here}
            result = _mark_nodes(access, result, unmarked, mapped_in_nova, dry_run=dry_run)
        found.append(result)
    return Discovery(tuple(found))


def _map_hosts(
    hostmap: HostMap, cell: CellMapping, live: Sequence[str], planned: dict[str, str] | None
) -> tuple[CellDiscovery, frozenset[str]]:
    """Map the hosts that are not mapped; return the result, and the hosts mapped to the cell.

    :param planned: in a dry run, the cells of the hosts that other cells would map; the hosts of
        this cell are added, and nothing is written.
    """
    hosts, unusable = _split_usable(cell, live)
    mapped = cell_uuids_by_host(hostmap, hosts)
    if planned is not None:
        mapped = planned | mapped
    new = [host for host in hosts if host not in mapped]
    if planned is None:
        created, mapped_since = _create_hosts(hostmap, cell, new)
        mapped |= mapped_since
    else:
        created = new
        planned |= dict.fromkeys(new, cell.uuid)
    unchanged = [host for host in hosts if mapped.get(host) == cell.uuid]
    conflicts = tuple(
        Conflict(host, cell.uuid, mapped[host])
        for host in hosts
        if mapped.get(host, cell.uuid) != cell.uuid
    )
    result = CellDiscovery(
        cell, len(live), tuple(created), len(unchanged), conflicts, tuple(unusable)
    )
    return result, frozenset([*created, *unchanged])


def _split_usable(cell: CellMapping, live: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split hosts into those that can be mapped to the cell, and the problems of the others."""
    usable, problems = [], []
    for host in live:
        try:
            valid = valid_new_host(host)
        except InvalidValue as error:
            problems.append(error.problem)
            continue
        if cell.is_cell0:
            problems.append(f"{mask_name(host)!r} is in cell0, which can have no hosts")
        else:
            usable.append(valid)
    return usable, problems


def _create_hosts(
    hostmap: HostMap, cell: CellMapping, hosts: Sequence[str]
) -> tuple[list[str], dict[str, str]]:
    """Map hosts to the cell; return those, and the cells of hosts that others mapped before."""
    created: list[str] = []
    mapped_since: dict[str, str] = {}
    for part in batched(hosts, BULK_SIZE):
        result = hostmap.hosts.create_many((host, cell.uuid) for host in part)
        if result.created == len(part):
            created += part
            continue
        # Another client, such as a second discovery, has mapped some of them first.
        for host, mapping in sorted(hostmap.hosts.get_many(part).items()):
            if mapping.revision == result.revision:
                created.append(host)
            else:
                mapped_since[host] = mapping.cell_uuid
    return created, mapped_since


def _read_nova_mappings(nova_api: str, timeout: float) -> set[tuple[str, str]]:
    """Read the hosts of Nova's own table, each with the UUID of its cell."""
    with NovaDatabase.open(nova_api, timeout) as database:
        rows = database.fetch_all(nova_sql.HOSTS)
    return {(str(host), canonical_uuid(uuid) or str(uuid)) for host, uuid in rows}


def _mark_nodes(
    access: CellAccess,
    result: CellDiscovery,
    unmarked: Mapping[str, Sequence[int]],
    mapped_in_nova: set[tuple[str, str]] | None,
    *,
    dry_run: bool,
) -> CellDiscovery:
    """Mark the compute nodes of hosts that are mapped to their cell; return the result with them.

    :param unmarked: the ids of the nodes to mark, by host.
    :param mapped_in_nova: mark only hosts in these pairs of host and cell UUID; None: all.
    """
    cell = result.cell
    if mapped_in_nova is not None:
        skipped = {host for host in unmarked if (host, cell.uuid) not in mapped_in_nova}
        result = replace(result, unmarked=tuple(sorted(skipped)))
        unmarked = {host: ids for host, ids in unmarked.items() if host not in skipped}
    nodes = [node for ids in unmarked.values() for node in ids]
    if dry_run or not nodes:
        return replace(result, marked=len(nodes))
    marked = 0
    try:
        with access.open(cell) as database:
            for part in batched(nodes, LOOKUP_SIZE):
                numbers = {"numbers": database.encode_numbers(part)}
                marked += database.execute(nova_sql.COMPUTE_NODES_MARK, numbers)
    except HostMapError as error:
        return replace(result, error=str(error))
    return replace(result, marked=marked)
