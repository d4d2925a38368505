"""Arguments and options that several commands below `hostmap host` share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hostmap_sql.cli.framework.cells import find_cell
from hostmap_sql.cli.framework.errors import NOT_FOUND, Failure
from hostmap_sql.cli.framework.options import combine, multi_option
from hostmap_sql.cli.framework.param_types import CELL, HOST
from hostmap_sql.errors import describe_hosts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from hostmap_sql.hostmap import HostMap
    from hostmap_sql.models import HostMapping


hosts_argument = click.argument("hosts", metavar="HOST...", type=HOST, nargs=-1, required=True)
cell_argument = click.argument("cell", type=CELL)
from_option = click.option(
    "--from",
    "from_cell",
    metavar="CELL",
    type=CELL,
    help="Require all hosts to be in this cell; otherwise nothing is changed and the exit status "
    "is 4.",
)
filter_options = combine(
    multi_option("--cell", "cells", metavar="CELL", type=CELL, help="Only hosts in this cell."),
    click.option("--prefix", help="Only hosts whose names begin with this text."),
)


def iterate_hosts(
    hostmap: HostMap, cells: Sequence[str], prefix: str | None
) -> Iterator[HostMapping]:
    """Yield the hosts that `filter_options` choose, ordered by name."""
    uuids = {find_cell(hostmap, cell, "--cell").uuid for cell in cells}
    if len(uuids) <= 1:
        return hostmap.hosts.iterate(cell_uuid=next(iter(uuids), None), prefix=prefix)
    # In one pass over all hosts: cell after cell would miss a host that moves between them.
    found = hostmap.hosts.iterate(prefix=prefix)
    return (mapping for mapping in found if mapping.cell_uuid in uuids)


def refuse_missing(wanted: Sequence[str], found: Collection[str]) -> None:
    """Fail if some of the wanted hosts were not found, naming the first 20.

    :raises Failure: with the status of "not found".
    """
    missing = [host for host in wanted if host not in found]
    if not missing:
        return
    raise Failure(f"{describe_hosts(missing)} not mapped to any cell", NOT_FOUND, missing)
