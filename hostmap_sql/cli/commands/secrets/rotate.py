"""`hostmap secrets rotate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hostmap_sql.cli.commands.secrets.result import COLUMNS, show_plan_of, show_result
from hostmap_sql.cli.framework.commands import Command
from hostmap_sql.cli.framework.options import SEALS, WRITES, dry_run_option
from hostmap_sql.cli.output.dry_run import PLAN_COLUMNS

if TYPE_CHECKING:
    from hostmap_sql.cli.framework.settings import Settings


@click.command(
    "rotate",
    cls=Command,
    columns=COLUMNS,
    plan_columns=PLAN_COLUMNS,
    uses=(*WRITES, *SEALS),
    example="hostmap secrets rotate --key-file hostmap.keys --dry-run\n"
    "hostmap secrets rotate --key-file hostmap.keys",
)
@dry_run_option
@click.pass_obj
def rotate_keys(settings: Settings, /, *, dry_run: bool) -> None:
    """Reseal the URLs that other keys sealed.

    The active key of --key-file seals them. First distribute the file with both keys to all
    programs, so that each of them can open every URL at any time. If a URL cannot be opened, for
    example because its key is lost, nothing is written. Repeating the command changes nothing. To
    change passwords, see `hostmap cell rotate`.
    """
    with settings.open(default_reason="rotate the keys") as hostmap:
        result = hostmap.secrets.rotate(dry_run=dry_run)
        if dry_run:
            show_plan_of(settings, result)
        else:
            show_result(settings, result, hostmap.secrets.status(), "resealed")
