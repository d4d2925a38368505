"""`hostmap outcome`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hostmap_sql.cli.framework.commands import Command
from hostmap_sql.cli.output.formats import show_row
from hostmap_sql.validation import MAX_BIGINT

if TYPE_CHECKING:
    from hostmap_sql.cli.framework.settings import Settings

COLUMNS = ("change_id", "outcome")


@click.command(
    "outcome",
    cls=Command,
    columns=COLUMNS,
    example="hostmap outcome 0d5e0d3c-9f3c-4d55-8a43-0c6e4d1d9a10 --revision 12",
)
@click.argument("change_id")
@click.option(
    "--revision",
    metavar="REVISION",
    type=click.IntRange(1, MAX_BIGINT),
    help="The revision in the error message; needed only if the history has been pruned.",
)
@click.pass_obj
def outcome(settings: Settings, /, *, change_id: str, revision: int | None) -> None:
    """Show whether a change was committed or aborted.

    The message of exit status 7 names the change. The command waits until the database has decided;
    the answer is final. An aborted change can be repeated.
    """
    with settings.open() as hostmap:
        result = hostmap.outcome(change_id, revision=revision)
    show_row(settings, COLUMNS, {"change_id": change_id, "outcome": result})
