"""`hostmap host wait`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hostmap_sql.cli.framework import errors
from hostmap_sql.cli.framework.cells import find_cell
from hostmap_sql.cli.framework.commands import Command
from hostmap_sql.cli.framework.param_types import CELL, HOST
from hostmap_sql.cli.framework.wording import plural
from hostmap_sql.cli.input.bad_lines import print_skipped, refuse_bad_lines
from hostmap_sql.cli.input.columns import inventory_columns
from hostmap_sql.cli.input.files import label, read_file
from hostmap_sql.cli.input.options import format_options
from hostmap_sql.cli.input.reader import read_records
from hostmap_sql.cli.input.resolve_cells import host_of
from hostmap_sql.cli.output.formats import show_summary
from hostmap_sql.cli.output.progress import progress_of
from hostmap_sql.cli.output.rows import cell_names
from hostmap_sql.errors import HostsNotMapped
from hostmap_sql.hostmap import DEFAULT_TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hostmap_sql.cli.framework.settings import Settings
    from hostmap_sql.hostmap import HostMap
    from hostmap_sql.models import CellMapping


@click.command(
    "wait",
    cls=Command,
    columns=("mapped", "missing", "elsewhere"),
    example="hostmap host wait compute-1 compute-2 --cell cell1 --timeout 600\n"
    "hostmap host list --format value --columns host | hostmap host wait --file -",
)
@click.argument("names", metavar="[HOST]...", type=HOST, nargs=-1)
@click.option(
    "--file", metavar="FILE", help="Wait for the hosts in this file too; - reads standard input."
)
@click.option("--cell", metavar="CELL", type=CELL, help="Wait until the hosts are in this cell.")
@format_options(cells=False)
@click.pass_obj
def wait_for_hosts(
    settings: Settings,
    /,
    *,
    names: tuple[str, ...],
    file: str | None,
    cell: str | None,
    input_format: str | None,
    host_column: str | None,
) -> None:
    """Wait until all hosts are mapped, to any cell or to the one of --cell.

    If the --timeout passes first, hosts that are missing or in another cell are reported, and the
    exit status is 6.

    FILE is a list of host names, one a line, or any format that `hostmap host import` reads; its
    cells are ignored.
    """
    wanted = dict.fromkeys(names)
    if file is not None:
        wanted |= dict.fromkeys(_read_hosts(file, input_format, host_column))
    elif input_format or host_column:
        raise click.UsageError("--input-format and --host-column have no effect without --file")
    elif not names:
        raise click.UsageError("no hosts to wait for: name them, or give --file")
    # One attempt must not use up the whole timeout.
    with settings.open(max_timeout=DEFAULT_TIMEOUT) as hostmap:
        wanted_cell = None if cell is None else find_cell(hostmap, cell, "--cell")
        with progress_of("waiting", least=1) as advance:
            missing, elsewhere = _wait(settings, hostmap, [*wanted], wanted_cell, advance)
        cells = cell_names(hostmap) if elsewhere else {}
        rows = [_elsewhere_row(host, uuid, cells) for host, uuid in elsewhere.items()]
        _show(settings, len(wanted), missing, rows)
        if missing or elsewhere:
            number = plural(len(missing) + len(elsewhere), "host")
            there = "mapped" if wanted_cell is None else f"in cell {wanted_cell.name!r}"
            problem = f"{number} of {len(wanted):,} not {there} after {settings.timeout:g} s"
            raise errors.Failure(problem, errors.UNAVAILABLE, missing)


def _read_hosts(file: str, form: str | None, host_column: str | None) -> list[str]:
    columns = inventory_columns(host_column, takes_names=True)
    reading = read_records(read_file(file, "--file"), columns, form, host_of)
    print_skipped(reading.skipped, label(file))
    refuse_bad_lines(reading, label(file), "nothing was waited for")
    return [record.values["host"] for record in reading.records]


def _wait(
    settings: Settings, hostmap: HostMap, wanted: list[str], cell: CellMapping | None, advance: Any
) -> tuple[Sequence[str], Mapping[str, str]]:
    """Wait; return the hosts that are still missing, and the cells of those in another one."""
    uuid = None if cell is None else cell.uuid
    try:
        hostmap.hosts.wait(wanted, cell_uuid=uuid, timeout=settings.timeout, progress=advance)
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
            errors.print_status(f"missing: host {host!r} is not mapped to any cell")
        for other in elsewhere:
            errors.print_status(f"elsewhere: host {other['host']!r} is in cell {other['cell']!r}")
    row: dict[str, Any] = {
        "mapped": number - len(missing) - len(elsewhere),
        "missing": [*missing],
        "elsewhere": [*elsewhere],
    }
    counts = f"mapped {row['mapped']:,}, missing {len(missing):,}, elsewhere {len(elsewhere):,}"
    show_summary(settings, row, counts)
