"""Writing the cells and hosts of the directory back into a Nova API database."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, get_args

from hostmap_sql.errors import DatabaseError, DatabaseUnavailable, InvalidValue
from hostmap_sql.hostmap import DEFAULT_TIMEOUT, HostMap
from hostmap_sql.nova.access import NovaDatabase
from hostmap_sql.nova.export_plan import (
    MEANWHILE,
    CellRow,
    CellWrite,
    ExportPlan,
    HostRow,
    OnConflict,
    make_plan,
)
from hostmap_sql.nova.progress import Progress, untold
from hostmap_sql.nova.results import ExportedCell, ExportedHost, ExportRefusal, ExportResult
from hostmap_sql.nova.statements import NovaStatement
from hostmap_sql.parts import LOOKUP_SIZE, in_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_HIGHEST_OF_THREE_BYTES = "\uffff"


def export_mappings(
    hostmap: HostMap,
    url: str,
    *,
    on_conflict: OnConflict = "report",
    delete: bool = False,
    dry_run: bool = False,
    timeout: float = DEFAULT_TIMEOUT,
    progress: Progress = untold,
) -> ExportResult:
    """Write the cells and hosts of the directory back into a ``nova_api`` database.

    Adds what Nova lacks, changes what differs, and deletes the hosts and cells that were deleted
    here. Rows keep their ids, and a second export changes nothing. The cells are written in one
    transaction, the hosts a thousand at a time: Nova can read and write at the same time, and an
    export that fails can be repeated.

    What cannot be done safely is left as it is and comes back in `refused`: what was changed in
    Nova later than here; what the directory never had; names that Nova's table cannot keep, or
    cannot keep apart; templates of URLs, which are not overwritten; cells that still have hosts or
    instances.

    :param url: the database, in any of the forms that `hostmap_sql.connect` and SQLAlchemy take.
    :param on_conflict: what to do with what was changed in Nova later than here: "report" it and
        leave it, or "move" it to what the directory has.
    :param delete: delete cells and hosts in Nova that the directory has not, even those that it
        never had. cell0 stays.
    :param dry_run: only report what would be done.
    :param timeout: how long each transaction may take, in seconds.
    :param progress: called with the number of hosts that are done, and of all.
    :raises InvalidValue: the URL or something in the database cannot be used.
    :raises DatabaseUnavailable: one of the two databases cannot be reached.
    :raises DatabaseError: Nova's database refused something, or lost a commit: repeat it.
    """
    if on_conflict not in get_args(OnConflict):
        raise InvalidValue("on_conflict", f"{on_conflict!r} is not one of report, move")
    with NovaDatabase.open(url, timeout) as database:
        with database.snapshot():
            cells = [CellRow(*row) for row in database.all(NovaStatement.CELL_ROWS)]
            hosts = [HostRow(*row) for row in database.all(NovaStatement.HOST_ROWS)]
        # What is changed here from now on is later than what is written, and comes with the next.
        now = datetime.now(UTC)
        plan = make_plan(hostmap, cells, hosts, on_conflict=on_conflict, delete=delete)
        database.restart_clock()  # reading the directory may have taken long
        _refuse_names(database, plan, hosts)
        if dry_run:
            _refuse_cells_in_use(database, plan, hosts)
            return _preview(plan, {row.id: row.key for row in cells})
        return _Export(database, plan, cells, now, progress).write()


# --- what Nova's table cannot keep ----------------------------------------------------------------


def _refuse_names(database: NovaDatabase, plan: ExportPlan, rows: Sequence[HostRow]) -> None:
    """Refuse new hosts whose names Nova's table cannot keep, or takes for another's."""
    charset = database.charset("host_mappings", "host")
    for host in [host for host in plan.new if not _fits(host, charset)]:
        _refuse_host(plan, host, f"holds a character that Nova's table, in {charset}, cannot keep")
    for write in [*plan.cell_writes]:
        if not all(_fits(str(value), charset) for value in write.values.values()):
            problem = f"holds a character that Nova's table, in {charset}, cannot keep"
            _refuse_cell(plan, write, problem)
    gone = {row.id for row in plan.deletes}
    alike: dict[str, list[str]] = defaultdict(list)
    for host in [row.host for row in rows if row.id not in gone]:
        alike[_folded(host)].append(host)
    new: dict[str, list[str]] = defaultdict(list)
    for host in plan.new:
        new[_folded(host)].append(host)
    for key, hosts in new.items():
        for host in hosts:
            others = [*alike.get(key, ()), *(other for other in hosts if other != host)]
            for other in others:
                if database.takes_for_same(other, host):
                    _refuse_host(plan, host, _same_as(other))
                    break


def _same_as(other: str) -> str:
    return f"is for Nova's table the same as {other!r}, which differs only by case or accents"


def _fits(text: str, charset: str | None) -> bool:
    if charset is None or charset.startswith("utf8mb4"):
        return True
    if charset.startswith("utf8"):
        return all(character <= _HIGHEST_OF_THREE_BYTES for character in text)
    return text.isascii()


def _folded(host: str) -> str:
    """The same for all names that a collation may take for one."""
    parts = unicodedata.normalize("NFKD", host.casefold())
    return "".join(c for c in parts if not unicodedata.combining(c)).casefold()


def _refuse_host(plan: ExportPlan, host: str, problem: str) -> None:
    plan.refused.append(ExportRefusal("host", host, plan.new.pop(host), None, problem))


def _refuse_cell(plan: ExportPlan, write: CellWrite, problem: str) -> None:
    plan.cell_writes.remove(write)
    shown = write.shown
    plan.cells[plan.cells.index(shown)] = replace(shown, action="refused")
    there = None if write.row is None else shown.uuid
    plan.refused.append(ExportRefusal("cell", shown.name, shown.uuid, there, problem))
    if write.row is None:
        for host in [host for host, uuid in plan.new.items() if uuid == shown.uuid]:
            _refuse_host(plan, host, "is in a cell that Nova's table does not have")
        for move in [move for move in plan.moves if move[1] == shown.uuid]:
            plan.moves.remove(move)
            problem = "is in a cell that Nova's table does not have"
            plan.refused.append(ExportRefusal("host", move[0].host, shown.uuid, None, problem))


def _refuse_cells_in_use(database: NovaDatabase, plan: ExportPlan, rows: Sequence[HostRow]) -> None:
    """Refuse to delete cells that would still have hosts or instances."""
    leaving = {row.id for row in plan.deletes} | {row.id for row, _ in plan.moves}
    for cell in [*plan.cell_deletes]:
        hosts = sum(row.cell_id == cell.id and row.id not in leaving for row in rows)
        problem = _in_use(hosts, _instances(database, cell))
        if problem:
            plan.cell_deletes.remove(cell)
            plan.refused.append(_kept(cell, problem))


def _instances(database: NovaDatabase, cell: CellRow) -> int:
    if not database.has_table("instance_mappings"):
        return 0
    return database.number(NovaStatement.CELL_ROW_INSTANCES, {"id": cell.id})


def _in_use(hosts: int, instances: int) -> str | None:
    if instances:
        return f"is not deleted: Nova's table instance_mappings has {instances:,} of its instances"
    return (
        f"is not deleted: Nova's table host_mappings has {hosts:,} of its hosts" if hosts else None
    )


def _kept(cell: CellRow, problem: str) -> ExportRefusal:
    return ExportRefusal("cell", cell.name or cell.key, None, cell.key, problem)


def _preview(plan: ExportPlan, uuids: Mapping[int, str]) -> ExportResult:
    planned = [
        *(ExportedHost(host, "create", None, uuid) for host, uuid in plan.new.items()),
        *(ExportedHost(row.host, "move", uuids[row.cell_id], uuid) for row, uuid in plan.moves),
        *(ExportedHost(row.host, "delete", uuids[row.cell_id], None) for row in plan.deletes),
    ]
    deleted = [_deleted(cell) for cell in plan.cell_deletes]
    return ExportResult(
        (*plan.cells, *deleted),
        created=len(plan.new),
        unchanged=plan.unchanged,
        moved=len(plan.moves),
        deleted=len(plan.deletes),
        refused=tuple(plan.refused),
        planned=tuple(planned),
    )


def _deleted(cell: CellRow) -> ExportedCell:
    return ExportedCell(cell.key, cell.name or cell.key, "deleted")


# --- writing --------------------------------------------------------------------------------------


class _Export:
    """Does what is planned. What is otherwise by now than when it was read is left, and told."""

    def __init__(
        self,
        database: NovaDatabase,
        plan: ExportPlan,
        cells: Sequence[CellRow],
        now: datetime,
        progress: Progress,
    ) -> None:
        self._database = database
        self._plan = plan
        self._uuids = {row.id: row.key for row in cells}
        self._ids: dict[str, int] = {}
        # Nova keeps whole seconds of UTC, without a zone.
        self._now = now.replace(tzinfo=None, microsecond=0)
        self._progress = progress
        self._total = len(plan.new) + len(plan.moves) + len(plan.deletes)
        self._done = 0

    def write(self) -> ExportResult:
        """Write all of it: what leaves first, so that what comes finds its place."""
        plan = self._plan
        if plan.cell_writes:
            with self._database.transaction():
                for write in [*plan.cell_writes]:
                    self._write_cell(write)
        rows = [CellRow(*row) for row in self._database.all(NovaStatement.CELL_ROWS)]
        self._ids = {row.key: row.id for row in rows}
        deleted = self._change(plan.deletes, lambda _: None)
        targets = {row.id: uuid for row, uuid in plan.moves}
        moved = self._change([row for row, _ in plan.moves], lambda row: targets[row.id])
        created = sum(
            self._create(part) for part in in_parts(sorted(plan.new.items()), LOOKUP_SIZE)
        )
        for cell in plan.cell_deletes:
            with self._database.transaction():
                self._delete_cell(cell)
        return ExportResult(
            tuple(plan.cells),
            created=created,
            unchanged=plan.unchanged,
            moved=moved,
            deleted=deleted,
            refused=tuple(plan.refused),
        )

    def _write_cell(self, write: CellWrite) -> None:
        uuid = write.shown.uuid if write.row is None else write.row.uuid
        rows = self._database.all(NovaStatement.CELL_ROW_LOCK, {"uuid": uuid})
        actual = CellRow(*rows[0]) if rows else None
        if actual != write.row:
            _refuse_cell(self._plan, write, MEANWHILE)
            return
        values = {**write.values, "uuid": uuid, "now": self._now}
        if actual is None:
            self._database.write(NovaStatement.CELL_ROW_INSERT, values)
        else:
            self._database.write(NovaStatement.CELL_ROW_UPDATE, {**values, "id": actual.id})

    def _delete_cell(self, cell: CellRow) -> None:
        rows = self._database.all(NovaStatement.CELL_ROW_LOCK, {"uuid": cell.uuid})
        if [CellRow(*row) for row in rows] != [cell]:
            self._plan.refused.append(_kept(cell, MEANWHILE))
            return
        hosts = self._database.number(NovaStatement.CELL_ROW_HOSTS, {"id": cell.id})
        problem = _in_use(hosts, _instances(self._database, cell))
        if problem:
            self._plan.refused.append(_kept(cell, problem))
            return
        values = {"id": cell.id, "uuid": cell.uuid}
        self._database.write(NovaStatement.CELL_ROW_DELETE, values)
        self._plan.cells.append(_deleted(cell))

    def _change(self, rows: Sequence[HostRow], target: Callable[[HostRow], str | None]) -> int:
        """Move or delete hosts; return how many."""
        changed = 0
        for part in in_parts(sorted(rows, key=lambda row: row.id), LOOKUP_SIZE):
            with self._database.transaction():
                groups = self._unchanged(part, target)
                changed += sum(self._write_group(*key, ids) for key, ids in groups.items())
            self._tell(len(part))
        return changed

    def _unchanged(
        self, rows: Sequence[HostRow], target: Callable[[HostRow], str | None]
    ) -> Mapping[tuple[int, str | None], Sequence[int]]:
        """The ids of those that are as they were read, locked, by where they are and are to be."""
        numbers = self._database.encode_numbers([row.id for row in rows])
        found = self._database.all(NovaStatement.HOST_ROWS_OF_IDS, {"numbers": numbers})
        now = {row.id: row for row in (HostRow(*one) for one in found)}
        groups: dict[tuple[int, str | None], list[int]] = defaultdict(list)
        for row in rows:
            if now.get(row.id) == row:
                groups[row.cell_id, target(row)].append(row.id)
            else:
                place = self._uuids[row.cell_id]
                refusal = ExportRefusal("host", row.host, target(row), place, MEANWHILE)
                self._plan.refused.append(refusal)
        return groups

    def _write_group(self, cell_id: int, target: str | None, ids: Sequence[int]) -> int:
        values: dict[str, Any] = {
            "old_cell_id": cell_id,
            "numbers": self._database.encode_numbers(ids),
        }
        if target is None:
            return self._database.write(NovaStatement.HOST_ROWS_DELETE, values)
        values |= {"cell_id": self._ids[target], "now": self._now}
        return self._database.write(NovaStatement.HOST_ROWS_MOVE, values)

    def _create(self, pairs: Sequence[tuple[str, str]]) -> int:
        """Add hosts; return how many."""
        try:
            with self._database.transaction():
                created = self._insert(pairs)
        except DatabaseUnavailable:
            raise
        except DatabaseError:
            if len(pairs) == 1:
                raise
            # The table takes two of them for one, by rules of its own: now it is seen which.
            created = 0
            for pair in pairs:
                with self._database.transaction():
                    created += self._insert([pair])
        self._tell(len(pairs))
        return created

    def _insert(self, pairs: Sequence[tuple[str, str]]) -> int:
        hosts = self._database.encode_hosts([host for host, _ in pairs])
        found = {
            str(row[0]) for row in self._database.all(NovaStatement.HOSTS_LIKE, {"hosts": hosts})
        }
        refused = {}
        for host, uuid in pairs:
            problem = self._occupied(host, found)
            if problem:
                refused[host] = ExportRefusal("host", host, uuid, None, problem)
        rows = [
            {"now": self._now, "cell_id": self._ids[uuid], "host": host}
            for host, uuid in pairs
            if host not in refused
        ]
        if rows:
            self._database.write_many(NovaStatement.HOST_ROW_INSERT, rows)
        self._plan.refused += refused.values()
        return len(rows)

    def _occupied(self, host: str, found: set[str]) -> str | None:
        if host in found:
            return MEANWHILE
        other = next((one for one in found if self._database.takes_for_same(one, host)), None)
        return None if other is None else _same_as(other)

    def _tell(self, number: int) -> None:
        self._done += number
        self._progress(self._done, self._total)
