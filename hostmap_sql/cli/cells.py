"""The commands below `hostmap cell` that look at one cell or change it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hostmap_sql.cli.arguments import CELL, URL_OR_NONE
from hostmap_sql.cli.context import WRITES, Group, Settings, find_cell
from hostmap_sql.cli.output import show_row, show_rows
from hostmap_sql.cli.rows import BRIEF_CELL_COLUMNS, CELL_COLUMNS, cell_row

if TYPE_CHECKING:
    from hostmap_sql.hostmap import HostMap
    from hostmap_sql.models import CellMapping

cell_argument = click.argument("cell", type=CELL)
show_secrets_option = click.option(
    "--show-secrets", is_flag=True, help="Show the passwords in the URLs."
)


@click.group("cell", cls=Group, example="hostmap cell list")
def cells() -> None:
    """The cells, and how each is reached."""


@cells.command(
    "create",
    columns=CELL_COLUMNS,
    uses=WRITES,
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
@click.option("--uuid", help="Its UUID. Default: a new one.")
@click.option("--disabled", is_flag=True, help="Make it, but let nothing new be placed in it.")
@click.pass_obj
def create(
    settings: Settings,
    /,
    *,
    name: str,
    transport_url: str | None,
    database_connection: str | None,
    uuid: str | None,
    disabled: bool,
) -> None:
    """Make a cell."""
    with settings.open() as hostmap:
        cell = hostmap.cells.create(
            name,
            transport_url=transport_url or None,
            database_connection=database_connection or None,
            uuid=uuid,
            disabled=disabled,
        )
    show_row(settings, CELL_COLUMNS, cell_row(cell, 0))


@cells.command("list", columns=CELL_COLUMNS, example="hostmap cell list --format json")
@show_secrets_option
@click.pass_obj
def list_(settings: Settings, /, *, show_secrets: bool) -> None:
    """Show all cells, and how many hosts each has."""
    with settings.open() as hostmap:
        found = hostmap.cells.list()
        counts = hostmap.cells.host_counts()
    rows = [cell_row(cell, counts.get(cell.uuid, 0), show_secrets=show_secrets) for cell in found]
    show_rows(settings, CELL_COLUMNS, rows, BRIEF_CELL_COLUMNS)


@cells.command("show", columns=CELL_COLUMNS, example="hostmap cell show cell1 -f value -c uuid")
@cell_argument
@show_secrets_option
@click.pass_obj
def show(settings: Settings, /, *, cell: str, show_secrets: bool) -> None:
    """Show a cell, named by its name or its UUID."""
    with settings.open() as hostmap:
        found = find_cell(hostmap, cell)
        _show(settings, hostmap, found, show_secrets=show_secrets)


@cells.command(
    "update",
    columns=CELL_COLUMNS,
    uses=WRITES,
    example="hostmap cell update cell1 --transport-url @mq1.url --reason 'password rotated'\n"
    "hostmap cell update cell2 --name cell2-old --database-connection ''",
)
@cell_argument
@click.option("--name", help="Its new name.")
@click.option(
    "--transport-url",
    type=URL_OR_NONE,
    help="@FILE reads it from a file, '' leaves the cell without.",
)
@click.option(
    "--database-connection",
    type=URL_OR_NONE,
    help="@FILE reads it from a file, '' leaves the cell without.",
)
@click.option("--disabled/--enabled", default=None, help="Whether anything new may go there.")
@click.pass_obj
def update(settings: Settings, /, cell: str, **options: Any) -> None:
    """Change what is given of a cell, and only that."""
    values = {name: value for name, value in options.items() if value is not None}
    if not values:
        raise click.UsageError(
            "nothing to change: give --name, --transport-url, --database-connection, "
            "--disabled or --enabled"
        )
    for name in ("transport_url", "database_connection"):
        if values.get(name) == "":
            values[name] = None
    _update(settings, cell, **values)


@cells.command("enable", columns=CELL_COLUMNS, uses=WRITES, example="hostmap cell enable cell1")
@cell_argument
@click.pass_obj
def enable(settings: Settings, /, *, cell: str) -> None:
    """Let new things be placed in a cell."""
    _update(settings, cell, disabled=False)


@cells.command(
    "disable",
    columns=CELL_COLUMNS,
    uses=WRITES,
    example="hostmap cell disable cell1 --reason 'database maintenance'",
)
@cell_argument
@click.pass_obj
def disable(settings: Settings, /, *, cell: str) -> None:
    """Let nothing new be placed in a cell; its hosts stay."""
    _update(settings, cell, disabled=True)


def _update(settings: Settings, cell: str, **values: Any) -> None:
    with settings.open() as hostmap:
        updated = hostmap.cells.update(find_cell(hostmap, cell).uuid, **values)
        _show(settings, hostmap, updated)


def _show(
    settings: Settings, hostmap: HostMap, cell: CellMapping, *, show_secrets: bool = False
) -> None:
    hosts = hostmap.cells.host_counts().get(cell.uuid, 0)
    show_row(settings, CELL_COLUMNS, cell_row(cell, hosts, show_secrets=show_secrets))
