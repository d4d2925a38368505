"""Arguments and options that several commands below `hostmap cell` share."""

from __future__ import annotations

import click

from hostmap_sql.cli.framework.param_types import CELL

cell_argument = click.argument("cell", type=CELL)
show_secrets_option = click.option(
    "--show-secrets", is_flag=True, help="Show the passwords in the URLs."
)
