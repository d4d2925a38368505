"""`hostmap nova export`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import click

from hostmap_sql.cli.commands.nova.options import api_url_option, on_conflict_option
from hostmap_sql.cli.commands.nova.rows import (
    api_url_errors,
    cell_row,
    cells_text,
    change_plan_rows,
    name_of,
    result_names,
)
from hostmap_sql.cli.framework import errors
from hostmap_sql.cli.framework.commands import Command
from hostmap_sql.cli.framework.options import READS, REVEALS, dry_run_option
from hostmap_sql.cli.framework.wording import plural
from hostmap_sql.cli.output.dry_run import PLAN_COLUMNS, plan_row, show_plan
from hostmap_sql.cli.output.formats import show_summary
from hostmap_sql.cli.output.progress import progress_of
from hostmap_sql.nova import export_mappings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hostmap_sql.cli.framework.settings import Settings
    from hostmap_sql.nova import ExportRefusal, ExportResult

COLUMNS = ("cells", "created", "unchanged", "moved", "deleted", "refused")


@click.command(
    "export",
    cls=Command,
    columns=COLUMNS,
    uses=(*READS, *REVEALS),
    plan_columns=PLAN_COLUMNS,
    example="hostmap nova export --to @nova_api.url --dry-run\n"
    "hostmap nova export --to @nova_api.url",
)
@api_url_option("--to")
@on_conflict_option(
    "If hosts or cells were changed in Nova later than here: report them and leave them "
    "(default), or change them to match the directory."
)
@click.option(
    "--delete",
    is_flag=True,
    help="Delete all cells and hosts in Nova that the directory does not have, even if it never "
    "had them. Default: delete those that were deleted here.",
)
@dry_run_option
@click.pass_obj
def export_to_nova(
    settings: Settings,
    /,
    *,
    url: str,
    on_conflict: Literal["report", "move"],
    delete: bool,
    dry_run: bool,
) -> None:
    """Export the cells and hosts of the directory to Nova's API database.

    Creations, moves and deletions here are repeated in Nova, so that both can run side by side.
    Rows keep their IDs; the same export again changes nothing. URLs that are templates in Nova are
    not overwritten. These are left as they are and reported, and the exit status is 4: changes in
    Nova later than here, cells and hosts that the directory never had, two names that Nova treats
    as equal, and cells that still have hosts or instances.
    """
    with settings.open() as hostmap:
        fields = ("database URL", "transport URL")
        with api_url_errors("--to", *fields), progress_of("hosts") as report:
            result = export_mappings(
                hostmap,
                url,
                on_conflict=on_conflict,
                delete=delete,
                dry_run=dry_run,
                timeout=settings.timeout,
                progress=report,
            )
        names = result_names(hostmap, result)
    if dry_run:
        show_plan(settings, _plan_rows(result, names), f"it would be: {_sentence(result)}")
    else:
        _show(settings, result, names)
    if result.refused:
        left = "nothing was written" if dry_run else "left as they are"
        problem = f"{plural(len(result.refused), 'change')} refused: {left}"
        raise errors.Failure(problem, errors.CONFLICT)


def _sentence(result: ExportResult) -> str:
    return (
        f"cells: {cells_text(result.cells)}; hosts: {result.created:,} created, "
        f"{result.unchanged:,} unchanged, {result.moved:,} moved, {result.deleted:,} deleted; "
        f"{len(result.refused):,} refused"
    )


def _show(settings: Settings, result: ExportResult, names: Mapping[str, str]) -> None:
    if settings.format != "json":
        for refusal in result.refused:
            errors.print_status(f"refused: {refusal.kind} {refusal.name!r} {refusal.problem}")
    row = {
        "cells": [cell_row(cell) for cell in result.cells],
        "created": result.created,
        "unchanged": result.unchanged,
        "moved": result.moved,
        "deleted": result.deleted,
        "refused": [_refusal_row(refusal, names) for refusal in result.refused],
    }
    show_summary(settings, row, _sentence(result))


def _refusal_row(refusal: ExportRefusal, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "kind": refusal.kind,
        "name": refusal.name,
        "cell": name_of(refusal.cell_uuid, names),
        "cell_uuid": refusal.cell_uuid,
        "nova_cell": name_of(refusal.nova_cell_uuid, names),
        "nova_cell_uuid": refusal.nova_cell_uuid,
        "problem": refusal.problem,
    }


def _plan_rows(result: ExportResult, names: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    yield from change_plan_rows(result.cells, result.planned, names)
    for refusal in result.refused:
        cells: dict[str, str | None] = {}
        if refusal.kind != "cell":
            cells["cell"] = name_of(refusal.cell_uuid, names)
            cells["actual_cell"] = name_of(refusal.nova_cell_uuid, names)
        yield plan_row("refuse", refusal.kind, refusal.name, detail=refusal.problem, **cells)
