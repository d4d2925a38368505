"""`hostmap host create`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hostmap_sql.cli.commands.host.arguments import cell_argument
from hostmap_sql.cli.framework import errors
from hostmap_sql.cli.framework.cells import find_cell
from hostmap_sql.cli.framework.commands import Command
from hostmap_sql.cli.framework.options import WRITES
from hostmap_sql.cli.output.formats import show_row
from hostmap_sql.cli.output.rows import HOST_COLUMNS, host_row
from hostmap_sql.errors import HostMappingExists

if TYPE_CHECKING:
    from hostmap_sql.cli.framework.settings import Settings


@click.command(
    "create",
    cls=Command,
    columns=HOST_COLUMNS,
    uses=WRITES,
    example="hostmap host create compute-9 cell1 --reason 'rack 9'",
)
@click.argument("host")
@cell_argument
@click.pass_obj
def create_host(settings: Settings, /, *, host: str, cell: str) -> None:
    """Map a host to a cell."""
    with settings.open() as hostmap:
        wanted = find_cell(hostmap, cell)
        try:
            mapping = hostmap.hosts.create(host, wanted.uuid)
        except HostMappingExists as error:
            actual = hostmap.cells.resolve(error.cell_uuid)
            raise errors.Failure(
                f"host {host!r} is in cell {actual.name!r} already: `hostmap host move` moves it",
                errors.CONFLICT,
            ) from error
    show_row(settings, HOST_COLUMNS, host_row(mapping))
