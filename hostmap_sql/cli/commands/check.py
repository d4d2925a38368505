"""`hostmap check`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hostmap_sql.cli.framework import errors
from hostmap_sql.cli.framework.commands import Command
from hostmap_sql.cli.framework.wording import plural
from hostmap_sql.cli.output.formats import show_rows
from hostmap_sql.validation import MAX_BIGINT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hostmap_sql.cli.framework.settings import Settings
    from hostmap_sql.directory.finding import Finding
    from hostmap_sql.hostmap import HostMap

COLUMNS = ("kind", "about", "host", "cell_uuid", "revision", "problem")
BRIEF_COLUMNS = ("kind", "about", "problem")

_DEFAULT_LIMIT = 1_000


@click.command(
    "check",
    cls=Command,
    columns=COLUMNS,
    example="hostmap check\nhostmap check --format json",
)
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(1, MAX_BIGINT),
    default=_DEFAULT_LIMIT,
    help=f"Show at most this number of findings of each kind. Default: {_DEFAULT_LIMIT:,}.",
)
@click.option(
    "--require-sealed",
    is_flag=True,
    help="Also find URLs of cells in clear text; see `hostmap secrets seal`.",
)
@click.option(
    "--fix-mode",
    is_flag=True,
    help="First remove the permissions of other users from an SQLite file and its logs.",
)
@click.pass_obj
def check(settings: Settings, /, *, limit: int, require_sealed: bool, fix_mode: bool) -> None:
    """Check the consistency of the directory and its history.

    Each finding names a fault and its remedy. If there are any, the exit status is 4. The check
    writes nothing to the database, and can run while others write.
    """
    with settings.open() as hostmap:
        if fix_mode:
            _fix_mode(hostmap)
        found = hostmap.check(limit=limit, require_sealed=require_sealed)
    if found or settings.format != "table":
        show_rows(settings, COLUMNS, map(_row, found), BRIEF_COLUMNS)
    if found:
        number = plural(len(found), "finding")
        raise errors.Failure(f"{number}: each says what to do", errors.CONFLICT)
    errors.print_status("the directory is in order")


def _fix_mode(hostmap: HostMap) -> None:
    files = hostmap.fix_file_mode()
    for file in files:
        errors.print_status(f"removed the permissions of other users from {file}")
    if not files:
        errors.print_status("no file has permissions to remove")


def _row(finding: Finding) -> Mapping[str, Any]:
    return {name: getattr(finding, name) for name in COLUMNS}
