"""`hostmap nova check`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hostmap_sql.cli.commands.nova.options import ACCESS_ONLY_WITH, access_options, make_access
from hostmap_sql.cli.framework import errors
from hostmap_sql.cli.framework.commands import Command
from hostmap_sql.cli.framework.options import READS, REVEALS
from hostmap_sql.cli.framework.wording import plural
from hostmap_sql.cli.output.formats import show_rows
from hostmap_sql.cli.output.progress import progress_of
from hostmap_sql.nova import check

if TYPE_CHECKING:
    from hostmap_sql.cli.framework.settings import Settings

COLUMNS = ("kind", "cell", "cell_uuid", "host", "problem")
BRIEF_COLUMNS = ("kind", "cell", "host", "problem")


@click.command(
    "check",
    cls=Command,
    columns=COLUMNS,
    uses=(*READS, *REVEALS),
    only_with=ACCESS_ONLY_WITH,
    example="hostmap nova check --cell cell1\nhostmap nova check --format json",
)
@access_options
@click.pass_obj
def check_cells(settings: Settings, /, *, cells: tuple[str, ...], **access_values: Any) -> None:
    """Compare the directory with the databases of Nova's cells. Writes nothing.

    Shows mappings of hosts without a live compute node, live compute nodes without a mapping, hosts
    in two cells, names that differ only by case, cells that share a URL, and cells that cannot be
    reached. The exit status is 4 if any are found.
    """
    access = make_access(settings, **access_values)
    with settings.open() as hostmap, progress_of("cells") as report:
        found = check(hostmap, cells, access=access, progress=report)
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
    errors.print_status("the directory and the cells agree")
