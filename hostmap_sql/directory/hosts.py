"""Writing host_mapping: single hosts and bulk calls."""

from __future__ import annotations

from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING

from hostmap_sql import sql
from hostmap_sql.batching import BULK_SIZE, batched
from hostmap_sql.directory.bulk_plan import (
    OnConflict,
    Plan,
    valid_hosts,
    valid_on_conflict,
    valid_pairs,
)
from hostmap_sql.directory.host_reader import HostReader
from hostmap_sql.errors import CellMappingNotFound, HostMappingExists, StaleMapping
from hostmap_sql.models import BulkResult, HostChange, HostMapping
from hostmap_sql.secret_arguments import hide_arguments_of, hide_frames
from hostmap_sql.validation import (
    valid_cell_of_host,
    valid_host,
    valid_new_host,
    valid_number,
    valid_uuid,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hostmap_sql.batching import Progress
    from hostmap_sql.directory.bulk_plan import Pair
    from hostmap_sql.engine.session import Session, Transaction

Expected = tuple[str | None, int | None]
"""The cell and the revision that a mapping must have, None for any."""


@hide_arguments_of(except_for=["create", "move", "delete"])
class Hosts(HostReader):
    """The hosts and the cell of each: ``hostmap.hosts``, and ``tx.hosts`` in a transaction."""

    # --- one host -----------------------------------------------------------------------------

    def create(self, host: str, cell_uuid: str) -> HostMapping:
        """Map a host to a cell.

        :raises InvalidValue: a value cannot be used, or the cell is cell0.
        :raises HostMappingExists: the host is mapped already, even if to this cell.
        :raises CellMappingNotFound: there is no such cell.

        >>> cell = hostmap.cells.get_by_name("cell1")
        >>> hostmap.hosts.create("compute-9", cell.uuid).cell.name
        'cell1'
        """
        try:
            host, cell_uuid = valid_new_host(host), valid_cell_of_host(cell_uuid)
            return self._session.write(partial(self._create, host, cell_uuid))
        except BaseException as error:
            hide_frames(error, host, cell_uuid)
            raise

    def _create(self, host: str, cell_uuid: str, transaction: Transaction) -> HostMapping:
        actual = self._cells_of(transaction, [host]).get(host)
        if actual is not None:
            raise HostMappingExists(host, actual)
        cell = self._rows.get_cell(transaction, cell_uuid)
        row = {"host": host, "cell_uuid": cell_uuid, "revision": transaction.revision}
        created_at = transaction.dialect.encode_time(transaction.now)
        transaction.execute(sql.HOST_INSERT, row | {"created_at": created_at})
        transaction.pending.host(host, None, cell_uuid)
        return HostMapping(host, cell, transaction.revision, transaction.now, None)

    def move(
        self,
        host: str,
        cell_uuid: str,
        *,
        expected_cell_uuid: str | None = None,
        expected_revision: int | None = None,
    ) -> HostMapping:
        """Move a host to another cell, and return its mapping.

        Nothing is written if the host is in that cell already.

        :param expected_cell_uuid: move it only if it is in this cell.
        :param expected_revision: move it only if its mapping is at this revision.
        :raises InvalidValue: a value cannot be used, or the cell is cell0.
        :raises HostMappingNotFound: the host is not mapped.
        :raises CellMappingNotFound: there is no such cell.
        :raises StaleMapping: the host is not in the expected cell or not at the expected revision.

        >>> mapping, cell2 = hostmap.hosts.get("compute-1"), hostmap.cells.get_by_name("cell2")
        >>> moved = hostmap.hosts.move(
        ...     "compute-1", cell2.uuid, expected_revision=mapping.revision
        ... )
        >>> moved.cell.name
        'cell2'
        """
        expected = expected_cell_uuid, expected_revision
        try:
            host, cell_uuid = valid_host(host), valid_cell_of_host(cell_uuid)
            return self._session.write(partial(self._move, host, cell_uuid, expected))
        except BaseException as error:
            hide_frames(error, host, cell_uuid, expected)
            raise

    def _move(
        self, host: str, cell_uuid: str, expected: Expected, transaction: Transaction
    ) -> HostMapping:
        current = self._get_expected(transaction, host, expected)
        if current.cell.uuid == cell_uuid:
            return current
        cell = self._rows.get_cell(transaction, cell_uuid)
        _write_move(transaction, [host], current.cell.uuid, cell_uuid)
        return HostMapping(host, cell, transaction.revision, current.created_at, transaction.now)

    def delete(
        self,
        host: str,
        *,
        expected_cell_uuid: str | None = None,
        expected_revision: int | None = None,
    ) -> HostChange:
        """Delete the mapping of a host, and return the change as the history has it.

        :param expected_cell_uuid: delete it only if the host is in this cell.
        :param expected_revision: delete it only if it is at this revision.
        :raises HostMappingNotFound: the host is not mapped.
        :raises StaleMapping: the host is not in the expected cell or not at the expected revision.

        >>> hostmap.hosts.delete("compute-3").new_cell_uuid is None
        True
        """
        expected = expected_cell_uuid, expected_revision
        try:
            return self._session.write(partial(self._delete, valid_host(host), expected))
        except BaseException as error:
            hide_frames(error, host, expected)
            raise

    def _delete(self, host: str, expected: Expected, transaction: Transaction) -> HostChange:
        current = self._get_expected(transaction, host, expected)
        _write_deletion(transaction, {host: current.cell.uuid})
        return HostChange(
            transaction.revision,
            host,
            current.cell.uuid,
            None,
            transaction.author,
            transaction.reason,
            transaction.now,
        )

    # --- many hosts ---------------------------------------------------------------------------

    def create_many(
        self, pairs: Iterable[tuple[str, str]], *, on_conflict: OnConflict = "report"
    ) -> BulkResult:
        """Map many hosts, given as pairs of a host and the UUID of its cell.

        All pairs and cells are checked before the first is written. The hosts are then written in
        transactions of a few thousand, one changeset each. A host that is in its cell already does
        not change, so after an error, repeat the call: it writes the rest.

        :param on_conflict: if a host is in another cell: "report" it and leave it there, "move" it,
            or "fail" before anything is written.
        :raises InvalidValue: a pair cannot be used.
        :raises CellMappingNotFound: a cell does not exist.
        :raises HostMappingExists: with "fail", a host is in another cell.

        >>> cell = hostmap.cells.get_by_name("cell1")
        >>> result = hostmap.hosts.create_many([("compute-7", cell.uuid), ("compute-8", cell.uuid)])
        >>> result.created, result.unchanged, result.conflicts
        (2, 0, ())
        """
        on_conflict = valid_on_conflict(on_conflict)
        # In index order, so that the indexes are written sequentially. The sort is stable, so the
        # first of two pairs of a host stays the first.
        checked = sorted(valid_pairs(pairs), key=itemgetter(0))
        _refuse_unknown_cells(self._session, {cell for _, cell in checked})
        if on_conflict == "fail":
            cells: dict[str, str] = {}
            for hosts in batched([host for host, _ in checked], BULK_SIZE):
                cells |= self._cells_of(self._session, hosts)
            Plan(checked, cells, on_conflict)  # raises; over all batches: a host may be in two
        total = BulkResult()
        for batch in batched(checked, BULK_SIZE):
            total += self._session.write(partial(self._create_many, batch, on_conflict))
        return total

    def _create_many(
        self, pairs: Sequence[Pair], on_conflict: OnConflict, transaction: Transaction
    ) -> BulkResult:
        plan = Plan(pairs, self._cells_of(transaction, [host for host, _ in pairs]), on_conflict)
        steps = plan.steps()
        _refuse_unknown_cells(transaction, {new for _, new in steps})
        created_at = transaction.dialect.encode_time(transaction.now)
        for (old, new), hosts in steps.items():
            if old is None:
                row = {"cell_uuid": new, "revision": transaction.revision, "created_at": created_at}
                transaction.insert_hosts(sql.HOST_INSERT_MANY, hosts, row)
                transaction.pending.created(hosts, new)
            else:
                _write_move(transaction, hosts, old, new)
        return plan.result(transaction.revision if steps else None)

    def move_all(
        self, from_uuid: str, to_uuid: str, *, progress: Progress | None = None
    ) -> BulkResult:
        """Move all hosts of a cell to another, in transactions of a few thousand.

        One pass over the hosts in their order: a host that enters the cell during the call may
        stay there. After an error repeat the call: it moves the rest.

        :param progress: called as ``progress(done, None)`` after each transaction, with the number
            of hosts moved by the call so far.
        :raises InvalidValue: a value cannot be used, or the cell to move to is cell0.
        :raises CellMappingNotFound: one of the cells does not exist.

        >>> cell1, cell2 = hostmap.cells.list()
        >>> hostmap.hosts.move_all(cell1.uuid, cell2.uuid).moved
        2
        """
        from_uuid = valid_uuid(from_uuid, "from_uuid")
        to_uuid = valid_cell_of_host(to_uuid, "to_uuid")

        def work(after: str, transaction: Transaction) -> tuple[Sequence[str], int | None]:
            self._rows.get_cell(transaction, from_uuid)
            self._rows.get_cell(transaction, to_uuid)
            if from_uuid == to_uuid:
                return (), None
            page = {"cell_uuid": from_uuid, "after": after, "limit": BULK_SIZE}
            rows = transaction.all(sql.HOST_NAMES_PAGE, page, lambda row: row[0] > after)
            hosts = [row[0] for row in rows]
            _write_move(transaction, hosts, from_uuid, to_uuid)
            return hosts, transaction.revision if hosts else None

        total, last = BulkResult(), ""  # sorts before every name
        while True:
            # Rereading the first page would never end if another client moved the hosts back.
            hosts, revision = self._session.write(partial(work, last))
            total += BulkResult(moved=len(hosts), revision=revision)
            if progress is not None:
                progress(total.moved, None)
            if len(hosts) < BULK_SIZE:
                return total
            last = hosts[-1]

    def delete_many(self, hosts: Iterable[str]) -> BulkResult:
        """Delete the mappings of many hosts, in transactions of a few thousand.

        Hosts that are not mapped are ignored.

        >>> hostmap.hosts.delete_many(["compute-1", "compute-2", "no-such-host"]).deleted
        2
        """

        def work(batch: Sequence[str], transaction: Transaction) -> BulkResult:
            cells = self._cells_of(transaction, batch)
            _write_deletion(transaction, cells)
            return BulkResult(deleted=len(cells), revision=transaction.revision if cells else None)

        total = BulkResult()
        for batch in batched(valid_hosts(hosts), BULK_SIZE):
            total += self._session.write(partial(work, batch))
        return total

    # --- inside -------------------------------------------------------------------------------

    def _get_expected(self, session: Session, host: str, expected: Expected) -> HostMapping:
        """Return the mapping of a host, if it is in this cell and at this revision.

        :raises StaleMapping: it is not.
        """
        cell_uuid, revision = expected
        if cell_uuid is not None:
            cell_uuid = valid_uuid(cell_uuid, "expected_cell_uuid")
        if revision is not None:
            valid_number(revision, "expected_revision")
        current = self._rows.get_host(session, host)
        if cell_uuid in (None, current.cell.uuid) and revision in (None, current.revision):
            return current
        raise StaleMapping(current, cell_uuid, revision)


def _refuse_unknown_cells(session: Session, uuids: set[str]) -> None:
    unknown = uuids - {row[0] for row in session.all(sql.CELL_LIST)}
    if unknown:
        raise CellMappingNotFound(min(unknown))


def _write_move(transaction: Transaction, hosts: Sequence[str], old: str, new: str) -> None:
    if not hosts:
        return
    parameters = {
        "hosts": transaction.dialect.encode_hosts(hosts),
        "cell_uuid": new,
        "revision": transaction.revision,
        "now": transaction.dialect.encode_time(transaction.now),
    }
    transaction.execute(sql.HOST_MOVE_MANY, parameters)
    for host in hosts:
        transaction.pending.host(host, old, new)


def _write_deletion(transaction: Transaction, cells: Mapping[str, str]) -> None:
    if not cells:
        return
    hosts = transaction.dialect.encode_hosts([*cells])
    transaction.execute(sql.HOST_DELETE_MANY, {"hosts": hosts})
    for host, cell in cells.items():
        transaction.pending.host(host, cell, None)
