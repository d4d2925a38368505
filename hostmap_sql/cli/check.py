"""`hostmap check`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hostmap_sql.cli import errors
from hostmap_sql.cli.context import Command, Settings
from hostmap_sql.cli.output import plural, show_rows
from hostmap_sql.models import BIGGEST

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hostmap_sql.checks import Finding

COLUMNS = ("kind", "about", "host", "cell_uuid", "revision", "problem")
BRIEF_COLUMNS = ("kind", "about", "problem")

_MOST_OF_A_KIND = 1_000


@click.command(
    "check",
    cls=Command,
    columns=COLUMNS,
    example="hostmap check\nhostmap check --format json",
)
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(1, BIGGEST),
    default=_MOST_OF_A_KIND,
    help=f"At most so many findings of each kind. Default: {_MOST_OF_A_KIND:,}.",
)
@click.pass_obj
def check(settings: Settings, /, *, limit: int) -> None:
    """Check the directory by itself: whether its tables and its history agree.

    Shows what should not be so and what to do about it, and then the exit status is 4. Changes
    nothing; others may write meanwhile.
    """
    with settings.open() as hostmap:
        found = hostmap.check(limit=limit)
    if found or settings.format != "table":
        show_rows(settings, COLUMNS, map(_row, found), BRIEF_COLUMNS)
    if found:
        number = plural(len(found), "finding")
        raise errors.Failure(f"{number}: each says what to do", errors.CONFLICT)
    errors.say("the directory is in order")


def _row(finding: Finding) -> Mapping[str, Any]:
    return {name: getattr(finding, name) for name in COLUMNS}
