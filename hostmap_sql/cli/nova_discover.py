"""`hostmap nova discover`."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from hostmap_sql.cli import errors
from hostmap_sql.cli.arguments import SECONDS, URL
from hostmap_sql.cli.conflicts import cell_names, conflict_rows, say_conflicts
from hostmap_sql.cli.context import WRITES
from hostmap_sql.cli.nova import (
    ONLY_WITH,
    access_of,
    access_options,
    conflict_plan_rows,
    directory,
    nova,
)
from hostmap_sql.cli.output import plural, row_writer, show_rows
from hostmap_sql.cli.plans import PLAN_COLUMNS, plan_row, show_plan
from hostmap_sql.cli.progress import progress_of
from hostmap_sql.cli.service import stopping
from hostmap_sql.errors import DatabaseUnavailable
from hostmap_sql.nova import discover

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from hostmap_sql.cli.context import Settings
    from hostmap_sql.cli.output import RowWriter
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


_STRANDED = "not marked: Nova's own table lacks such a mapping (see `hostmap nova export`)"


@nova.command(
    "discover",
    columns=COLUMNS,
    plan_columns=PLAN_COLUMNS,
    uses=WRITES,
    only_with=ONLY_WITH,
    example="hostmap nova discover --dry-run\n"
    "hostmap nova discover --cell cell1 --cell-options sslmode=prefer\n"
    "hostmap nova discover --mark --nova-api @nova_api.url\n"
    "timeout --signal TERM --preserve-status 5 hostmap nova discover --every 300",
)
@access_options
@click.option(
    "--by-service",
    is_flag=True,
    help="Take the hosts that have a service nova-compute, not those that have compute nodes.",
)
@click.option(
    "--mark",
    is_flag=True,
    help="Set mapped = 1 on the compute nodes of all hosts that are mapped here, as Nova does; "
    "but not of those that Nova's own table lacks, which Nova would never map again.",
)
@click.option(
    "--nova-api",
    metavar="URL",
    type=URL,
    help="With --mark: the database nova_api, where Nova's own table is; @FILE reads the URL from "
    "a file.",
)
@click.option(
    "--force",
    is_flag=True,
    help="With --mark: mark all, since no Nova reads its own table any more.",
)
@click.option("--dry-run", is_flag=True, help="Only show what would be done.")
@click.option(
    "--every",
    metavar="SECONDS",
    type=SECONDS,
    help="Do it again and again, so many seconds apart, until SIGTERM or Ctrl-C.",
)
@click.pass_obj
def discover_(
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

    Reads the database of each cell, several at once. Hosts that are mapped to their cell are left
    alone; those mapped to another are reported, and the exit status is 4. A cell that cannot be
    read is reported, the others go on, and the exit status is 6.

    With --mark, `hostmap nova export` comes first: a host that Nova's own table lacks is not
    marked, and the exit status is 4.

    With --every, problems are told on standard error and do not end it; json is an object a line.
    """
    if mark and nova_api is None and not force:
        problem = (
            "--mark needs --nova-api URL, so that no host is marked that Nova's own table lacks"
        )
        raise click.UsageError(f"{problem}; or --force, if no Nova reads that table any more")
    if (nova_api or force) and not mark:
        raise click.UsageError("--nova-api and --force go with --mark")
    if nova_api and force:
        raise click.UsageError("--force marks all: leave --nova-api out")
    access = access_of(settings, **access_values)
    with directory(settings, "nova discover") as hostmap:
        once = partial(
            discover, hostmap, cells, by_service=by_service, mark=mark, nova_api=nova_api,
            force=force, dry_run=dry_run, access=access,
        )  # fmt: skip
        if every is None:
            with progress_of("cells") as told:
                found = once(progress=told)
            _show(settings, hostmap, found, dry_run=dry_run)
            _refuse_problems(found)
        else:
            _serve(settings, hostmap, once, every, dry_run=dry_run)


def _serve(
    settings: Settings,
    hostmap: HostMap,
    once: Callable[[], Discovery],
    every: float,
    *,
    dry_run: bool,
) -> None:
    """Discover until told to stop; a round that is under way is finished first."""
    writer = row_writer(settings, COLUMNS, json_lines=True)
    with stopping() as stop:
        while True:
            try:
                found = once()
                _show(settings, hostmap, found, dry_run=dry_run, writer=writer)
                _refuse_problems(found)
            except (DatabaseUnavailable, errors.Failure) as error:
                errors.say(str(error))
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
        say_conflicts(conflict_rows(found.conflicts, names))
        for cell in found.cells:
            for problem in cell.unusable:
                errors.say(f"cell {cell.cell.name!r}: a host's name {problem}")
            if cell.unmarked:
                number = plural(len(cell.unmarked), "host")
                errors.say(f"cell {cell.cell.name!r}: {number} {_STRANDED}")


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
            yield plan_row("refuse", "host", host, cell=name, detail=_STRANDED)
        if cell.error is not None:
            yield plan_row("error", "cell", name, detail=cell.error)


def _refuse_problems(found: Discovery) -> None:
    if found.unreachable:
        for cell in found.unreachable:
            errors.say(f"cell {cell.cell.name!r}: {cell.error}")
        problem = f"{plural(len(found.unreachable), 'cell')} could not be read"
        raise errors.Failure(problem, errors.UNAVAILABLE)
    refused = len(found.conflicts) + sum(len(cell.unusable) for cell in found.cells)
    if refused:
        problem = f"{plural(refused, 'host')} in conflict or with an unusable name: left alone"
        raise errors.Failure(problem, errors.CONFLICT)
    stranded = sum(len(cell.unmarked) for cell in found.cells)
    if stranded:
        problem = f"{plural(stranded, 'host')} not marked: `hostmap nova export` comes first"
        raise errors.Failure(problem, errors.CONFLICT)
