"""`hostmap host show`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hostmap_sql.cli.commands.host.arguments import hosts_argument, refuse_missing
from hostmap_sql.cli.framework.commands import Command
from hostmap_sql.cli.output.formats import show_one_or_many
from hostmap_sql.cli.output.rows import HOST_COLUMNS, host_row

if TYPE_CHECKING:
    from hostmap_sql.cli.framework.settings import Settings


@click.command(
    "show",
    cls=Command,
    columns=HOST_COLUMNS,
    example="hostmap host show compute-1\nhostmap host show compute-1 -f value -c cell",
)
@hosts_argument
@click.pass_obj
def show_hosts(settings: Settings, /, *, hosts: tuple[str, ...]) -> None:
    """Show the cell of each host.

    With --format json, one HOST is an object, several are an array. If some hosts are not mapped,
    the others are shown and the exit status is 3.
    """
    wanted = list(dict.fromkeys(hosts))
    with settings.open() as hostmap:
        found = hostmap.hosts.get_many(wanted)
        rows = [host_row(found[host]) for host in wanted if host in found]
        show_one_or_many(settings, HOST_COLUMNS, rows, asked=len(hosts))
        refuse_missing(wanted, found)
