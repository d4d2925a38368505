"""`hostmap nova import`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import click

from hostmap_sql.cli.commands.nova.options import api_url_option, on_conflict_option
from hostmap_sql.cli.commands.nova.rows import (
    api_url_errors,
    cell_row,
    cells_text,
    change_plan_rows,
    conflict_plan_rows,
    result_names,
)
from hostmap_sql.cli.framework import errors
from hostmap_sql.cli.framework.commands import Command
from hostmap_sql.cli.framework.options import REVEALS, WRITES, dry_run_option
from hostmap_sql.cli.framework.wording import plural
from hostmap_sql.cli.output.conflicts import conflict_rows, print_conflicts
from hostmap_sql.cli.output.dry_run import PLAN_COLUMNS, show_plan
from hostmap_sql.cli.output.formats import show_summary
from hostmap_sql.cli.output.progress import progress_of
from hostmap_sql.nova import import_mappings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hostmap_sql.cli.framework.settings import Settings
    from hostmap_sql.nova import ImportResult

COLUMNS = ("cells", "created", "unchanged", "moved", "conflicts")


@click.command(
    "import",
    cls=Command,
    columns=COLUMNS,
    plan_columns=PLAN_COLUMNS,
    uses=(*WRITES, *REVEALS),
    example="hostmap nova import --from @nova_api.url --dry-run\n"
    "hostmap nova import --from @nova_api.url --on-conflict move --reason 'Nova is right'",
)
@api_url_option("--from")
@on_conflict_option(
    "If cells or hosts differ in the directory: report them and leave them (default), or change "
    "them to match Nova."
)
@dry_run_option
@click.pass_obj
def import_from_nova(
    settings: Settings, /, *, url: str, on_conflict: Literal["report", "move"], dry_run: bool
) -> None:
    """Import the cells and hosts of Nova's API database.

    They are read in one snapshot, and checked before anything is written. Cells and hosts that
    match are left alone, so the same import again changes nothing. URLs that are templates stay
    templates. A cell without a name gets its UUID as its name; if several cells have the same name,
    the later ones get the beginning of their UUID appended. If anything is in conflict, the exit
    status is 4.
    """
    with settings.open(default_reason="nova import") as hostmap:
        with api_url_errors("--from", "database URL"), progress_of("hosts") as report:
            result = import_mappings(
                hostmap,
                url,
                on_conflict=on_conflict,
                dry_run=dry_run,
                timeout=settings.timeout,
                progress=report,
            )
        names = result_names(hostmap, result)
    _report_renamed(result)
    if dry_run:
        show_plan(settings, _plan_rows(result, names), f"it would be: {_sentence(result)}")
    else:
        _show(settings, result, names)
    if result.has_conflicts:
        left = "they were left as they are" if not dry_run else "nothing was written"
        raise errors.Failure(f"some cells or hosts are in conflict: {left}", errors.CONFLICT)


def _report_renamed(result: ImportResult) -> None:
    for cell in result.cells:
        if cell.nova_name != cell.name:
            called = f"called {cell.nova_name!r} in Nova" if cell.nova_name else "without a name"
            errors.print_status(f"cell {cell.uuid}, {called}, is called {cell.name!r} here")


def _sentence(result: ImportResult) -> str:
    hosts = result.hosts
    return (
        f"cells: {cells_text(result.cells)}; hosts: {hosts.created:,} created, "
        f"{hosts.unchanged:,} unchanged, {hosts.moved:,} moved, "
        f"{plural(len(hosts.conflicts), 'conflict')}"
    )


def _show(settings: Settings, result: ImportResult, names: Mapping[str, str]) -> None:
    conflicts = conflict_rows(result.hosts.conflicts, names)
    if settings.format != "json":
        for cell in result.cells:
            if cell.action == "conflict":
                errors.print_status(
                    f"conflict: cell {cell.name!r} has another {', '.join(cell.differs)}"
                )
        print_conflicts(conflicts)
    row = {
        "cells": [{**cell_row(cell), "nova_name": cell.nova_name} for cell in result.cells],
        "created": result.hosts.created,
        "unchanged": result.hosts.unchanged,
        "moved": result.hosts.moved,
        "conflicts": conflicts,
    }
    show_summary(settings, row, _sentence(result))


def _plan_rows(result: ImportResult, names: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    yield from change_plan_rows(result.cells, result.planned, names)
    yield from conflict_plan_rows(conflict_rows(result.hosts.conflicts, names))
