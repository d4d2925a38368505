"""`hostmap nova discover`."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from hostmap_sql.cli.commands.nova.options import ACCESS_ONLY_WITH, access_options, make_access
from hostmap_sql.cli.commands.nova.rows import conflict_plan_rows
from hostmap_sql.cli.framework import errors
from hostmap_sql.cli.framework.commands import Command
from hostmap_sql.cli.framework.options import REVEALS, WRITES, dry_run_option
from hostmap_sql.cli.framework.param_types import SECONDS, URL
from hostmap_sql.cli.framework.shutdown import stopping
from hostmap_sql.cli.framework.wording import plural
from hostmap_sql.cli.output.conflicts import conflict_rows, print_conflicts
from hostmap_sql.cli.output.dry_run import PLAN_COLUMNS, plan_row, show_plan
from hostmap_sql.cli.output.formats import row_writer, show_rows
from hostmap_sql.cli.output.progress import progress_of
from hostmap_sql.cli.output.rows import cell_names
from hostmap_sql.errors import DatabaseUnavailable
from hostmap_sql.nova import discover

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from hostmap_sql.cli.framework.settings import Settings
    from hostmap_sql.cli.output.formats import RowWriter
    from hostmap_sql.hostmap import HostMap
    from hostmap_sql.nova import CellDiscovery, Discovery

COLUMNS = (
    "cell",
    "cell_uuid",
    "live",
    "created",
    "unchanged",
    "conflicts",
    "unusable",
    "marked",
    "unmarked",
    "error",
)

_NOT_MARKED = "not marked: Nova's own table lacks such a mapping (see `hostmap nova export`)"


@click.command(
    "discover",
    cls=Command,
    columns=COLUMNS,
    plan_columns=PLAN_COLUMNS,
    uses=(*WRITES, *REVEALS),
    only_with=ACCESS_ONLY_WITH,
    example="hostmap nova discover --dry-run\n"
    "hostmap nova discover --cell cell1 --cell-options sslmode=prefer\n"
    "hostmap nova discover --mark --nova-api @nova_api.url\n"
    "timeout --signal TERM --preserve-status 5 hostmap nova discover --every 300",
)
@access_options
@click.option(
    "--by-service",
    is_flag=True,
    help="Discover hosts by their nova-compute services instead of their compute nodes.",
)
@click.option(
    "--mark",
    is_flag=True,
    help="Set mapped = 1 on the compute nodes of all hosts that are mapped here, as Nova does. "
    "Hosts without a mapping in Nova's own table are skipped: Nova would never map them again.",
)
@click.option(
    "--nova-api",
    metavar="URL",
    type=URL,
    help="With --mark: the database nova_api, which has Nova's own table; @FILE reads the URL from "
    "a file.",
)
@click.option(
    "--force",
    is_flag=True,
    help="With --mark: mark all hosts, because Nova no longer reads its own table.",
)
@dry_run_option
@click.option(
    "--every",
    metavar="SECONDS",
    type=SECONDS,
    help="Repeat with pauses of this length, until SIGTERM or Ctrl-C.",
)
@click.pass_obj
def discover_hosts(
    settings: Settings,
    /,
    *,
    cells: tuple[str, ...],
    by_service: bool,
    mark: bool,
    nova_api: str | None,
    force: bool,
    dry_run: bool,
    every: float | None,
    **access_values: Any,
) -> None:
    """Map the compute hosts of Nova's cells that are not mapped yet.

    Reads the databases of several cells in parallel. Hosts that are mapped to their cell are left
    alone; those mapped to another cell are reported, and the exit status is 4. A cell that cannot
    be read is reported, the others are completed, and the exit status is 6.

    Before --mark, run `hostmap nova export`: a host without a mapping in Nova's own table is not
    marked, and the exit status is 4.

    With --every, problems are reported on standard error and do not end the command; JSON is one
    object a line.
    """
    _check_mark_options(mark=mark, nova_api=nova_api, force=force)
    access = make_access(settings, **access_values)
    with settings.open(default_reason="nova discover") as hostmap:
        once = partial(
            discover,
            hostmap,
            cells,
            by_service=by_service,
            mark=mark,
            nova_api=nova_api,
            force=force,
            dry_run=dry_run,
            access=access,
        )
        if every is None:
            with progress_of("cells") as report:
                found = once(progress=report)
            _show(settings, hostmap, found, dry_run=dry_run)
            _refuse_problems(found)
        else:
            _repeat(settings, hostmap, once, every, dry_run=dry_run)


def _check_mark_options(*, mark: bool, nova_api: str | None, force: bool) -> None:
    if mark and nova_api is None and not force:
        problem = "--mark needs --nova-api URL, to skip hosts without a mapping in Nova's own table"
        raise click.UsageError(f"{problem}; or --force, if Nova no longer reads that table")
    if (nova_api or force) and not mark:
        raise click.UsageError("--nova-api and --force have no effect without --mark")
    if nova_api and force:
        raise click.UsageError("--force marks all hosts: leave --nova-api out")


def _repeat(
    settings: Settings,
    hostmap: HostMap,
    once: Callable[[], Discovery],
    every: float,
    *,
    dry_run: bool,
) -> None:
    """Repeat the discovery; a stop takes effect after the current round."""
    writer = row_writer(settings, COLUMNS, json_lines=True)
    with stopping() as stop:
        while True:
            try:
                found = once()
                _show(settings, hostmap, found, dry_run=dry_run, writer=writer)
                _refuse_problems(found)
            except (DatabaseUnavailable, errors.Failure) as error:
                errors.print_status(str(error))
            sys.stdout.flush()
            if stop.wait(every):
                return


def _show(
    settings: Settings,
    hostmap: HostMap,
    found: Discovery,
    *,
    dry_run: bool,
    writer: RowWriter | None = None,
) -> None:
    names = cell_names(hostmap)
    if dry_run:
        hosts = sum(len(cell.created) for cell in found.cells)
        show_plan(settings, _plan_rows(found, names), f"{plural(hosts, 'host')} would be mapped")
        return
    rows = [_row(cell, names) for cell in found.cells]
    if writer is None:
        show_rows(settings, COLUMNS, rows)
    else:
        writer.write(rows)
    if settings.format != "json":
        print_conflicts(conflict_rows(found.conflicts, names))
        for cell in found.cells:
            for problem in cell.unusable:
                errors.print_status(f"cell {cell.cell.name!r}: a host's name {problem}")
            if cell.unmarked:
                number = plural(len(cell.unmarked), "host")
                errors.print_status(f"cell {cell.cell.name!r}: {number} {_NOT_MARKED}")


def _row(found: CellDiscovery, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "cell": found.cell.name,
        "cell_uuid": found.cell.uuid,
        "live": found.live,
        "created": [*found.created],
        "unchanged": found.unchanged,
        "conflicts": conflict_rows(found.conflicts, names),
        "unusable": [*found.unusable],
        "marked": found.marked,
        "unmarked": [*found.unmarked],
        "error": found.error,
    }


def _plan_rows(found: Discovery, names: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    for cell in found.cells:
        name = cell.cell.name
        for host in cell.created:
            yield plan_row("create", "host", host, cell=name)
        yield from conflict_plan_rows(conflict_rows(cell.conflicts, names))
        for problem in cell.unusable:
            yield plan_row("refuse", "host", problem, cell=name)
        if cell.marked:
            detail = plural(cell.marked, "compute node")
            yield plan_row("mark", "cell", name, detail=detail)
        for host in cell.unmarked:
            yield plan_row("refuse", "host", host, cell=name, detail=_NOT_MARKED)
        if cell.error is not None:
            yield plan_row("error", "cell", name, detail=cell.error)


def _refuse_problems(found: Discovery) -> None:
    if found.unreachable:
        for cell in found.unreachable:
            errors.print_status(f"cell {cell.cell.name!r}: {cell.error}")
        problem = f"{plural(len(found.unreachable), 'cell')} could not be read"
        raise errors.Failure(problem, errors.UNAVAILABLE)
    refused = len(found.conflicts) + sum(len(cell.unusable) for cell in found.cells)
    if refused:
        problem = f"{plural(refused, 'host')} in conflict or with an unusable name: left alone"
        raise errors.Failure(problem, errors.CONFLICT)
    unmarked = sum(len(cell.unmarked) for cell in found.cells)
    if unmarked:
        problem = f"{plural(unmarked, 'host')} not marked: run `hostmap nova export` first"
        raise errors.Failure(problem, errors.CONFLICT)
