"""`hostmap host import`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hostmap_sql.batching import BULK_SIZE, batched
from hostmap_sql.cli.framework import errors
from hostmap_sql.cli.framework.cells import find_cell
from hostmap_sql.cli.framework.commands import Command
from hostmap_sql.cli.framework.options import WRITES, dry_run_option
from hostmap_sql.cli.framework.param_types import CELL
from hostmap_sql.cli.framework.wording import plural
from hostmap_sql.cli.input.bad_lines import print_skipped, refuse_bad_lines
from hostmap_sql.cli.input.columns import inventory_columns
from hostmap_sql.cli.input.files import label, read_file
from hostmap_sql.cli.input.options import format_options
from hostmap_sql.cli.input.reader import read_records
from hostmap_sql.cli.input.resolve_cells import Pairing
from hostmap_sql.cli.output.conflicts import conflict_rows, print_conflicts
from hostmap_sql.cli.output.formats import show_summary
from hostmap_sql.cli.output.progress import progress
from hostmap_sql.directory.bulk_plan import OnConflict, Plan
from hostmap_sql.models import BulkResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hostmap_sql.cli.framework.settings import Settings
    from hostmap_sql.hostmap import HostMap
    from hostmap_sql.models import CellMapping

Pairs = list[tuple[str, str]]


@click.command(
    "import",
    cls=Command,
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
    help="The cell of all hosts. FILE may then be a plain list of names, one a line.",
)
@click.option(
    "--on-conflict",
    type=click.Choice(["report", "move", "fail"]),
    default="report",
    help="If a host is in another cell: report it and leave it there (default), move it, or fail "
    "before anything is written.",
)
@dry_run_option
@format_options(cells=True)
@click.pass_obj
def import_hosts(
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
    """Map the hosts in a file to their cells; - reads standard input.

    FILE may be CSV with a header such as host,cell, separated by , ; | or tabs; JSON or YAML
    objects with "host" and "cell"; a table as `nova-manage cell_v2 list_hosts` prints it; columns
    separated by spaces; or, with --cell, a list of host names, one a line. A cell is given by name
    or UUID. Column names of other tools, such as "Hypervisor Hostname", are recognized. Empty lines
    and lines that begin with # are ignored.

    The whole file is checked before anything is written, and bad lines are reported by number.
    Hosts that are in their cell already are left alone, so the same import again changes nothing.
    Hosts that are in another cell are reported, and the exit status is 4.
    """
    name = label(file)
    columns = inventory_columns(host_column, cell_column, takes_names=cell is not None)
    data = read_file(file, "FILE")
    with settings.open() as hostmap:
        cells = hostmap.cells.list()
        pairing = Pairing(cells, find_cell(hostmap, cell, "--cell") if cell is not None else None)
        reading = read_records(data, columns, input_format, pairing.add)
        print_skipped(reading.skipped, name)
        refuse_bad_lines(reading, name, cells=cells)
        pairs = sorted(pairing.pairs.items())  # in index order, as create_many() writes
        result = _import(hostmap, pairs, on_conflict, dry_run=dry_run)
    _show(settings, result, cells, dry_run=dry_run)
    if result.conflicts:
        wrote = on_conflict == "report" and not dry_run
        left = "they were left there" if wrote else "nothing was written"
        number = plural(len(result.conflicts), "host")
        raise errors.Failure(f"{number} in conflict, in another cell: {left}", errors.CONFLICT)


def _import(
    hostmap: HostMap, pairs: Pairs, on_conflict: OnConflict, *, dry_run: bool
) -> BulkResult:
    """Write the pairs, or only count the changes."""
    if dry_run or on_conflict == "fail":
        result = _preview(hostmap, pairs, on_conflict)
        if on_conflict == "fail" and result.conflicts:
            return BulkResult(unchanged=result.unchanged, conflicts=result.conflicts)
        if dry_run:
            return result
    return write_pairs(hostmap, pairs, on_conflict)


def _preview(hostmap: HostMap, pairs: Pairs, on_conflict: OnConflict) -> BulkResult:
    """Count the changes that writing the pairs would make now."""
    total = BulkResult()
    with progress("checking", len(pairs)) as advance:
        for part in batched(pairs, BULK_SIZE):
            found = hostmap.hosts.get_many(host for host, _ in part)
            cells = {host: mapping.cell_uuid for host, mapping in found.items()}
            plan = Plan(part, cells, "move" if on_conflict == "move" else "report")
            total += plan.result()
            advance(len(part))
    return total


def write_pairs(hostmap: HostMap, pairs: Pairs, on_conflict: OnConflict) -> BulkResult:
    """Write the pairs in batches; if interrupted, report the progress."""
    total, done = BulkResult(), 0
    try:
        with progress("importing", len(pairs)) as advance:
            for part in batched(pairs, BULK_SIZE):
                total += hostmap.hosts.create_many(part, on_conflict=on_conflict)
                done += len(part)
                advance(len(part))
    except BaseException:
        if done:
            total_hosts = plural(len(pairs), "host")
            errors.print_status(
                f"stopped after {done:,} of {total_hosts}: repeat it to do the rest"
            )
        raise
    return total


def _show(
    settings: Settings, result: BulkResult, cells: Sequence[CellMapping], *, dry_run: bool
) -> None:
    names = {cell.uuid: cell.name for cell in cells}
    conflicts = conflict_rows(result.conflicts, names)
    if settings.format != "json":
        print_conflicts(conflicts)
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
        errors.print_status("dry run: nothing was written")
    show_summary(settings, row, sentence)
