"""Writing the cells and hosts of the directory back into a Nova API database."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hostmap_sql.batching import LOOKUP_SIZE, batched
from hostmap_sql.concealing import conceal
from hostmap_sql.errors import DatabaseError, DatabaseUnavailable
from hostmap_sql.hostmap import DEFAULT_TIMEOUT, HostMap
from hostmap_sql.nova import nova_sql
from hostmap_sql.nova.api_tables import CellRow, HostRow, read_api_tables, read_cell_rows
from hostmap_sql.nova.arguments import (
    OnConflict,
    Progress,
    ignore_progress,
    refuse_unknown_on_conflict,
)
from hostmap_sql.nova.database import NovaDatabase
from hostmap_sql.nova.export_comparison import make_plan
from hostmap_sql.nova.export_limits import (
    cell_in_use_problem,
    equal_host_problem,
    refuse_cells_in_use,
    refuse_unstorable,
)
from hostmap_sql.secret_arguments import hide_arguments_with_urls

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hostmap_sql.nova.export_plan import CellWrite, ExportPlan
    from hostmap_sql.nova.results import ExportResult

_CHANGED_DURING_EXPORT = "was changed in Nova's table during the export: export again"


@hide_arguments_with_urls
def export_mappings(
    hostmap: HostMap,
    url: str,
    *,
    on_conflict: OnConflict = "report",
    delete: bool = False,
    dry_run: bool = False,
    timeout: float = DEFAULT_TIMEOUT,
    progress: Progress = ignore_progress,
) -> ExportResult:
    """Write the cells and hosts of the directory back into a ``nova_api`` database.

    Inserts rows that Nova lacks, updates those that differ, and deletes the hosts and cells that
    were deleted here. Rows keep their ids, and a second export changes nothing. The cells are
    written in one transaction, the hosts a thousand at a time: Nova can read and write at the same
    time, and an export that fails can be repeated.

    Changes that are not safe are left out and reported in `refused`: rows that were changed in Nova
    later than here; rows that the directory never had; names that Nova's table cannot store, or
    treats as equal; templates of URLs, which are not overwritten; cells that still have hosts or
    instances.

    :param url: the database, in any of the forms that `hostmap_sql.connect` and SQLAlchemy take.
    :param on_conflict: how to treat rows that were changed in Nova later than here: "report" and
        keep them, or "move" them to the state of the directory.
    :param delete: delete cells and hosts in Nova that the directory does not have, even those that
        it never had. cell0 stays.
    :param dry_run: only report the changes, without writing.
    :param timeout: how long each transaction may take, in seconds.
    :param progress: called with the number of hosts done and the total.
    :raises InvalidValue: the URL or a value in the database cannot be used.
    :raises DatabaseUnavailable: one of the two databases cannot be reached.
    :raises DatabaseError: Nova's database refuses a statement, or the answer to a commit was lost:
        export again.
    """
    url = conceal(url)
    refuse_unknown_on_conflict(on_conflict)
    with NovaDatabase.open(url, timeout) as database:
        tables = read_api_tables(database)
        # Taken before the directory is read, so that changes made here from now on are later than
        # the rows that this export writes, and the next one writes them.
        now = datetime.now(UTC)
        plan = make_plan(hostmap, tables, on_conflict=on_conflict, delete=delete)
        database.restart_timeout()  # reading the directory may take long
        refuse_unstorable(database, plan, tables.hosts)
        if dry_run:
            refuse_cells_in_use(database, plan, tables.hosts)
            return plan.preview()
        return _Writer(database, plan, now, progress).write()


class _Writer:
    """Writes a plan. Rows that have changed since they were read are refused, not written."""

    def __init__(
        self, database: NovaDatabase, plan: ExportPlan, now: datetime, progress: Progress
    ) -> None:
        self._database = database
        self._plan = plan
        self._cell_ids: dict[str, int] = {}
        # Nova stores UTC in whole seconds, without a zone.
        self._now = now.replace(tzinfo=None, microsecond=0)
        self._progress = progress
        self._done = 0
        self._total = len(plan.creates) + len(plan.moves) + len(plan.deletes)

    def write(self) -> ExportResult:
        """Write cells, then hosts: deletes first, because a new name may equal a deleted one."""
        plan = self._plan
        if plan.cell_writes:
            with self._database.transaction():
                for write in [*plan.cell_writes]:
                    self._write_cell(write)
        rows = read_cell_rows(self._database, nova_sql.CELL_ROWS)
        self._cell_ids = {row.canonical_uuid: row.id for row in rows}
        deleted = self._change_hosts(dict.fromkeys(plan.deletes))
        moved = self._change_hosts(plan.moves)
        created = self._create_hosts()
        for row in [*plan.cell_deletes]:
            with self._database.transaction():
                self._delete_cell(row)
        return plan.result(created=created, moved=moved, deleted=deleted)

    def _report(self, hosts: int) -> None:
        self._done += hosts
        self._progress(self._done, self._total)

    # --- cells --------------------------------------------------------------------------------

    def _write_cell(self, write: CellWrite) -> None:
        uuid = write.cell.uuid if write.row is None else write.row.uuid
        actual = self._lock_cell(uuid)
        if actual != write.row:
            self._plan.refuse_cell_write(write, _CHANGED_DURING_EXPORT)
            return
        values = {**write.values, "uuid": uuid, "now": self._now}
        if actual is None:
            self._database.execute(nova_sql.CELL_ROW_INSERT, values)
        else:
            self._database.execute(nova_sql.CELL_ROW_UPDATE, {**values, "id": actual.id})

    def _delete_cell(self, row: CellRow) -> None:
        problem: str | None = _CHANGED_DURING_EXPORT
        if self._lock_cell(row.uuid) == row:
            hosts = self._database.fetch_number(nova_sql.CELL_ROW_HOSTS, {"id": row.id})
            problem = cell_in_use_problem(self._database, row, hosts)
        if problem is not None:
            self._plan.refuse_cell_delete(row, problem)
            return
        self._database.execute(nova_sql.CELL_ROW_DELETE, {"id": row.id, "uuid": row.uuid})

    def _lock_cell(self, uuid: str) -> CellRow | None:
        return next(read_cell_rows(self._database, nova_sql.CELL_ROW_LOCK, uuid=uuid), None)

    # --- hosts: moves and deletes -------------------------------------------------------------

    def _change_hosts(self, targets: Mapping[HostRow, str | None]) -> int:
        """Move each row to the cell with this UUID, or delete it; return how many were changed."""
        changed = 0
        for rows in batched(sorted(targets, key=lambda row: row.id), LOOKUP_SIZE):
            with self._database.transaction():
                groups = self._lock_hosts(rows, targets)
                changed += sum(self._write_group(*cells, ids) for cells, ids in groups.items())
            self._report(len(rows))
        return changed

    def _lock_hosts(
        self, rows: Sequence[HostRow], targets: Mapping[HostRow, str | None]
    ) -> Mapping[tuple[int, str | None], Sequence[int]]:
        """Lock rows; return the ids of the unchanged ones by their cells' ids and target UUIDs."""
        numbers = self._database.encode_numbers([row.id for row in rows])
        locked = self._database.fetch_all(nova_sql.HOST_ROWS_OF_IDS, {"numbers": numbers})
        unchanged = {HostRow(*values) for values in locked}
        groups: dict[tuple[int, str | None], list[int]] = defaultdict(list)
        for row in rows:
            if row in unchanged:
                groups[row.cell_id, targets[row]].append(row.id)
            else:
                self._plan.refuse_change(row, targets[row], _CHANGED_DURING_EXPORT)
        return groups

    def _write_group(self, cell_id: int, target: str | None, ids: Sequence[int]) -> int:
        values = {"old_cell_id": cell_id, "numbers": self._database.encode_numbers(ids)}
        if target is None:
            return self._database.execute(nova_sql.HOST_ROWS_DELETE, values)
        values |= {"cell_id": self._cell_ids[target], "now": self._now}
        return self._database.execute(nova_sql.HOST_ROWS_MOVE, values)

    # --- hosts: inserts -----------------------------------------------------------------------

    def _create_hosts(self) -> int:
        """Insert the new hosts; return how many were inserted."""
        created = 0
        for pairs in batched(sorted(self._plan.creates.items()), LOOKUP_SIZE):
            try:
                created += self._insert(pairs)
            except DatabaseUnavailable:
                raise
            except DatabaseError:
                if len(pairs) == 1:
                    raise
                # The table treats two of the new names as equal: one by one, the second is found.
                created += sum(self._insert([pair]) for pair in pairs)
            self._report(len(pairs))
        return created

    def _insert(self, pairs: Sequence[tuple[str, str]]) -> int:
        """Insert hosts in one transaction, without those whose names are taken in Nova's table."""
        with self._database.transaction():
            hosts = self._database.encode_hosts([host for host, _ in pairs])
            found = self._database.fetch_all(nova_sql.HOSTS_LIKE, {"hosts": hosts})
            taken = {str(row[0]) for row in found}
            problems = {host: self._taken_problem(host, taken) for host, _ in pairs}
            rows = [
                {"now": self._now, "cell_id": self._cell_ids[uuid], "host": host}
                for host, uuid in pairs
                if problems[host] is None
            ]
            if rows:
                self._database.execute_many(nova_sql.HOST_ROW_INSERT, rows)
        for host, problem in problems.items():
            if problem is not None:
                self._plan.refuse_create(host, problem)
        return len(rows)

    def _taken_problem(self, host: str, taken: set[str]) -> str | None:
        if host in taken:
            return _CHANGED_DURING_EXPORT
        for other in taken:
            if self._database.are_equal_hosts(other, host):
                return equal_host_problem(other)
        return None
