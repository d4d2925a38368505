"""`hostmap watch`."""

from __future__ import annotations

import click

from hostmap_sql.cli.arguments import REVISION, SECONDS
from hostmap_sql.cli.context import Command, Settings
from hostmap_sql.cli.filters import FILTERS, filter_options
from hostmap_sql.cli.history import COLUMNS
from hostmap_sql.cli.log import LONGEST_LOOK, begun, follow_changes
from hostmap_sql.cli.service import stopping


@click.command(
    "watch",
    cls=Command,
    columns=COLUMNS,
    uses=FILTERS,
    example="timeout --signal TERM --preserve-status 5 hostmap watch --cell cell1 --format json",
)
@filter_options
@click.option(
    "--since",
    metavar="REVISION",
    type=REVISION,
    help="Begin after this revision, the last one that was seen; an error if some of what came "
    "after it was pruned. Default: with what comes from now on.",
)
@click.option(
    "--interval",
    metavar="SECONDS",
    type=SECONDS,
    default=1.0,
    help="How often to look for changes. Default: 1.",
)
@click.pass_obj
def watch(
    settings: Settings,
    /,
    *,
    hosts: tuple[str, ...],
    cells: tuple[str, ...],
    since: int | None,
    interval: float,
) -> None:
    """Show changes as they come, until SIGTERM (exit status 0) or Ctrl-C.

    Should the database go away meanwhile, it is waited for, and no change is missed. JSON is an
    object a line; the `revision` of the last one is where to take it up again, with --since.
    """
    with settings.open() as hostmap:
        log = begun(settings, hostmap, hosts, cells, json_lines=True)
        log.last = hostmap.revision() if since is None else since
    with stopping() as stop, settings.open(longest=LONGEST_LOOK) as log.hostmap:
        follow_changes(log, stop, interval)
    log.writer.end()
