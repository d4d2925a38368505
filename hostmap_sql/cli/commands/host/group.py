"""`hostmap host`: the group and its commands."""

from __future__ import annotations

import click

from hostmap_sql.cli.commands.host.create import create_host
from hostmap_sql.cli.commands.host.delete import delete_hosts
from hostmap_sql.cli.commands.host.export import export_hosts
from hostmap_sql.cli.commands.host.import_ import import_hosts
from hostmap_sql.cli.commands.host.list import list_hosts
from hostmap_sql.cli.commands.host.move import move_hosts
from hostmap_sql.cli.commands.host.show import show_hosts
from hostmap_sql.cli.commands.host.wait import wait_for_hosts
from hostmap_sql.cli.framework.commands import Group


@click.group("host", cls=Group, example="hostmap host show compute-1")
def host() -> None:
    """The hosts, and the cell of each."""


for command in (
    create_host,
    show_hosts,
    list_hosts,
    move_hosts,
    delete_hosts,
    import_hosts,
    export_hosts,
    wait_for_hosts,
):
    host.add_command(command)
