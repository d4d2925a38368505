"""`hostmap grants`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hostmap_sql.cli.framework.commands import Command
from hostmap_sql.directory.grants import grants as statements_of
from hostmap_sql.sql.rights import ROLES

if TYPE_CHECKING:
    from hostmap_sql.cli.framework.settings import Settings


@click.command(
    "grants",
    cls=Command,
    example="hostmap grants --role service --user hostmap_service\n"
    "hostmap grants --role lookup --urls",
)
@click.option(
    "--role",
    type=click.Choice(ROLES),
    required=True,
    help="lookup reads; service also maps hosts, changes cells and appends to the history; pruner "
    "deletes old history; owner migrates.",
)
@click.option(
    "--user",
    metavar="NAME",
    help="The account: NAME, or on MySQL and MariaDB also NAME@HOST. Default: hostmap_ROLE.",
)
@click.option(
    "--urls",
    is_flag=True,
    help="With --role lookup: also grant the right to read the URLs of cells.",
)
@click.pass_obj
def grants(settings: Settings, /, *, role: str, user: str | None, urls: bool) -> None:
    """Print the statements that grant the rights of a role.

    Nothing is executed: an administrator, or the owner of the tables, has to run them. SQLite has
    no accounts: there, the statements are shell commands that set the owner and the mode of the
    file.
    """
    with settings.open() as hostmap:
        for statement in statements_of(hostmap, role, user=user, urls=urls):
            click.echo(f"{statement};")
