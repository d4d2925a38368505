"""`hostmap cell enable`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hostmap_sql.cli.commands.cell.arguments import cell_argument
from hostmap_sql.cli.commands.cell.update import update_and_print
from hostmap_sql.cli.framework.commands import Command
from hostmap_sql.cli.framework.options import WRITES
from hostmap_sql.cli.output.rows import CELL_COLUMNS

if TYPE_CHECKING:
    from hostmap_sql.cli.framework.settings import Settings


@click.command(
    "enable",
    cls=Command,
    columns=CELL_COLUMNS,
    uses=WRITES,
    example="hostmap cell enable cell1",
)
@cell_argument
@click.pass_obj
def enable_cell(settings: Settings, /, *, cell: str) -> None:
    """Open a cell to new placements."""
    update_and_print(settings, cell, disabled=False)
