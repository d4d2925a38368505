"""`hostmap host import`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hostmap_sql.bulk import OnConflict, Plan
from hostmap_sql.cli import errors
from hostmap_sql.cli.arguments import CELL
from hostmap_sql.cli.conflicts import conflict_rows, say_conflicts
from hostmap_sql.cli.context import WRITES, Settings, find_cell
from hostmap_sql.cli.files import label, read_file, refuse_bad_lines, say_passed_over
from hostmap_sql.cli.hosts import hosts
from hostmap_sql.cli.input.columns import inventory_columns
from hostmap_sql.cli.input.reader import format_options, read_records
from hostmap_sql.cli.output import plural, show_summary
from hostmap_sql.cli.pairing import Pairing
from hostmap_sql.cli.progress import progress
from hostmap_sql.models import BulkResult
from hostmap_sql.parts import BULK_SIZE, in_parts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hostmap_sql.hostmap import HostMap
    from hostmap_sql.models import CellMapping

Pairs = list[tuple[str, str]]


@hosts.command(
    "import",
    columns=("created", "unchanged", "moved", "conflicts"),
    uses=WRITES,
    example="hostmap host import hosts.csv --dry-run\n"
    "nova-manage cell_v2 list_hosts | hostmap host import -",
)
@click.argument("file")
@click.option(
    "--cell",
    metavar="CELL",
    type=CELL,
    help="The cell of all hosts; then a list of names will do, one a line.",
)
@click.option(
    "--on-conflict",
    type=click.Choice(["report", "move", "fail"]),
    default="report",
    help="What to do with a host that is in another cell: report it and leave it there (default), "
    "move it, or fail before anything is written.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@format_options(cells=True)
@click.pass_obj
def import_(
    settings: Settings,
    /,
    *,
    file: str,
    cell: str | None,
    on_conflict: OnConflict,
    dry_run: bool,
    input_format: str | None,
    host_column: str | None,
    cell_column: str | None,
) -> None:
    """Map the hosts that a file lists; - reads standard input.

    FILE is CSV with a header such as host,cell, with , ; | or tabs between the fields; or JSON or
    YAML, objects with "host" and "cell"; or a table, as `nova-manage cell_v2 list_hosts` prints it,
    or columns with spaces between them; or, with --cell, names of hosts, one a line. Cells go by
    name or UUID. The columns are known by the names that other tools give them, such as
    "Hypervisor Hostname". Empty lines, and lines that begin with #, are passed over.

    All of it is checked before anything is written, and bad lines are reported with their numbers.
    Hosts that are in their cell already are left alone: the same import again changes nothing.
    If hosts are in another cell than the file says, they are reported and the exit status is 4.
    """
    name = label(file)
    columns = inventory_columns(host_column, cell_column, takes_names=cell is not None)
    reading = read_records(read_file(file, "FILE"), columns, input_format)
    with settings.open() as hostmap:
        cells = hostmap.cells.list()
        pairing = Pairing(cells, find_cell(hostmap, cell, "--cell") if cell is not None else None)
        pairing.read(reading)
        say_passed_over(reading.passed_over, name)
        refuse_bad_lines(pairing.bad_lines, name, cells=cells)
        pairs = sorted(pairing.pairs.items())  # as create_many would: see there
        result = _do(hostmap, pairs, on_conflict, dry_run=dry_run)
    _show(settings, result, cells, dry_run=dry_run)
    if result.conflicts:
        wrote = on_conflict == "report" and not dry_run
        what = "they were left there" if wrote else "nothing was written"
        number = plural(len(result.conflicts), "host")
        raise errors.Failure(f"{number} in conflict, in another cell: {what}", errors.CONFLICT)


# --- doing it -------------------------------------------------------------------------------------


def _do(hostmap: HostMap, pairs: Pairs, on_conflict: OnConflict, *, dry_run: bool) -> BulkResult:
    """Write the pairs, if they are to be written."""
    if dry_run or on_conflict == "fail":
        result = preview(hostmap, pairs, on_conflict)
        if on_conflict == "fail" and result.conflicts:
            return BulkResult(unchanged=result.unchanged, conflicts=result.conflicts)
        if dry_run:
            return result
    return write(hostmap, pairs, on_conflict)


def preview(hostmap: HostMap, pairs: Pairs, on_conflict: OnConflict) -> BulkResult:
    """What writing these pairs would come to, as things are now."""
    total = BulkResult()
    with progress("checking", len(pairs)) as advance:
        for part in in_parts(pairs, BULK_SIZE):
            found = hostmap.hosts.get_many(host for host, _ in part)
            cells = {host: mapping.cell_uuid for host, mapping in found.items()}
            plan = Plan(part, cells, "move" if on_conflict == "move" else "report")
            total += plan.result()
            advance(len(part))
    return total


def write(hostmap: HostMap, pairs: Pairs, on_conflict: OnConflict) -> BulkResult:
    """Write them, some thousand at a time; should it break off, say how far it came."""
    total, done = BulkResult(), 0
    try:
        with progress("importing", len(pairs)) as advance:
            for part in in_parts(pairs, BULK_SIZE):
                total += hostmap.hosts.create_many(part, on_conflict)
                done += len(part)
                advance(len(part))
    except BaseException:
        if done:
            all_of_them = plural(len(pairs), "host")
            errors.say(f"broke off after {done:,} of {all_of_them}: repeat it to do the rest")
        raise
    return total


# --- showing it -----------------------------------------------------------------------------------


def _show(
    settings: Settings, result: BulkResult, cells: Sequence[CellMapping], *, dry_run: bool
) -> None:
    names = {cell.uuid: cell.name for cell in cells}
    conflicts = conflict_rows(result.conflicts, names)
    if settings.format != "json":
        say_conflicts(conflicts)
    row = {
        "created": result.created,
        "unchanged": result.unchanged,
        "moved": result.moved,
        "conflicts": conflicts,
    }
    sentence = ", ".join(
        f"{key} {len(v) if isinstance(v, list) else v:,}" for key, v in row.items()
    )
    if dry_run:
        errors.say("dry run: nothing was written")
    show_summary(settings, row, sentence)
