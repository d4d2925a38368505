"""`hostmap nova export`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import click

from hostmap_sql.cli import errors
from hostmap_sql.cli.arguments import URL
from hostmap_sql.cli.conflicts import cell_names
from hostmap_sql.cli.nova import nova
from hostmap_sql.cli.output import plural, show_summary
from hostmap_sql.cli.plans import PLAN_COLUMNS, plan_row, show_plan
from hostmap_sql.cli.progress import progress_of
from hostmap_sql.errors import InvalidValue
from hostmap_sql.nova import export_mappings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hostmap_sql.cli.context import Settings
    from hostmap_sql.nova import ExportRefusal, ExportResult

COLUMNS = ("cells", "created", "unchanged", "moved", "deleted", "refused")


@nova.command(
    "export",
    columns=COLUMNS,
    plan_columns=PLAN_COLUMNS,
    example="hostmap nova export --to @nova_api.url --dry-run\n"
    "hostmap nova export --to @nova_api.url",
)
@click.option(
    "--to",
    "url",
    metavar="URL",
    type=URL,
    required=True,
    help="The database nova_api, as nova.conf has it; @FILE reads the URL from a file.",
)
@click.option(
    "--on-conflict",
    type=click.Choice(["report", "move"]),
    default="report",
    help="What to do with cells and hosts that were changed in Nova later than here: report them "
    "and leave them (default), or move them to what the directory has.",
)
@click.option(
    "--delete",
    is_flag=True,
    help="Delete cells and hosts in Nova that the directory does not have, even those that it "
    "never had. Without it only those are deleted whose deletion here is on record.",
)
@click.option("--dry-run", is_flag=True, help="Only show what would be done.")
@click.pass_obj
def export_(
    settings: Settings,
    /,
    *,
    url: str,
    on_conflict: Literal["report", "move"],
    delete: bool,
    dry_run: bool,
) -> None:
    """Write the cells and hosts of the directory back into Nova's API database.

    So both can run side by side: what is new, moved or deleted here, is so in Nova. Rows keep their
    ids; the same export again changes nothing. Templates of URLs are not overwritten. What cannot
    be done is left as it is and shown, and the exit status is 4: what was changed in Nova later
    than here, what the directory never had, two names that Nova takes for one, and cells that still
    have hosts or instances.
    """
    with settings.open() as hostmap:
        try:
            with progress_of("hosts") as told:
                result = export_mappings(
                    hostmap,
                    url,
                    on_conflict=on_conflict,
                    delete=delete,
                    dry_run=dry_run,
                    timeout=settings.timeout,
                    progress=told,
                )
        except InvalidValue as error:
            if error.field not in ("database URL", "transport URL"):
                raise
            raise InvalidValue("--to", error.problem) from error
        names = cell_names(hostmap) | {cell.uuid: cell.name for cell in result.cells}
    if dry_run:
        show_plan(settings, _plan_rows(result, names), f"it would be: {_sentence(result)}")
    else:
        _show(settings, result, names)
    if result.refused:
        left = "nothing was written" if dry_run else "left as they are"
        problem = f"{plural(len(result.refused), 'change')} refused: {left}"
        raise errors.Failure(problem, errors.CONFLICT)


def _sentence(result: ExportResult) -> str:
    actions = [cell.action for cell in result.cells]
    cells = {action: actions.count(action) for action in dict.fromkeys(actions)}
    told = ", ".join(f"{number:,} {action}" for action, number in cells.items()) or "none"
    return (
        f"cells: {told}; hosts: {result.created:,} created, {result.unchanged:,} unchanged, "
        f"{result.moved:,} moved, {result.deleted:,} deleted; {len(result.refused):,} refused"
    )


def _refusal_row(refusal: ExportRefusal, names: Mapping[str, str]) -> dict[str, Any]:
    def name_of(uuid: str | None) -> str | None:
        return uuid and names.get(uuid, uuid)

    return {
        "kind": refusal.kind,
        "name": refusal.name,
        "cell": name_of(refusal.cell_uuid),
        "cell_uuid": refusal.cell_uuid,
        "nova_cell": name_of(refusal.nova_cell_uuid),
        "nova_cell_uuid": refusal.nova_cell_uuid,
        "problem": refusal.problem,
    }


def _show(settings: Settings, result: ExportResult, names: Mapping[str, str]) -> None:
    if settings.format != "json":
        for refusal in result.refused:
            errors.say(f"refused: {refusal.kind} {refusal.name!r} {refusal.problem}")
    cells = [
        {
            "cell": cell.name,
            "cell_uuid": cell.uuid,
            "action": cell.action,
            "differs": [*cell.differs],
        }
        for cell in result.cells
    ]
    row = {
        "cells": cells,
        "created": result.created,
        "unchanged": result.unchanged,
        "moved": result.moved,
        "deleted": result.deleted,
        "refused": [_refusal_row(refusal, names) for refusal in result.refused],
    }
    show_summary(settings, row, _sentence(result))


_CELL_ACTIONS = {"created": "create", "updated": "update", "deleted": "delete"}


def _plan_rows(result: ExportResult, names: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    for cell in result.cells:
        if cell.action in _CELL_ACTIONS:
            detail = ", ".join(cell.differs) or None
            yield plan_row(_CELL_ACTIONS[cell.action], "cell", cell.name, detail=detail)
    for host in result.planned:
        old = host.old_cell_uuid and names.get(host.old_cell_uuid, host.old_cell_uuid)
        new = host.new_cell_uuid and names.get(host.new_cell_uuid, host.new_cell_uuid)
        yield plan_row(host.action, "host", host.host, cell=new, actual_cell=old)
    for refusal in result.refused:
        row = _refusal_row(refusal, names)
        where = (
            {} if row["kind"] == "cell" else {"cell": row["cell"], "actual_cell": row["nova_cell"]}
        )
        yield plan_row("refuse", row["kind"], row["name"], detail=row["problem"], **where)
