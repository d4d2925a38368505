"""`hostmap cell create`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hostmap_sql.cli.framework.commands import Command
from hostmap_sql.cli.framework.options import SEALS, WRITES
from hostmap_sql.cli.framework.param_types import URL_OR_NONE
from hostmap_sql.cli.output.formats import show_row
from hostmap_sql.cli.output.rows import CELL_COLUMNS, cell_row

if TYPE_CHECKING:
    from hostmap_sql.cli.framework.settings import Settings


@click.command(
    "create",
    cls=Command,
    columns=CELL_COLUMNS,
    uses=(*WRITES, *SEALS),
    example="hostmap cell create cell4 --transport-url rabbit://nova:PASSWORD@mq4:5672/ "
    "--database-connection mysql+pymysql://nova:PASSWORD@db4/nova\n"
    "hostmap cell create cell5 --transport-url @mq5.url --database-connection @db5.url",
)
@click.argument("name")
@click.option(
    "--transport-url",
    type=URL_OR_NONE,
    help="The URL of its message queue; @FILE reads it from a file, @- from standard input.",
)
@click.option(
    "--database-connection",
    type=URL_OR_NONE,
    help="The URL of its database; @FILE reads it from a file, @- from standard input.",
)
@click.option("--uuid", help="Its UUID. Default: a random one.")
@click.option("--disabled", is_flag=True, help="Create it disabled: not for new placements.")
@click.pass_obj
def create_cell(
    settings: Settings,
    /,
    *,
    name: str,
    transport_url: str | None,
    database_connection: str | None,
    uuid: str | None,
    disabled: bool,
) -> None:
    """Create a cell."""
    with settings.open(needs_keys=bool(transport_url or database_connection)) as hostmap:
        cell = hostmap.cells.create(
            name,
            transport_url=transport_url or None,
            database_connection=database_connection or None,
            uuid=uuid,
            disabled=disabled,
        )
    show_row(settings, CELL_COLUMNS, cell_row(cell, 0))
