"""`hostmap host wait`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hostmap_sql.cli import errors
from hostmap_sql.cli.arguments import CELL, HOST
from hostmap_sql.cli.conflicts import cell_names
from hostmap_sql.cli.context import Settings, find_cell
from hostmap_sql.cli.files import label, read_file, refuse_bad_lines, say_passed_over
from hostmap_sql.cli.hosts import hosts
from hostmap_sql.cli.input.columns import inventory_columns
from hostmap_sql.cli.input.reader import format_options, read_records
from hostmap_sql.cli.input.records import BadLine
from hostmap_sql.cli.output import plural, show_summary
from hostmap_sql.cli.pairing import host_of
from hostmap_sql.cli.progress import progress
from hostmap_sql.errors import HostsNotMapped, InvalidValue
from hostmap_sql.hostmap import DEFAULT_TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hostmap_sql.hostmap import HostMap
    from hostmap_sql.models import CellMapping


@hosts.command(
    "wait",
    columns=("mapped", "missing", "elsewhere"),
    example="hostmap host wait compute-1 compute-2 --cell cell1 --timeout 600\n"
    "hostmap host list --format value --columns host | hostmap host wait --file -",
)
@click.argument("names", metavar="[HOST]...", type=HOST, nargs=-1)
@click.option(
    "--file", metavar="FILE", help="Wait for the hosts of this file too; - reads standard input."
)
@click.option("--cell", metavar="CELL", type=CELL, help="Until they are in this cell.")
@format_options(cells=False)
@click.pass_obj
def wait(
    settings: Settings,
    /,
    *,
    names: tuple[str, ...],
    file: str | None,
    cell: str | None,
    input_format: str | None,
    host_column: str | None,
) -> None:
    """Wait until hosts are mapped: all that are named, in whatever cell or in the one given.

    --timeout says for how many seconds. If they are not all there by then, those missing and those
    in another cell are reported, and the exit status is 6.

    FILE has names of hosts, one a line, or any format that `hostmap host import` reads; the cells
    in it are not looked at.
    """
    wanted = dict.fromkeys(names)
    if file is not None:
        wanted |= dict.fromkeys(_names_in(file, input_format, host_column))
    elif input_format or host_column:
        raise click.UsageError("--input-format and --host-column are of no use without --file")
    elif not names:
        raise click.UsageError("no hosts to wait for: name them, or give --file")
    # A single look is not to take all the time there is.
    with settings.open(longest=DEFAULT_TIMEOUT) as hostmap:
        where = None if cell is None else find_cell(hostmap, cell, "--cell")
        with progress("waiting", len(wanted), least=1) as advance:
            missing, elsewhere = _wait(settings, hostmap, [*wanted], where, advance)
        cells = cell_names(hostmap) if elsewhere else {}
        rows = [_elsewhere_row(host, uuid, cells) for host, uuid in elsewhere.items()]
        _show(settings, len(wanted), missing, rows)
        if missing or elsewhere:
            number = plural(len(missing) + len(elsewhere), "host")
            there = "mapped" if where is None else f"in cell {where.name!r}"
            problem = f"{number} of {len(wanted):,} not {there} after {settings.timeout:g} s"
            raise errors.Failure(problem, errors.UNAVAILABLE, missing)


def _names_in(file: str, form: str | None, host_column: str | None) -> list[str]:
    columns = inventory_columns(host_column, takes_names=True)
    reading = read_records(read_file(file, "--file"), columns, form)
    for record in reading.records:
        try:
            host_of(record)
        except InvalidValue as error:
            reading.bad_lines.append(BadLine(record.number, str(error)))
    say_passed_over(reading.passed_over, label(file))
    refuse_bad_lines(reading.bad_lines, label(file), "nothing was waited for")
    return [record.values["host"] for record in reading.records]


def _wait(
    settings: Settings, hostmap: HostMap, wanted: list[str], cell: CellMapping | None, advance: Any
) -> tuple[Sequence[str], Mapping[str, str]]:
    """Wait; return what is missing, and what is in another cell, when the time is up."""
    uuid = None if cell is None else cell.uuid
    try:
        hostmap.hosts.wait(wanted, uuid, timeout=settings.timeout, progress=advance)
    except HostsNotMapped as error:
        return error.missing, error.elsewhere
    return (), {}


def _elsewhere_row(host: str, uuid: str, names: Mapping[str, str]) -> dict[str, str]:
    return {"host": host, "cell": names.get(uuid, uuid), "cell_uuid": uuid}


def _show(
    settings: Settings, number: int, missing: Sequence[str], elsewhere: Sequence[dict[str, str]]
) -> None:
    if settings.format != "json":
        for host in missing:
            errors.say(f"missing: host {host!r} is not mapped to any cell")
        for other in elsewhere:
            errors.say(f"elsewhere: host {other['host']!r} is in cell {other['cell']!r}")
    row: dict[str, Any] = {
        "mapped": number - len(missing) - len(elsewhere),
        "missing": [*missing],
        "elsewhere": [*elsewhere],
    }
    counts = f"mapped {row['mapped']:,}, missing {len(missing):,}, elsewhere {len(elsewhere):,}"
    show_summary(settings, row, counts)
