"""`hostmap cell update`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hostmap_sql.cli.commands.cell.arguments import cell_argument
from hostmap_sql.cli.commands.cell.show import print_cell
from hostmap_sql.cli.framework.cells import find_cell
from hostmap_sql.cli.framework.commands import Command
from hostmap_sql.cli.framework.options import SEALS, WRITES
from hostmap_sql.cli.framework.param_types import URL_OR_NONE
from hostmap_sql.cli.output.rows import CELL_COLUMNS
from hostmap_sql.models import URL_FIELDS

if TYPE_CHECKING:
    from hostmap_sql.cli.framework.settings import Settings


@click.command(
    "update",
    cls=Command,
    columns=CELL_COLUMNS,
    uses=(*WRITES, *SEALS),
    example="hostmap cell update cell1 --transport-url @mq1.url --reason 'password rotated'\n"
    "hostmap cell update cell2 --name cell2-old --database-connection ''",
)
@cell_argument
@click.option("--name", help="Its new name.")
@click.option(
    "--transport-url",
    type=URL_OR_NONE,
    help="Its new message queue; @FILE reads the URL from a file, '' removes it.",
)
@click.option(
    "--database-connection",
    type=URL_OR_NONE,
    help="Its new database; @FILE reads the URL from a file, '' removes it.",
)
@click.option(
    "--disabled/--enabled", default=None, help="Close it to new placements, or open it to them."
)
@click.pass_obj
def update_cell(settings: Settings, /, cell: str, **options: Any) -> None:
    """Change the given properties of a cell, and no others."""
    values = {name: value for name, value in options.items() if value is not None}
    if not values:
        raise click.UsageError(
            "nothing to change: give --name, --transport-url, --database-connection, "
            "--disabled or --enabled"
        )
    for name in URL_FIELDS:
        if values.get(name) == "":
            values[name] = None
    update_and_print(settings, cell, **values)


def update_and_print(settings: Settings, cell: str, **values: Any) -> None:
    """Update a cell, and print it."""
    needs_keys = any(values.get(name) for name in URL_FIELDS)
    with settings.open(needs_keys=needs_keys) as hostmap:
        updated = hostmap.cells.update(find_cell(hostmap, cell).uuid, **values)
        print_cell(settings, hostmap, updated)
