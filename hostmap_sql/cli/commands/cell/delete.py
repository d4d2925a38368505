"""`hostmap cell delete`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hostmap_sql.batching import BULK_SIZE
from hostmap_sql.cli.commands.cell.all_hosts import count_hosts, host_plan, host_progress
from hostmap_sql.cli.commands.cell.arguments import cell_argument
from hostmap_sql.cli.framework import errors
from hostmap_sql.cli.framework.cells import find_cell
from hostmap_sql.cli.framework.commands import Command
from hostmap_sql.cli.framework.options import WRITES, dry_run_option
from hostmap_sql.cli.framework.wording import plural
from hostmap_sql.cli.output.dry_run import PLAN_COLUMNS, plan_row, show_plan
from hostmap_sql.cli.output.formats import show_summary
from hostmap_sql.errors import CellMappingInUse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hostmap_sql import HostMap, WriteTransaction
    from hostmap_sql.cli.framework.settings import Settings
    from hostmap_sql.models import CellMapping


@click.command(
    "delete",
    cls=Command,
    columns=("cell", "cell_uuid", "hosts_deleted"),
    uses=WRITES,
    plan_columns=PLAN_COLUMNS,
    example="hostmap cell delete cell3\nhostmap cell delete cell2 --force --reason 'cell retired'",
)
@cell_argument
@click.option("--force", is_flag=True, help="Delete its hosts too, and accept even cell0.")
@dry_run_option
@click.pass_obj
def delete_cell(settings: Settings, /, *, cell: str, force: bool, dry_run: bool) -> None:
    """Delete a cell that has no hosts; with --force, delete its hosts first, in batches."""
    with settings.open() as hostmap:
        found = find_cell(hostmap, cell)
        if found.is_cell0 and not force:
            raise errors.Failure(
                f"cell {found.name!r} is cell0, which holds instances that could not be placed: "
                "it is deleted only with --force",
                errors.IN_USE,
            )
        if dry_run:
            _show_plan(settings, hostmap, found, force=force)
            return
        hosts = 0
        if force:
            hosts = _delete_with_hosts(hostmap, found)
        else:
            _delete_empty(hostmap, found)
    row = {"cell": found.name, "cell_uuid": found.uuid, "hosts_deleted": hosts}
    show_summary(settings, row, f"deleted cell {found.name!r} and {plural(hosts, 'host')} in it")


def _delete_empty(hostmap: HostMap, cell: CellMapping) -> None:
    try:
        hostmap.cells.delete(cell.uuid)
    except CellMappingInUse as error:
        raise _in_use(cell, error.hosts) from error


def _in_use(cell: CellMapping, hosts: int) -> errors.Failure:
    return errors.Failure(
        f"cell {cell.name!r} still has {plural(hosts, 'host')}: move them with "
        "`hostmap cell drain`, or delete them too with --force",
        errors.IN_USE,
    )


def _delete_with_hosts(hostmap: HostMap, cell: CellMapping) -> int:
    """Delete the hosts in batches, and the cell in the transaction of the last batch.

    Each transaction lists the hosts that it deletes: a host that was moved to another cell in
    between stays, and one that was added is deleted too.
    """

    def step(changes: WriteTransaction) -> int:
        mappings = changes.hosts.list(cell_uuid=cell.uuid, limit=BULK_SIZE)
        deleted = changes.hosts.delete_many([mapping.host for mapping in mappings]).deleted
        if deleted < BULK_SIZE:
            changes.cells.delete(cell.uuid)
        return deleted

    total, deleted = 0, BULK_SIZE
    with host_progress(hostmap, cell, "deleted") as advance:
        while deleted == BULK_SIZE:
            deleted = hostmap.run(step)
            total += deleted
            advance(total, None)
    return total


def _show_plan(settings: Settings, hostmap: HostMap, cell: CellMapping, *, force: bool) -> None:
    hosts = count_hosts(hostmap, cell)
    if hosts and not force:
        raise _in_use(cell, hosts)

    def plan() -> Iterator[dict[str, Any]]:
        yield from host_plan(hostmap, cell, "delete", actual_cell=cell.name)
        yield plan_row("delete", "cell", cell.name)

    sentence = f"cell {cell.name!r} and {plural(hosts, 'host')} in it would be deleted"
    show_plan(settings, plan(), sentence)
