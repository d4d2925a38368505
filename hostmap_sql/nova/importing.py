"""Bringing in the cells and hosts of a Nova API database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

from hostmap_sql.bulk import Plan
from hostmap_sql.errors import InvalidValue
from hostmap_sql.hostmap import DEFAULT_TIMEOUT, Changes, HostMap
from hostmap_sql.models import (
    BulkResult,
    CellMapping,
    valid_cell_name,
    valid_cell_of_host,
    valid_host,
    valid_url,
    valid_uuid,
)
from hostmap_sql.nova.access import NovaDatabase
from hostmap_sql.nova.cells import places
from hostmap_sql.nova.progress import Progress, untold
from hostmap_sql.nova.results import ImportedCell, ImportResult, PlannedHost
from hostmap_sql.nova.statements import NovaStatement
from hostmap_sql.parts import BULK_SIZE, in_parts

if TYPE_CHECKING:
    from hostmap_sql.urls import SecretUrl

T = TypeVar("T")

_OnConflict = Literal["report", "move"]

Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class _NovaCell:
    """A cell as Nova has it, with the name it is to have here."""

    uuid: str
    nova_name: str | None
    names: tuple[str, ...]
    transport_url: SecretUrl | None
    database_connection: SecretUrl | None
    disabled: bool


def import_mappings(
    hostmap: HostMap,
    url: str,
    *,
    on_conflict: _OnConflict = "report",
    dry_run: bool = False,
    timeout: float = DEFAULT_TIMEOUT,
    progress: Progress = untold,
) -> ImportResult:
    """Bring the cells and hosts of a ``nova_api`` database in.

    It is read in one consistent snapshot, and all of it is checked before anything is written: the
    cells as one changeset, then the hosts, one changeset for some thousand. What is here
    already is left alone, so the same import again changes nothing.

    Names of cells are unique here, and in Nova are not. A cell without a name, or with one that
    cannot be used, is called by its UUID. Of several cells of one name the first that Nova made
    keeps it; the others, and one whose name another cell has here, are called NAME-XXXXXXXX after
    the first eight digits of their UUID.

    :param url: the database, in any of the forms that `hostmap_sql.connect` and SQLAlchemy take.
    :param on_conflict: what to do with cells and hosts that are here otherwise: "report" them and
        leave them, or "move" them to what Nova has.
    :param dry_run: only report what would be done.
    :param progress: called with the number of hosts that are done, and of all.
    :raises InvalidValue: the URL or something in the database cannot be used.
    :raises DatabaseUnavailable: one of the two databases cannot be reached.
    """
    if on_conflict not in get_args(_OnConflict):
        raise InvalidValue("on_conflict", f"{on_conflict!r} is not one of report, move")
    with NovaDatabase.open(url, timeout) as database, database.snapshot():
        cell_rows = database.all(NovaStatement.CELLS)
        host_rows = database.all(NovaStatement.HOSTS)
    nova_cells = _read_cells(cell_rows)
    pairs = _read_hosts(host_rows)
    if dry_run:
        return _preview(hostmap, nova_cells, pairs, on_conflict)
    cells = hostmap.run(lambda changes: _write_cells(changes, nova_cells, on_conflict))
    return ImportResult(cells, _write_hosts(hostmap, pairs, on_conflict, progress))


# --- reading --------------------------------------------------------------------------------------


def _read_cells(rows: Sequence[Sequence[Any]]) -> Sequence[_NovaCell]:
    cells = []
    names_of = import_names(
        (_in_cell(given, valid_uuid, given, "uuid"), name) for given, name, *_ in rows
    )
    for given, name, transport_url, database_connection, disabled in rows:
        uuid = valid_uuid(given, "uuid")
        names = names_of[uuid]
        cells.append(
            _NovaCell(
                uuid,
                name,
                names,
                _in_cell(uuid, valid_url, transport_url or None, "transport_url"),
                _in_cell(uuid, valid_url, database_connection or None, "database_connection"),
                bool(disabled),
            )
        )
    return cells


def _in_cell(uuid: str, valid: Callable[[object, str], T], value: object, field: str) -> T:
    """What a check makes of a value; where it was, if it is refused."""
    try:
        return valid(value, field)
    except InvalidValue as error:
        raise InvalidValue(f"{field} of Nova's cell {uuid}", error.problem) from None


def _names(uuid: str, name: str | None, taken: set[str]) -> tuple[str, ...]:
    """The names that a cell may have here: it gets the first that is free."""
    candidates = (name, f"{name}-{uuid[:8]}") if name and _is_name(name, uuid) else ()
    return (*(c for c in candidates if c not in taken and _is_name(c, uuid)), uuid)


def import_names(cells: Iterable[tuple[str, str | None]]) -> Mapping[str, tuple[str, ...]]:
    """The names that an import may give to cells, in the order of Nova's ids, by their UUIDs."""
    taken: set[str] = set()
    names = {}
    for uuid, name in cells:
        names[uuid] = _names(uuid, name, taken)
        taken.add(names[uuid][0])
    return names


def _is_name(name: str, uuid: str) -> bool:
    try:
        valid_cell_name(name, uuid)
    except InvalidValue:
        return False
    return True


def _read_hosts(rows: Iterable[Sequence[Any]]) -> Pairs:
    pairs = []
    for host, uuid in rows:
        try:
            pairs.append((valid_host(host), valid_cell_of_host(uuid)))
        except InvalidValue as error:
            problem = f"{error.problem} (host {host!r}): correct it in Nova first"
            raise InvalidValue("a row of host_mappings", problem) from None
    return pairs


# --- comparing ------------------------------------------------------------------------------------


def _plan_cells(
    known: Sequence[CellMapping], nova_cells: Sequence[_NovaCell], on_conflict: _OnConflict
) -> list[tuple[ImportedCell, _NovaCell]]:
    """What is to be done with each cell of Nova's."""
    here = {cell.uuid: cell for cell in known}
    holders = {cell.name: cell.uuid for cell in known}
    plan = []
    for wanted in nova_cells:
        actual = here.get(wanted.uuid)
        # Its own name is as good as a free one, so that the same import again changes nothing.
        free = (name for name in wanted.names if holders.get(name, wanted.uuid) == wanted.uuid)
        name = next(free, wanted.uuid)
        if actual is not None and actual.name in wanted.names:
            name = actual.name
        holders[name] = wanted.uuid
        differs = _differences(actual, wanted, name) if actual else ()
        if actual is None:
            action = "created"
        elif not differs:
            action = "unchanged"
        else:
            action = "updated" if on_conflict == "move" else "conflict"
        shown = ImportedCell(wanted.uuid, name, wanted.nova_name, action, differs)
        plan.append((shown, wanted))
    return plan


def _differences(actual: CellMapping, wanted: _NovaCell, name: str) -> tuple[str, ...]:
    values = _values(wanted, name).items()
    return tuple(field for field, value in values if getattr(actual, field) != value)


def _values(wanted: _NovaCell, name: str) -> Mapping[str, Any]:
    return {
        "name": name,
        "transport_url": wanted.transport_url,
        "database_connection": wanted.database_connection,
        "disabled": wanted.disabled,
    }


def _preview(
    hostmap: HostMap, nova_cells: Sequence[_NovaCell], pairs: Pairs, on_conflict: _OnConflict
) -> ImportResult:
    """What an import would do, as things are now."""
    plan = _plan_cells(hostmap.cells.list(), nova_cells, on_conflict)
    actual = places(hostmap, (host for host, _ in pairs))
    hosts = Plan(pairs, actual, on_conflict)
    planned = tuple(
        PlannedHost(host, "create" if old is None else "move", old, new)
        for (old, new), moving in hosts.steps().items()
        for host in moving
    )
    return ImportResult(tuple(cell for cell, _ in plan), hosts.result(), planned)


# --- writing --------------------------------------------------------------------------------------


def _write_cells(
    changes: Changes, nova_cells: Sequence[_NovaCell], on_conflict: _OnConflict
) -> tuple[ImportedCell, ...]:
    plan = _plan_cells(changes.cells.list(), nova_cells, on_conflict)
    for cell, wanted in plan:
        values = _values(wanted, cell.name)
        if cell.action == "created":
            changes.cells.create(uuid=cell.uuid, **values)
        elif cell.action == "updated":
            changes.cells.update(cell.uuid, **values)
    return tuple(cell for cell, _ in plan)


def _write_hosts(
    hostmap: HostMap, pairs: Pairs, on_conflict: _OnConflict, progress: Progress
) -> BulkResult:
    total, done = BulkResult(), 0
    for part in in_parts(sorted(pairs), BULK_SIZE):
        total += hostmap.hosts.create_many(part, on_conflict)
        done += len(part)
        progress(done, len(pairs))
    return total
