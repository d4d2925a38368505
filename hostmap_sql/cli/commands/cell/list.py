"""`hostmap cell list`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hostmap_sql.cli.commands.cell.arguments import show_secrets_option
from hostmap_sql.cli.framework.commands import Command
from hostmap_sql.cli.framework.options import READS, REVEALS
from hostmap_sql.cli.output.formats import show_rows
from hostmap_sql.cli.output.rows import BRIEF_CELL_COLUMNS, CELL_COLUMNS, cell_row

if TYPE_CHECKING:
    from hostmap_sql.cli.framework.settings import Settings


@click.command(
    "list",
    cls=Command,
    columns=CELL_COLUMNS,
    uses=(*READS, *REVEALS),
    example="hostmap cell list --format json",
)
@show_secrets_option
@click.pass_obj
def list_cells(settings: Settings, /, *, show_secrets: bool) -> None:
    """Show all cells, with the number of hosts in each."""
    with settings.open(needs_keys=show_secrets) as hostmap:
        found = hostmap.cells.list()
        counts = hostmap.cells.host_counts()
    rows = [cell_row(cell, counts.get(cell.uuid, 0), show_secrets=show_secrets) for cell in found]
    show_rows(settings, CELL_COLUMNS, rows, BRIEF_CELL_COLUMNS)
