"""`hostmap nova`: the group and its commands."""

from __future__ import annotations

import click

from hostmap_sql.cli.commands.nova.check import check_cells
from hostmap_sql.cli.commands.nova.discover import discover_hosts
from hostmap_sql.cli.commands.nova.export import export_to_nova
from hostmap_sql.cli.commands.nova.import_ import import_from_nova
from hostmap_sql.cli.framework.commands import Group
from hostmap_sql.cli.framework.log_output import show_warnings


@click.group("nova", cls=Group, example="hostmap nova import --from @nova_api.url --dry-run")
@click.pass_context
def nova(ctx: click.Context) -> None:
    """Exchange mappings with the databases of OpenStack Nova."""
    show_warnings(ctx)  # about URL options that are ignored


for command in (import_from_nova, export_to_nova, discover_hosts, check_cells):
    nova.add_command(command)
