"""The DAO of host_mapping: lookups, lists, single writes and bulk writes."""

from __future__ import annotations

from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING

from hostmap_sql.bulk import OnConflict, Plan, valid_hosts, valid_on_conflict, valid_pairs
from hostmap_sql.errors import (
    CellMappingNotFound,
    HostMappingExists,
    HostMappingNotFound,
    StaleMapping,
)
from hostmap_sql.models import (
    BulkResult,
    HostChange,
    HostMapping,
    valid_cell_of_host,
    valid_host,
    valid_number,
    valid_uuid,
)
from hostmap_sql.pages import NO_LIMIT, Page
from hostmap_sql.parts import BULK_SIZE, LOOKUP_SIZE, in_parts
from hostmap_sql.rows import RowReader, one_of
from hostmap_sql.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from hostmap_sql.bulk import Pair
    from hostmap_sql.models import CellMapping
    from hostmap_sql.sessions import Session, Transaction

_PAGE_SIZE = 1_000


class Hosts:
    """The hosts, and the cell of each: ``hostmap.hosts``."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._rows = RowReader(session.dialect)

    # --- reading ------------------------------------------------------------------------------

    def get(self, host: str) -> HostMapping:
        """The mapping of a host, with its cell: one statement, one round trip.

        :raises HostMappingNotFound: the host is not mapped.

        >>> hostmap.hosts.get("compute-1").cell.name
        'cell1'
        """
        return self._get(self._session, valid_host(host))

    def get_many(self, hosts: Iterable[str]) -> dict[str, HostMapping]:
        """The mappings of many hosts, a thousand a statement; those not mapped are left out.

        >>> found = hostmap.hosts.get_many(["compute-1", "compute-2", "no-such-host"])
        >>> sorted(found)
        ['compute-1', 'compute-2']
        """
        found: dict[str, HostMapping] = {}
        encode = self._session.dialect.encode_hosts
        for names in in_parts(valid_hosts(hosts), LOOKUP_SIZE):
            asked = {"hosts": encode(names)}
            rows = self._session.all(Statement.HOST_GET_MANY, asked, one_of(names))
            found |= {mapping.host: mapping for mapping in self._rows.hosts(rows)}
        return found

    def list(
        self,
        cell_uuid: str | None = None,
        prefix: str | None = None,
        after: str | None = None,
        limit: int | None = None,
    ) -> list[HostMapping]:
        """The mappings in the order of their hosts: those of a cell, of a prefix, after a host.

        To page, hand the last host of a page in as `after`: whatever comes or goes meanwhile, no
        host that stays is passed over or comes twice. An unknown cell has no hosts.

        >>> page = hostmap.hosts.list(prefix="compute-", limit=2)
        >>> [mapping.host for mapping in page]
        ['compute-1', 'compute-2']
        >>> [mapping.host for mapping in hostmap.hosts.list(after=page[-1].host)]
        ['compute-3']
        """
        page = Page(cell_uuid, prefix)
        parameters = page.parameters(after, NO_LIMIT if limit is None else limit)
        statement = page.one_of(Statement.HOST_LIST, Statement.HOST_LIST_OF_CELL)
        rows = self._session.all(statement, parameters, page.fits(parameters, 4))
        return [*self._rows.hosts(rows)]

    def iterate(
        self, cell_uuid: str | None = None, prefix: str | None = None
    ) -> Iterator[HostMapping]:
        """Every mapping in the order of the hosts, read page by page as they are asked for.

        A cell is shown as it was when the first of its hosts was read.

        >>> sum(1 for _ in hostmap.hosts.iterate())
        3
        """
        page = Page(cell_uuid, prefix)
        cells: dict[str, CellMapping] = {}
        last = None
        while True:
            mappings = self._next_page(page, last, cells)
            yield from mappings
            if len(mappings) < _PAGE_SIZE:
                return
            last = mappings[-1].host

    def _next_page(
        self, page: Page, after: str | None, cells: dict[str, CellMapping]
    ) -> Sequence[HostMapping]:
        """A page of mappings. The cells that are not known yet are added to `cells`."""
        parameters = page.parameters(after, _PAGE_SIZE)
        statement = page.one_of(Statement.HOST_PAGE, Statement.HOST_PAGE_OF_CELL)
        rows = self._session.all(statement, parameters, page.fits(parameters, 1))
        if not {row[1] for row in rows} <= cells.keys():
            found = map(self._rows.cell, self._session.all(Statement.CELL_LIST))
            cells.update((cell.uuid, cell) for cell in found if cell.uuid not in cells)
        try:
            return [*self._rows.hosts_in(cells, rows)]
        except KeyError:
            # Its hosts were moved and the cell deleted between the two: all at once, then.
            statement = page.one_of(Statement.HOST_LIST, Statement.HOST_LIST_OF_CELL)
            rows = self._session.all(statement, parameters, page.fits(parameters, 4))
            return [*self._rows.hosts(rows)]

    # --- writing one --------------------------------------------------------------------------

    def create(self, host: str, cell_uuid: str) -> HostMapping:
        """Map a host to a cell.

        :raises InvalidValue: a value cannot be used, or the cell is cell0.
        :raises HostMappingExists: the host is mapped already, be it to the same cell.
        :raises CellMappingNotFound: there is no such cell.

        >>> cell = hostmap.cells.get_by_name("cell1")
        >>> hostmap.hosts.create("compute-9", cell.uuid).cell.name
        'cell1'
        """
        host = valid_host(host)
        cell_uuid = valid_cell_of_host(cell_uuid)

        def work(transaction: Transaction) -> HostMapping:
            actual = self._cells_of(transaction, [host]).get(host)
            if actual is not None:
                raise HostMappingExists(host, actual)
            cell = self._cell(transaction, cell_uuid)
            parameters = self._written(transaction, cell_uuid, "created_at") | {"host": host}
            transaction.execute(Statement.HOST_INSERT, parameters)
            transaction.record.host(host, None, cell_uuid)
            return HostMapping(host, cell, transaction.revision, transaction.now, None)

        return self._session.write(work)

    def move(
        self,
        host: str,
        cell_uuid: str,
        expected_cell: str | None = None,
        expected_revision: int | None = None,
    ) -> HostMapping:
        """Map a host to another cell. If it is in that cell already, nothing is written.

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
        host = valid_host(host)
        cell_uuid = valid_cell_of_host(cell_uuid)

        def work(transaction: Transaction) -> HostMapping:
            current = self._get_expected(transaction, host, expected_cell, expected_revision)
            if current.cell_uuid == cell_uuid:
                return current
            cell = self._cell(transaction, cell_uuid)
            self._move(transaction, [host], current.cell_uuid, cell_uuid)
            return HostMapping(
                host, cell, transaction.revision, current.created_at, transaction.now
            )

        return self._session.write(work)

    def delete(
        self, host: str, expected_cell: str | None = None, expected_revision: int | None = None
    ) -> HostChange:
        """Remove the mapping of a host; return the change as the history has it.

        :raises HostMappingNotFound: the host is not mapped.
        :raises StaleMapping: the host is not in the expected cell or not at the expected revision.

        >>> hostmap.hosts.delete("compute-3").new_cell_uuid is None
        True
        """
        host = valid_host(host)

        def work(transaction: Transaction) -> HostChange:
            current = self._get_expected(transaction, host, expected_cell, expected_revision)
            self._delete(transaction, {host: current.cell_uuid})
            return HostChange(
                transaction.revision,
                host,
                current.cell_uuid,
                None,
                transaction.author,
                transaction.reason,
                transaction.now,
            )

        return self._session.write(work)

    # --- writing many -------------------------------------------------------------------------

    def create_many(
        self, pairs: Iterable[tuple[str, str]], on_conflict: OnConflict = "report"
    ) -> BulkResult:
        """Map many hosts, given as pairs of a host and the UUID of its cell.

        All pairs and cells are checked before the first is written; then they are written in
        transactions of some thousand hosts, one changeset each. Hosts that are in their cell
        already are left alone, so the same call again changes nothing: after an error in between,
        repeat it.

        :param on_conflict: what to do with a host that is in another cell: "report" it and leave it
            there, "move" it, or "fail" before anything is written.
        :raises InvalidValue: a pair cannot be used.
        :raises CellMappingNotFound: a cell does not exist.
        :raises HostMappingExists: with "fail", a host is in another cell.

        >>> cell = hostmap.cells.get_by_name("cell1")
        >>> result = hostmap.hosts.create_many([("compute-7", cell.uuid), ("compute-8", cell.uuid)])
        >>> result.created, result.unchanged, result.conflicts
        (2, 0, ())
        """
        on_conflict = valid_on_conflict(on_conflict)
        # In the order of the indexes, which are then written from one end to the other. The sort is
        # stable: of two pairs of one host the first stays the first.
        checked = sorted(valid_pairs(pairs), key=itemgetter(0))
        self._refuse_unknown_cells(self._session, {cell for _, cell in checked})
        if on_conflict == "fail":
            cells: dict[str, str] = {}
            for names in in_parts([host for host, _ in checked], BULK_SIZE):
                cells |= self._cells_of(self._session, names)
            Plan(checked, cells, on_conflict)  # as a whole: a host may be in two parts
        total = BulkResult()
        for part in in_parts(checked, BULK_SIZE):
            total += self._session.write(partial(self._create, part, on_conflict))
        return total

    def _create(
        self, pairs: Sequence[Pair], on_conflict: OnConflict, transaction: Transaction
    ) -> BulkResult:
        plan = Plan(pairs, self._cells_of(transaction, [host for host, _ in pairs]), on_conflict)
        steps = plan.steps()
        self._refuse_unknown_cells(transaction, {new for _, new in steps})
        for (old, new), hosts in steps.items():
            if old is None:
                alike = self._written(transaction, new, "created_at")
                transaction.insert_hosts(Statement.HOST_INSERT_MANY, hosts, alike)
                transaction.record.created(hosts, new)
            else:
                self._move(transaction, hosts, old, new)
        return plan.result(transaction.revision if steps else None)

    def move_all(
        self, from_uuid: str, to_uuid: str, *, progress: Callable[[int], object] | None = None
    ) -> int:
        """Move all hosts of a cell to another, in transactions of some thousand; return how many.

        It goes once through their names, in order: what comes into the cell meanwhile may stay
        there. After an error in between, repeat it: those that were moved are in their new cell.

        :param progress: called after each transaction with the number of hosts that it moved.
        :raises InvalidValue: a value cannot be used, or the cell to move to is cell0.
        :raises CellMappingNotFound: one of the cells does not exist.

        >>> cell1, cell2 = hostmap.cells.list()
        >>> hostmap.hosts.move_all(cell1.uuid, cell2.uuid)
        2
        """
        from_uuid = valid_uuid(from_uuid, "from_uuid")
        to_uuid = valid_cell_of_host(to_uuid, "to_uuid")

        def work(after: str, transaction: Transaction) -> Sequence[str]:
            self._cell(transaction, from_uuid)
            self._cell(transaction, to_uuid)
            if from_uuid == to_uuid:
                return ()
            page = {"cell_uuid": from_uuid, "after": after, "limit": BULK_SIZE}
            rows = transaction.all(Statement.HOST_NAMES_PAGE, page, lambda row: row[0] > after)
            hosts = [row[0] for row in rows]
            self._move(transaction, hosts, from_uuid, to_uuid)
            return hosts

        total, last = 0, ""  # comes before every name
        while True:
            # Not always the first ones: of two who move the other way each, none would end.
            moved = self._session.write(partial(work, last))
            total += len(moved)
            if progress is not None:
                progress(len(moved))
            if len(moved) < BULK_SIZE:
                return total
            last = moved[-1]

    def delete_many(self, hosts: Iterable[str]) -> int:
        """Remove the mappings of many hosts, in transactions of some thousand; return how many.

        Hosts that are not mapped are passed over.

        >>> hostmap.hosts.delete_many(["compute-1", "compute-2", "no-such-host"])
        2
        """

        def work(names: Sequence[str], transaction: Transaction) -> int:
            cells = self._cells_of(transaction, names)
            self._delete(transaction, cells)
            return len(cells)

        parts = in_parts(valid_hosts(hosts), BULK_SIZE)
        return sum(self._session.write(partial(work, part)) for part in parts)

    # --- inside -------------------------------------------------------------------------------

    def _get(self, session: Session, host: str) -> HostMapping:
        row = session.one(Statement.HOST_GET, {"host": host}, lambda row: row[0] == host)
        if row is None:
            raise HostMappingNotFound(host)
        return self._rows.host(row)

    def _get_expected(
        self, session: Session, host: str, cell: str | None, revision: int | None
    ) -> HostMapping:
        if cell is not None:
            cell = valid_uuid(cell, "expected_cell")
        if revision is not None:
            valid_number(revision, "expected_revision")
        current = self._get(session, host)
        if cell not in (None, current.cell_uuid) or revision not in (None, current.revision):
            raise StaleMapping(current, cell, revision)
        return current

    def _cell(self, session: Session, uuid: str) -> CellMapping:
        row = session.one(Statement.CELL_GET, {"uuid": uuid}, lambda row: row[0] == uuid)
        if row is None:
            raise CellMappingNotFound(uuid)
        return self._rows.cell(row)

    def _cells_of(self, session: Session, hosts: Sequence[str]) -> dict[str, str]:
        """The UUID of the cell of each of these hosts that is mapped."""
        if not hosts:
            return {}
        parameters = {"hosts": session.dialect.encode_hosts(hosts)}
        rows = session.all(Statement.HOST_CELLS, parameters, one_of(hosts))
        return {row[0]: row[1] for row in rows}

    def _refuse_unknown_cells(self, session: Session, uuids: set[str]) -> None:
        unknown = uuids - {row[0] for row in session.all(Statement.CELL_LIST)}
        if unknown:
            raise CellMappingNotFound(min(unknown))

    def _written(self, transaction: Transaction, cell_uuid: str, time: str) -> dict[str, object]:
        """What all rows have in common that a transaction puts into a cell."""
        now = transaction.dialect.encode_time(transaction.now)
        return {"cell_uuid": cell_uuid, "revision": transaction.revision, time: now}

    def _move(self, transaction: Transaction, hosts: Sequence[str], old: str, new: str) -> None:
        if not hosts:
            return
        names = transaction.dialect.encode_hosts(hosts)
        parameters = self._written(transaction, new, "now") | {"hosts": names}
        transaction.execute(Statement.HOST_MOVE_MANY, parameters)
        for host in hosts:
            transaction.record.host(host, old, new)

    def _delete(self, transaction: Transaction, cells: dict[str, str]) -> None:
        if not cells:
            return
        names = transaction.dialect.encode_hosts([*cells])
        transaction.execute(Statement.HOST_DELETE_MANY, {"hosts": names})
        for host, cell in cells.items():
            transaction.record.host(host, cell, None)
