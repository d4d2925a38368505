"""`hostmap secrets seal`."""

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
    "seal",
    cls=Command,
    columns=COLUMNS,
    plan_columns=PLAN_COLUMNS,
    uses=(*WRITES, *SEALS),
    example="hostmap secrets seal --key-file hostmap.keys --dry-run\n"
    "hostmap secrets seal --key-file hostmap.keys",
)
@dry_run_option
@click.pass_obj
def seal_urls(settings: Settings, /, *, dry_run: bool) -> None:
    """Seal the URLs of cells that are in clear text.

    The active key of --key-file seals them. First distribute the file to all programs that use the
    URLs. Each changeset seals a hundred cells. References (env://, file://) are left as they are.
    Repeating the command changes nothing.

    The clear text remains in backups, and in the database until it is overwritten: change the
    passwords afterwards.
    """
    with settings.open(default_reason="seal the URLs") as hostmap:
        result = hostmap.secrets.seal(dry_run=dry_run)
        if dry_run:
            show_plan_of(settings, result)
        else:
            show_result(settings, result, hostmap.secrets.status(), "sealed")
