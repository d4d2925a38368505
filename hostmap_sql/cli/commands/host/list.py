"""`hostmap host list`."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import click

from hostmap_sql.cli.commands.host.arguments import filter_options, iterate_hosts
from hostmap_sql.cli.framework.commands import Command
from hostmap_sql.cli.output.formats import show_rows
from hostmap_sql.cli.output.rows import HOST_COLUMNS, host_row
from hostmap_sql.validation import MAX_BIGINT

if TYPE_CHECKING:
    from hostmap_sql.cli.framework.settings import Settings


@click.command(
    "list",
    cls=Command,
    columns=HOST_COLUMNS,
    example="hostmap host list --cell cell1 --cell cell2 --prefix compute- --limit 100\n"
    "hostmap host list --format value --columns host",
)
@filter_options
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(0, MAX_BIGINT),
    help="Show at most this number of hosts.",
)
@click.pass_obj
def list_hosts(
    settings: Settings, /, *, cells: tuple[str, ...], prefix: str | None, limit: int | None
) -> None:
    """Show the hosts, ordered by name."""
    with settings.open() as hostmap:
        mappings = islice(iterate_hosts(hostmap, cells, prefix), limit)
        show_rows(settings, HOST_COLUMNS, map(host_row, mappings))
