"""`hostmap nova check`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hostmap_sql.cli import errors
from hostmap_sql.cli.nova import ONLY_WITH, access_of, access_options, nova
from hostmap_sql.cli.output import plural, show_rows
from hostmap_sql.cli.progress import progress_of
from hostmap_sql.nova import check

if TYPE_CHECKING:
    from hostmap_sql.cli.context import Settings

COLUMNS = ("kind", "cell", "cell_uuid", "host", "problem")
BRIEF_COLUMNS = ("kind", "cell", "host", "problem")


@nova.command(
    "check",
    columns=COLUMNS,
    only_with=ONLY_WITH,
    example="hostmap nova check --cell cell1\nhostmap nova check --format json",
)
@access_options
@click.pass_obj
def check_(
    settings: Settings,
    /,
    *,
    cells: tuple[str, ...],
    **access_values: Any,
) -> None:
    """Compare the directory with the databases of Nova's cells. Writes nothing.

    Shows mappings whose host has no live compute node, live compute nodes without a mapping, hosts
    that two cells claim, names that differ only by case, cells that share a URL, and cells
    that cannot be reached. The exit status is 0 if there is none of that, and 4 otherwise.
    """
    access = access_of(settings, **access_values)
    with settings.open() as hostmap, progress_of("cells") as told:
        found = check(hostmap, cells, access=access, progress=told)
    rows = [
        {
            "kind": one.kind,
            "cell": one.cell.name,
            "cell_uuid": one.cell.uuid,
            "host": one.host,
            "problem": one.problem,
        }
        for one in found
    ]
    if rows or settings.format != "table":
        show_rows(settings, COLUMNS, rows, BRIEF_COLUMNS)
    if found:
        problem = f"the directory and the cells disagree in {plural(len(found), 'place')}"
        raise errors.Failure(problem, errors.CONFLICT)
    errors.say("the directory and the cells agree")
