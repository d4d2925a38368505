"""Finding the hosts that the cells have and the directory has not, and mapping them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hostmap_sql.errors import HostMapError, InvalidValue
from hostmap_sql.models import CELL0_UUID, CellMapping, Conflict, valid_host
from hostmap_sql.nova.access import CellAccess, NovaDatabase
from hostmap_sql.nova.cells import LiveHosts, cells_to_read, places, read_cells
from hostmap_sql.nova.progress import Progress, untold
from hostmap_sql.nova.results import CellDiscovery, Discovery
from hostmap_sql.nova.statements import NovaStatement
from hostmap_sql.parts import BULK_SIZE, LOOKUP_SIZE, in_parts
from hostmap_sql.uuids import canonical_uuid

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hostmap_sql.hostmap import HostMap


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
    progress: Progress = untold,
) -> Discovery:
    """Map the live compute hosts of Nova's cells that are not mapped yet.

    Each cell's own database is read for compute nodes that are not deleted. Hosts that are mapped
    to their cell are left alone, those that are mapped to another are reported. A cell that cannot
    be read is reported, and the others go on. Several discoveries at once agree.

    :param cells: names or UUIDs; by default all that are enabled, but never cell0.
    :param by_service: read the services named nova-compute instead of the compute nodes.
    :param mark: set ``mapped = 1`` on the compute nodes of all hosts that are mapped to their cell.
        Nova maps no host whose nodes are marked, so those of which its own table has no mapping to
        that cell are left: see `export_mappings`.
    :param nova_api: the database with Nova's own table; `mark` needs it, or `force`.
    :param force: mark all, since no Nova reads its own table any more.
    :param dry_run: only report what would be done.
    :param access: how the cells' databases are reached.
    :param progress: called with the number of cells that are read, and of all.
    :raises CellMappingNotFound: a cell that is named does not exist.
    :raises DatabaseUnavailable: the directory itself cannot be reached.

    >>> found = discover(hostmap, ["cell1"])
    >>> found.cells[0].created, found.cells[0].error
    ((), 'database_connection is not set')
    """
    access = access or CellAccess()
    if mark and nova_api is None and not force:
        problem = "strands hosts that Nova's own table lacks: name its database with nova_api"
        raise InvalidValue("mark", f"{problem}, or force it if no Nova reads that table any more")
    chosen = cells_to_read(hostmap, cells)
    mapped_there = None
    if mark and not force and nova_api is not None:
        mapped_there = _mapped_in_nova(nova_api, access.timeout)
    answers = read_cells(chosen, access, by_service=by_service, progress=progress)
    found = []
    claimed: dict[str, str] = {}
    for cell in chosen:
        answer = answers[cell.uuid]
        if isinstance(answer, LiveHosts):
            result, here = _map(hostmap, cell, answer.hosts, claimed if dry_run else None)
            if mark:
                result = _mark(access, result, answer, here, mapped_there, dry_run=dry_run)
            found.append(result)
        else:
            found.append(CellDiscovery(cell, error=str(answer)))
    return Discovery(tuple(found))


def _map(
    hostmap: HostMap, cell: CellMapping, live: Sequence[str], claimed: dict[str, str] | None
) -> tuple[CellDiscovery, frozenset[str]]:
    """Map what is not mapped; with `claimed`, where earlier cells have put theirs, only say so.

    Also returned are the hosts that are, or would be, mapped to the cell.
    """
    hosts, unusable = _usable(live)
    if cell.uuid == CELL0_UUID:
        unusable = [
            *unusable,
            *(f"{host!r} is in cell0, which can have no hosts" for host in hosts),
        ]
        hosts = []
    mapped = places(hostmap, hosts)
    if claimed is not None:
        mapped = claimed | mapped
    new = [host for host in hosts if host not in mapped]
    if claimed is not None:
        created = new
        claimed.update(dict.fromkeys(new, cell.uuid))
    else:
        created, late = _create(hostmap, cell, new)
        mapped |= late
    conflicts = tuple(
        Conflict(host, cell.uuid, mapped[host])
        for host in hosts
        if mapped.get(host, cell.uuid) != cell.uuid
    )
    unchanged = [host for host in hosts if mapped.get(host) == cell.uuid]
    found = CellDiscovery(
        cell, len(live), tuple(created), len(unchanged), conflicts, tuple(unusable)
    )
    return found, frozenset([*created, *unchanged])


def _usable(live: Iterable[str]) -> tuple[list[str], list[str]]:
    hosts, unusable = [], []
    for host in live:
        try:
            hosts.append(valid_host(host))
        except InvalidValue as error:
            unusable.append(error.problem)
    return hosts, unusable


def _create(
    hostmap: HostMap, cell: CellMapping, hosts: Sequence[str]
) -> tuple[list[str], dict[str, str]]:
    """Map the hosts; return those it mapped, and where the others had been put meanwhile."""
    created: list[str] = []
    late: dict[str, str] = {}
    for part in in_parts(hosts, BULK_SIZE):
        result = hostmap.hosts.create_many((host, cell.uuid) for host in part)
        if result.created == len(part):
            created += part
            continue
        # Somebody else was faster with some: another discovery, say.
        now = hostmap.hosts.get_many(part)
        for host, mapping in sorted(now.items()):
            if mapping.revision == result.revision:
                created.append(host)
            else:
                late[host] = mapping.cell_uuid
    return created, late


def _mapped_in_nova(nova_api: str, timeout: float) -> set[tuple[str, str]]:
    """The hosts of Nova's own table, each with the UUID of its cell."""
    with NovaDatabase.open(nova_api, timeout) as database:
        rows = database.all(NovaStatement.HOSTS)
    return {(str(host), canonical_uuid(uuid) or str(uuid)) for host, uuid in rows}


def _mark(
    access: CellAccess,
    found: CellDiscovery,
    live: LiveHosts,
    here: frozenset[str],
    mapped_there: set[tuple[str, str]] | None,
    *,
    dry_run: bool,
) -> CellDiscovery:
    """Mark the compute nodes of the hosts that are mapped to their cell."""
    ids_of = {host: ids for host, ids in live.unmarked.items() if host in here}
    if mapped_there is not None:
        stranded = {host for host in ids_of if (host, found.cell.uuid) not in mapped_there}
        found = replace(found, unmarked=tuple(sorted(stranded)))
        ids_of = {host: ids for host, ids in ids_of.items() if host not in stranded}
    nodes = [node for ids in ids_of.values() for node in ids]
    if dry_run or not nodes:
        return replace(found, marked=len(nodes))
    try:
        with access.open(found.cell) as database:
            marked = sum(
                database.write(
                    NovaStatement.COMPUTE_NODES_MARK, {"numbers": database.encode_numbers(part)}
                )
                for part in in_parts(nodes, LOOKUP_SIZE)
            )
    except HostMapError as error:
        return replace(found, error=str(error))
    return replace(found, marked=marked)
