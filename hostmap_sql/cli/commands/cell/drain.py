"""`hostmap cell drain`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hostmap_sql.cli.commands.cell.all_hosts import count_hosts, host_plan, host_progress
from hostmap_sql.cli.framework.cells import find_cell
from hostmap_sql.cli.framework.commands import Command
from hostmap_sql.cli.framework.options import WRITES, dry_run_option
from hostmap_sql.cli.framework.param_types import CELL
from hostmap_sql.cli.framework.wording import plural
from hostmap_sql.cli.output.dry_run import PLAN_COLUMNS, show_plan
from hostmap_sql.cli.output.formats import show_summary
from hostmap_sql.errors import InvalidValue
from hostmap_sql.validation import valid_cell_of_host

if TYPE_CHECKING:
    from hostmap_sql.cli.framework.settings import Settings


@click.command(
    "drain",
    cls=Command,
    columns=("from_cell", "from_cell_uuid", "to_cell", "to_cell_uuid", "moved"),
    uses=WRITES,
    plan_columns=PLAN_COLUMNS,
    example="hostmap cell drain cell1 cell2 --dry-run\n"
    "hostmap cell drain cell1 cell2 --reason 'cell1 is retired'",
)
@click.argument("from_cell", metavar="FROM", type=CELL)
@click.argument("to_cell", metavar="TO", type=CELL)
@dry_run_option
@click.pass_obj
def drain_cell(settings: Settings, /, *, from_cell: str, to_cell: str, dry_run: bool) -> None:
    """Move all hosts of the cell FROM to the cell TO, in batches.

    After an interruption, the same command does the rest. If FROM has no hosts, nothing changes.
    """
    with settings.open() as hostmap:
        old, new = find_cell(hostmap, from_cell, "FROM"), find_cell(hostmap, to_cell, "TO")
        valid_cell_of_host(new.uuid, "TO")
        if old.uuid == new.uuid:
            raise InvalidValue("TO", f"is cell {new.name!r} itself: name a cell other than FROM")
        if dry_run:
            total = count_hosts(hostmap, old)
            plan = host_plan(hostmap, old, "move", cell=new.name, actual_cell=old.name)
            show_plan(settings, plan, f"{plural(total, 'host')} would be moved")
            return
        with host_progress(hostmap, old, "moved") as advance:
            moved = hostmap.hosts.move_all(old.uuid, new.uuid, progress=advance).moved
    row = {
        "from_cell": old.name,
        "from_cell_uuid": old.uuid,
        "to_cell": new.name,
        "to_cell_uuid": new.uuid,
        "moved": moved,
    }
    cells = f"from cell {old.name!r} to cell {new.name!r}"
    show_summary(settings, row, f"moved {plural(moved, 'host')} {cells}")
