"""`hostmap outcome`."""

from __future__ import annotations

import click

from hostmap_sql.cli.context import Command, Settings
from hostmap_sql.cli.output import show_row
from hostmap_sql.models import BIGGEST

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
    type=click.IntRange(1, BIGGEST),
    help="The one that the error named; needed only where the history is pruned.",
)
@click.pass_obj
def outcome(settings: Settings, /, *, change_id: str, revision: int | None) -> None:
    """Tell what became of a change that ended with exit status 7: committed or aborted.

    It waits until the database has decided, and what it says stays true. A change that was aborted
    can be made again.
    """
    with settings.open() as hostmap:
        result = hostmap.outcome(change_id, revision)
    show_row(settings, COLUMNS, {"change_id": change_id, "outcome": result})
