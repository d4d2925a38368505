"""Importing the cells and hosts of a Nova API database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from hostmap_sql.batching import BULK_SIZE, batched
from hostmap_sql.concealing import conceal
from hostmap_sql.directory.bulk_plan import Plan
from hostmap_sql.directory.cell_changes import CellChanges, stored_values
from hostmap_sql.directory.cell_without_urls import WRITING, refuse_without_urls
from hostmap_sql.directory.cells import Cells
from hostmap_sql.errors import InvalidValue
from hostmap_sql.hostmap import DEFAULT_TIMEOUT, HostMap
from hostmap_sql.models import BulkResult, CellMapping
from hostmap_sql.nova import nova_sql
from hostmap_sql.nova.arguments import (
    OnConflict,
    Progress,
    ignore_progress,
    refuse_unknown_on_conflict,
)
from hostmap_sql.nova.cell_names import candidate_names
from hostmap_sql.nova.database import NovaDatabase
from hostmap_sql.nova.live_hosts import cell_uuids_by_host
from hostmap_sql.nova.results import ImportedCell, ImportResult, PlannedHost
from hostmap_sql.quoting import mask_name
from hostmap_sql.secret_arguments import hide_arguments_with_urls
from hostmap_sql.secret_url import SecretUrl
from hostmap_sql.validation import valid_cell_of_host, valid_new_host, valid_url, valid_uuid

if TYPE_CHECKING:
    from hostmap_sql.directory.cell_changes import Change
    from hostmap_sql.engine.session import Transaction

T = TypeVar("T")

Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class _NovaCell:
    """A cell as Nova has it, with the names that it may have in the directory."""

    uuid: str
    nova_name: str | None
    names: tuple[str, ...]
    transport_url: SecretUrl | None
    database_connection: SecretUrl | None
    disabled: bool


@hide_arguments_with_urls
def import_mappings(
    hostmap: HostMap,
    url: str,
    *,
    on_conflict: OnConflict = "report",
    dry_run: bool = False,
    timeout: float = DEFAULT_TIMEOUT,
    progress: Progress = ignore_progress,
) -> ImportResult:
    """Import the cells and hosts of a ``nova_api`` database.

    The database is read in one consistent snapshot and checked as a whole before anything is
    written: the cells as one changeset, then the hosts, a few thousand in each changeset. Mappings
    that exist already stay as they are, so the same import again changes nothing.

    Cell names are unique here, but not in Nova. A cell without a name, or with one that cannot be
    used, is called by its UUID. Of several cells with the same name, the first that was created in
    Nova keeps it; the others, and one whose name another cell has here, are called NAME-XXXXXXXX
    after the first eight digits of their UUID.

    :param url: the database, in any of the forms that `hostmap_sql.connect` and SQLAlchemy take.
    :param on_conflict: how to treat cells and hosts that differ here: "report" and keep them, or
        "move" them to Nova's state.
    :param dry_run: only report the changes, without writing.
    :param timeout: how long reading Nova's database may take, in seconds.
    :param progress: called with the number of hosts done and the total.
    :raises InvalidValue: the URL or a value in the database cannot be used.
    :raises DatabaseUnavailable: one of the two databases cannot be reached.
    :raises SecretUnavailable: a URL cannot be opened or sealed, see `Cells.update`.
    """
    url = conceal(url)
    refuse_unknown_on_conflict(on_conflict)
    refuse_without_urls(hostmap._database, WRITING)  # noqa: SLF001 - of the same package
    with NovaDatabase.open(url, timeout) as database, database.snapshot():
        cell_rows = [
            (uuid, name, conceal(transport_url), conceal(connection), disabled)
            for uuid, name, transport_url, connection, disabled in database.fetch_all(
                nova_sql.CELLS
            )
        ]
        host_rows = database.fetch_all(nova_sql.HOSTS)
    nova_cells = _read_cells(cell_rows)
    pairs = _read_hosts(host_rows)
    if dry_run:
        return _preview(hostmap, nova_cells, pairs, on_conflict)
    cells = _write_cells(hostmap, nova_cells, on_conflict)
    return ImportResult(cells, _write_hosts(hostmap, pairs, on_conflict, progress))


# --- reading --------------------------------------------------------------------------------------


def _read_cells(rows: Sequence[Sequence[Any]]) -> Sequence[_NovaCell]:
    uuids = [_check_field(uuid, valid_uuid, uuid, "uuid") for uuid, *_ in rows]
    names = candidate_names((uuid, row[1]) for uuid, row in zip(uuids, rows, strict=True))
    return [
        _NovaCell(
            uuid,
            name,
            names[uuid],
            _check_field(uuid, valid_url, transport_url or None, "transport_url"),
            _check_field(uuid, valid_url, database_connection or None, "database_connection"),
            bool(disabled),
        )
        for uuid, (_, name, transport_url, database_connection, disabled) in zip(
            uuids, rows, strict=True
        )
    ]


def _check_field(uuid: str, valid: Callable[[object, str], T], value: object, field: str) -> T:
    """Check a field of a cell; its error names the cell."""
    try:
        return valid(value, field)
    except InvalidValue as error:
        raise InvalidValue(f"{field} of Nova's cell {uuid}", error.problem) from None


def _read_hosts(rows: Iterable[Sequence[Any]]) -> Pairs:
    pairs = []
    for host, uuid in rows:
        try:
            pairs.append((valid_new_host(host), valid_cell_of_host(uuid)))
        except InvalidValue as error:
            problem = f"{error.problem} (host {mask_name(host)!r}): correct it in Nova first"
            raise InvalidValue("a row of host_mappings", problem) from None
    return pairs


# --- comparing ------------------------------------------------------------------------------------


def _plan_cells(
    known: Sequence[CellMapping], nova_cells: Sequence[_NovaCell], on_conflict: OnConflict
) -> list[tuple[ImportedCell, _NovaCell]]:
    """Plan an action for each of Nova's cells."""
    here = {cell.uuid: cell for cell in known}
    name_owners = {cell.name: cell.uuid for cell in known}
    plan = []
    for wanted in nova_cells:
        actual = here.get(wanted.uuid)
        if actual is not None and actual.name in wanted.names:
            name = actual.name
        else:
            free = (n for n in wanted.names if name_owners.get(n, wanted.uuid) == wanted.uuid)
            name = next(free, wanted.uuid)
        name_owners[name] = wanted.uuid
        differs: tuple[str, ...] = ()
        if actual is None:
            action = "created"
        elif differs := _differences(actual, wanted, name):
            action = "updated" if on_conflict == "move" else "conflict"
        else:
            action = "unchanged"
        plan.append((ImportedCell(wanted.uuid, name, wanted.nova_name, action, differs), wanted))
    return plan


def _differences(actual: CellMapping, wanted: _NovaCell, name: str) -> tuple[str, ...]:
    values = _cell_values(wanted, name).items()
    return tuple(
        field for field, value in values if _clear(getattr(actual, field)) != _clear(value)
    )


def _clear(value: object) -> object:
    # Otherwise a sealed URL without its key would be reported as a difference.
    return value.reveal() if isinstance(value, SecretUrl) else value


def _cell_values(wanted: _NovaCell, name: str) -> Mapping[str, Any]:
    return {
        "name": name,
        "transport_url": wanted.transport_url,
        "database_connection": wanted.database_connection,
        "disabled": wanted.disabled,
    }


def _preview(
    hostmap: HostMap, nova_cells: Sequence[_NovaCell], pairs: Pairs, on_conflict: OnConflict
) -> ImportResult:
    """Return the result of a dry run."""
    cells = _plan_cells(hostmap.cells.list(), nova_cells, on_conflict)
    actual = cell_uuids_by_host(hostmap, (host for host, _ in pairs))
    plan = Plan(pairs, actual, on_conflict)
    planned = tuple(
        PlannedHost(host, "create" if old is None else "move", old, new)
        for (old, new), hosts in plan.steps().items()
        for host in hosts
    )
    return ImportResult(tuple(cell for cell, _ in cells), plan.result(), planned)


# --- writing --------------------------------------------------------------------------------------


def _write_cells(
    hostmap: HostMap, nova_cells: Sequence[_NovaCell], on_conflict: OnConflict
) -> tuple[ImportedCell, ...]:
    """Write the cells as one changeset.

    The plan is made before the transaction, which holds the lock of all writers: a cipher or a
    reference may use the network. If the cells have changed since, a new plan is made.
    """
    database = hostmap._database  # noqa: SLF001 - of the same package
    prepare = CellChanges(database)
    while True:
        known = hostmap.cells.list()
        plan = _plan_cells(known, nova_cells, on_conflict)
        changes = []
        for cell, wanted in plan:
            values = _cell_values(wanted, cell.name)
            if cell.action == "created":
                changes.append(prepare.create(cell.uuid, values))
            elif cell.action == "updated":
                differing = {field: values[field] for field in cell.differs}
                changes.append(prepare.update(cell.uuid, differing))
        if not changes or database.write(partial(_apply, known, changes)):
            return tuple(cell for cell, _ in plan)


def _apply(
    known: Sequence[CellMapping], changes: Sequence[Change], transaction: Transaction
) -> bool:
    """Make the changes; return whether the cells are still the known ones."""
    current = Cells(transaction).list()
    if [*map(stored_values, current)] != [*map(stored_values, known)]:
        return False
    for change in changes:
        change(transaction)
    return True


def _write_hosts(
    hostmap: HostMap, pairs: Pairs, on_conflict: OnConflict, progress: Progress
) -> BulkResult:
    total, done = BulkResult(), 0
    for part in batched(sorted(pairs), BULK_SIZE):
        total += hostmap.hosts.create_many(part, on_conflict=on_conflict)
        done += len(part)
        progress(done, len(pairs))
    return total
