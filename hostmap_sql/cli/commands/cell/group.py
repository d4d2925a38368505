"""`hostmap cell`: the group and its commands."""

from __future__ import annotations

import click

from hostmap_sql.cli.commands.cell.create import create_cell
from hostmap_sql.cli.commands.cell.delete import delete_cell
from hostmap_sql.cli.commands.cell.disable import disable_cell
from hostmap_sql.cli.commands.cell.drain import drain_cell
from hostmap_sql.cli.commands.cell.enable import enable_cell
from hostmap_sql.cli.commands.cell.list import list_cells
from hostmap_sql.cli.commands.cell.rotate import rotate_urls
from hostmap_sql.cli.commands.cell.show import show_cell
from hostmap_sql.cli.commands.cell.update import update_cell
from hostmap_sql.cli.framework.commands import Group


@click.group("cell", cls=Group, example="hostmap cell list")
def cell() -> None:
    """The cells, and the URLs of their message queues and databases."""


for command in (
    create_cell,
    list_cells,
    show_cell,
    update_cell,
    enable_cell,
    disable_cell,
    drain_cell,
    delete_cell,
    rotate_urls,
):
    cell.add_command(command)
