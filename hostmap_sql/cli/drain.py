"""`hostmap cell drain` and `hostmap cell delete`: what concerns all hosts of a cell."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from hostmap_sql.cli import errors
from hostmap_sql.cli.arguments import CELL
from hostmap_sql.cli.cells import cell_argument, cells
from hostmap_sql.cli.context import WRITES, Settings, find_cell
from hostmap_sql.cli.output import plural, show_summary
from hostmap_sql.cli.plans import PLAN_COLUMNS, plan_row, show_plan
from hostmap_sql.cli.progress import progress
from hostmap_sql.errors import CellMappingInUse, InvalidValue
from hostmap_sql.models import valid_cell_of_host
from hostmap_sql.parts import BULK_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hostmap_sql.hostmap import Changes, HostMap
    from hostmap_sql.models import CellMapping

dry_run_option = click.option("--dry-run", is_flag=True, help="Only show what would be done.")


@cells.command(
    "drain",
    columns=("from_cell", "from_cell_uuid", "to_cell", "to_cell_uuid", "moved"),
    uses=WRITES,
    plan_columns=PLAN_COLUMNS,
    example="hostmap cell drain cell1 cell2 --dry-run\n"
    "hostmap cell drain cell1 cell2 --reason 'cell1 is retired'",
)
@click.argument("from_cell", metavar="FROM", type=CELL)
@click.argument("to_cell", metavar="TO", type=CELL)
@dry_run_option
@click.pass_obj
def drain(settings: Settings, /, *, from_cell: str, to_cell: str, dry_run: bool) -> None:
    """Move all hosts of the cell FROM to the cell TO, some thousand at a time.

    If it breaks off, the same command does the rest. Without hosts to move it changes nothing.
    """
    with settings.open() as hostmap:
        old, new = find_cell(hostmap, from_cell, "FROM"), find_cell(hostmap, to_cell, "TO")
        valid_cell_of_host(new.uuid, "TO")
        if old.uuid == new.uuid:
            raise InvalidValue("TO", f"is cell {new.name!r} itself: name another cell than FROM")
        if dry_run:
            total = _number_of_hosts(hostmap, old)
            plan = _host_plan(hostmap, old, "move", cell=new.name, actual_cell=old.name)
            show_plan(settings, plan, f"{plural(total, 'host')} would be moved")
            return
        with _counted(hostmap, old, "moved") as advance:
            moved = hostmap.hosts.move_all(old.uuid, new.uuid, progress=advance)
    row = {
        "from_cell": old.name,
        "from_cell_uuid": old.uuid,
        "to_cell": new.name,
        "to_cell_uuid": new.uuid,
        "moved": moved,
    }
    where = f"from cell {old.name!r} to cell {new.name!r}"
    show_summary(settings, row, f"moved {plural(moved, 'host')} {where}")


@cells.command(
    "delete",
    columns=("cell", "cell_uuid", "hosts_deleted"),
    uses=WRITES,
    plan_columns=PLAN_COLUMNS,
    example="hostmap cell delete cell3\nhostmap cell delete cell2 --force --reason 'cell retired'",
)
@cell_argument
@click.option("--force", is_flag=True, help="Delete its hosts too, and even cell0.")
@dry_run_option
@click.pass_obj
def delete(settings: Settings, /, *, cell: str, force: bool, dry_run: bool) -> None:
    """Delete a cell that has no hosts; with --force, its hosts first, some thousand at a time."""
    with settings.open() as hostmap:
        found = find_cell(hostmap, cell)
        if found.is_cell0 and not force:
            raise errors.Failure(
                f"cell {found.name!r} is cell0, which takes what cannot be placed: "
                "it is deleted only with --force",
                errors.IN_USE,
            )
        if dry_run:
            _show_deletion(settings, hostmap, found, force=force)
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
        f"cell {cell.name!r} still has {plural(hosts, 'host')}: move them by "
        "`hostmap cell drain`, or delete them with it by --force",
        errors.IN_USE,
    )


def _delete_with_hosts(hostmap: HostMap, cell: CellMapping) -> int:
    """Delete the hosts, some thousand a transaction, and with the last of them the cell.

    They are looked up in the transaction that deletes them: a host that somebody moves to another
    cell meanwhile stays, and one that is added meanwhile goes too.
    """

    def step(changes: Changes) -> int:
        mappings = changes.hosts.list(cell.uuid, limit=BULK_SIZE)
        deleted = changes.hosts.delete_many([mapping.host for mapping in mappings])
        if deleted < BULK_SIZE:
            changes.cells.delete(cell.uuid)
        return deleted

    total, deleted = 0, BULK_SIZE
    with _counted(hostmap, cell, "deleted") as advance:
        while deleted == BULK_SIZE:
            deleted = hostmap.run(step)
            total += deleted
            advance(deleted)
    return total


def _show_deletion(settings: Settings, hostmap: HostMap, cell: CellMapping, *, force: bool) -> None:
    hosts = _number_of_hosts(hostmap, cell)
    if hosts and not force:
        raise _in_use(cell, hosts)

    def plan() -> Iterator[dict[str, Any]]:
        yield from _host_plan(hostmap, cell, "delete", actual_cell=cell.name)
        yield plan_row("delete", "cell", cell.name)

    sentence = f"cell {cell.name!r} and {plural(hosts, 'host')} in it would be deleted"
    show_plan(settings, plan(), sentence)


def _number_of_hosts(hostmap: HostMap, cell: CellMapping) -> int:
    # A cell that somebody deleted meanwhile has none.
    return hostmap.cells.host_counts().get(cell.uuid, 0)


def _host_plan(
    hostmap: HostMap, cell: CellMapping, action: str, /, **values: str
) -> Iterator[dict[str, Any]]:
    """What would be done with each host of a cell."""
    for mapping in hostmap.hosts.iterate(cell.uuid):
        yield plan_row(action, "host", mapping.host, **values)


@contextmanager
def _counted(hostmap: HostMap, cell: CellMapping, done: str) -> Iterator[Callable[[int], None]]:
    """Count the hosts of a cell that are done; should it break off, say how far it came."""
    total = _number_of_hosts(hostmap, cell)
    number = 0
    try:
        with progress(done, total) as advance:

            def count(more: int) -> None:
                nonlocal number
                number += more
                advance(more)

            yield count
    except BaseException:
        of = f"{number:,} of {plural(total, 'host')} of cell {cell.name!r}"
        if number:
            errors.say(f"broke off after {of} were {done}: repeat it to do the rest")
        raise
