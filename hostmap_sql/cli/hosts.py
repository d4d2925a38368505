"""The commands below `hostmap host`, but for import and export."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import click

from hostmap_sql.cli import errors
from hostmap_sql.cli.arguments import CELL, HOST
from hostmap_sql.cli.context import WRITES, Group, Settings, find_cell, uuid_of
from hostmap_sql.cli.output import plural, show_one_or_many, show_row, show_rows, show_summary
from hostmap_sql.cli.rows import HOST_COLUMNS, host_row
from hostmap_sql.errors import HostMappingExists
from hostmap_sql.models import BIGGEST

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from hostmap_sql.hostmap import Changes, HostMap
    from hostmap_sql.models import HostChange, HostMapping

# How many names an error quotes.
_MOST_NAMED = 20

hosts_argument = click.argument("hosts", metavar="HOST...", type=HOST, nargs=-1, required=True)
cell_argument = click.argument("cell", type=CELL)
cells_option = click.option(
    "--cell",
    "cells",
    metavar="CELL",
    type=CELL,
    multiple=True,
    help="Only hosts of this cell; of several, if it is given several times.",
)


@click.group("host", cls=Group, example="hostmap host show compute-1")
def hosts() -> None:
    """The hosts, and the cell of each."""


@hosts.command(
    "create",
    columns=HOST_COLUMNS,
    uses=WRITES,
    example="hostmap host create compute-9 cell1 --reason 'rack 9'",
)
@click.argument("host")
@cell_argument
@click.pass_obj
def create(settings: Settings, /, *, host: str, cell: str) -> None:
    """Map a host to a cell."""
    with settings.open() as hostmap:
        wanted = find_cell(hostmap, cell)
        try:
            mapping = hostmap.hosts.create(host, wanted.uuid)
        except HostMappingExists as error:
            actual = hostmap.cells.find(error.cell_uuid)
            raise errors.Failure(
                f"host {host!r} is in cell {actual.name!r} already: `hostmap host move` moves it",
                errors.CONFLICT,
            ) from error
    show_row(settings, HOST_COLUMNS, host_row(mapping))


@hosts.command(
    "show",
    columns=HOST_COLUMNS,
    example="hostmap host show compute-1\nhostmap host show compute-1 -f value -c cell",
)
@hosts_argument
@click.pass_obj
def show(settings: Settings, /, *, hosts: tuple[str, ...]) -> None:
    """Show which cell each host is in.

    The json is an object for one HOST, an array for several. If some are not mapped, the others
    are shown and the exit status is 3.
    """
    wanted = list(dict.fromkeys(hosts))
    with settings.open() as hostmap:
        found = hostmap.hosts.get_many(wanted)
        rows = [host_row(found[host]) for host in wanted if host in found]
        show_one_or_many(settings, HOST_COLUMNS, rows, asked=len(hosts))
        _refuse_missing(wanted, found)


@hosts.command(
    "list",
    columns=HOST_COLUMNS,
    example="hostmap host list --cell cell1 --cell cell2 --prefix compute- --limit 100\n"
    "hostmap host list --format value --columns host",
)
@cells_option
@click.option("--prefix", help="Only hosts whose names begin so.")
@click.option("--limit", metavar="N", type=click.IntRange(0, BIGGEST), help="At most so many.")
@click.pass_obj
def list_(
    settings: Settings, /, *, cells: tuple[str, ...], prefix: str | None, limit: int | None
) -> None:
    """Show the hosts, ordered by name."""
    with settings.open() as hostmap:
        mappings = islice(hosts_of(hostmap, cells, prefix), limit)
        show_rows(settings, HOST_COLUMNS, map(host_row, mappings))


def hosts_of(hostmap: HostMap, cells: Sequence[str], prefix: str | None) -> Iterator[HostMapping]:
    """The hosts of some cells, or of all if none is named, ordered by name."""
    uuids = {find_cell(hostmap, cell, "--cell").uuid for cell in cells}
    if len(uuids) <= 1:
        return hostmap.hosts.iterate(next(iter(uuids), None), prefix)
    # One pass over all hosts: one cell after the other, a host that moves meanwhile is missed.
    found = hostmap.hosts.iterate(prefix=prefix)
    return (mapping for mapping in found if mapping.cell_uuid in uuids)


@hosts.command(
    "move",
    columns=HOST_COLUMNS,
    uses=WRITES,
    example="hostmap host move compute-1 compute-2 cell2 --from cell1 --reason 'rack 9 rewired'",
)
@hosts_argument
@cell_argument
@click.option(
    "--from",
    "from_cell",
    metavar="CELL",
    type=CELL,
    help="Only if all are in this cell; otherwise none is moved and the exit status is 4.",
)
@click.pass_obj
def move(
    settings: Settings, /, *, hosts: tuple[str, ...], cell: str, from_cell: str | None
) -> None:
    """Move hosts to a cell: all of them, as one change, or none.

    Hosts that are in that cell already stay as they are.
    """
    wanted = list(dict.fromkeys(hosts))

    def work(changes: Changes) -> Sequence[HostMapping]:
        new = find_cell(changes, cell).uuid
        expected = uuid_of(changes, from_cell, "--from")
        _refuse_missing(wanted, changes.hosts.get_many(wanted))
        return [changes.hosts.move(host, new, expected_cell=expected) for host in wanted]

    with settings.open() as hostmap:
        moved = hostmap.run(work)
    rows = [host_row(mapping) for mapping in moved]
    show_one_or_many(settings, HOST_COLUMNS, rows, asked=len(hosts))


@hosts.command(
    "delete",
    columns=("deleted", "revision"),
    uses=WRITES,
    example="hostmap host delete compute-1 compute-2 --from cell1 --reason 'scrapped'",
)
@hosts_argument
@click.option(
    "--from",
    "from_cell",
    metavar="CELL",
    type=CELL,
    help="Only if all are in this cell; otherwise none is deleted and the exit status is 4.",
)
@click.pass_obj
def delete(settings: Settings, /, *, hosts: tuple[str, ...], from_cell: str | None) -> None:
    """Delete the mappings of hosts: all of them, as one change, or none."""
    wanted = list(dict.fromkeys(hosts))

    def work(changes: Changes) -> Sequence[HostChange]:
        expected = uuid_of(changes, from_cell, "--from")
        _refuse_missing(wanted, changes.hosts.get_many(wanted))
        return [changes.hosts.delete(host, expected_cell=expected) for host in wanted]

    with settings.open() as hostmap:
        deleted = hostmap.run(work)
    row = {"deleted": len(deleted), "revision": deleted[0].revision}
    sentence = f"deleted {plural(len(deleted), 'host')} (revision {deleted[0].revision})"
    show_summary(settings, row, sentence)


def _refuse_missing(wanted: Sequence[str], found: Collection[str]) -> None:
    missing = [host for host in wanted if host not in found]
    if not missing:
        return
    named = ", ".join(map(repr, missing[:_MOST_NAMED]))
    more = len(missing) - _MOST_NAMED
    rest = f" and {more:,} more" if more > 0 else ""
    noun, verb = ("host", "is") if len(missing) == 1 else ("hosts", "are")
    sentence = f"{noun} {named}{rest} {verb} not mapped to any cell"
    raise errors.Failure(sentence, errors.NOT_FOUND, missing)
