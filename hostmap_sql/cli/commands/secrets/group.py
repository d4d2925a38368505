"""`hostmap secrets`: the group and its commands."""

from __future__ import annotations

import click

from hostmap_sql.cli.commands.secrets.generate_key import generate
from hostmap_sql.cli.commands.secrets.rotate import rotate_keys
from hostmap_sql.cli.commands.secrets.seal import seal_urls
from hostmap_sql.cli.commands.secrets.status import show_status
from hostmap_sql.cli.framework.commands import Group


@click.group("secrets", cls=Group, example="hostmap secrets status --key-file hostmap.keys")
def secrets() -> None:
    """Seal the URLs of cells with keys outside the database."""


for command in (generate, seal_urls, rotate_keys, show_status):
    secrets.add_command(command)
