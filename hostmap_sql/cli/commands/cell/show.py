"""`hostmap cell show`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hostmap_sql.cli.commands.cell.arguments import cell_argument, show_secrets_option
from hostmap_sql.cli.framework.cells import find_cell
from hostmap_sql.cli.framework.commands import Command
from hostmap_sql.cli.framework.options import READS, REVEALS
from hostmap_sql.cli.output.formats import show_row
from hostmap_sql.cli.output.rows import CELL_COLUMNS, cell_row

if TYPE_CHECKING:
    from hostmap_sql.cli.framework.settings import Settings
    from hostmap_sql.hostmap import HostMap
    from hostmap_sql.models import CellMapping


@click.command(
    "show",
    cls=Command,
    columns=CELL_COLUMNS,
    uses=(*READS, *REVEALS),
    example="hostmap cell show cell1 -f value -c uuid",
)
@cell_argument
@show_secrets_option
@click.pass_obj
def show_cell(settings: Settings, /, *, cell: str, show_secrets: bool) -> None:
    """Show a cell."""
    with settings.open(needs_keys=show_secrets) as hostmap:
        print_cell(settings, hostmap, find_cell(hostmap, cell), show_secrets=show_secrets)


def print_cell(
    settings: Settings, hostmap: HostMap, cell: CellMapping, *, show_secrets: bool = False
) -> None:
    """Print a cell with the number of its hosts."""
    hosts = hostmap.cells.host_counts().get(cell.uuid, 0)
    show_row(settings, CELL_COLUMNS, cell_row(cell, hosts, show_secrets=show_secrets))
