"""From the rows of the statements to the values of `models`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostmap_sql.models import CellChange, CellMapping, ChangeSet, HostChange, HostMapping
from hostmap_sql.urls import SecretUrl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from hostmap_sql.dialects.base import Dialect, Row

    Fits = Callable[[Row], bool]
    """Tells whether a row can be of the answer to what was asked."""


def one_of(hosts: Iterable[str]) -> Fits:
    """Fits the rows of these hosts, their names being the first column."""
    asked = set(hosts)
    return lambda row: row[0] in asked


class RowReader:
    """Reads the rows of one database. The order of columns is that of `statements`."""

    def __init__(self, dialect: Dialect) -> None:
        self._time = dialect.decode_time
        self._cells: dict[str, tuple[Row, CellMapping]] = {}

    def _time_or_none(self, value: Any) -> datetime | None:
        return None if value is None else self._time(value)

    def cell(self, row: Row) -> CellMapping:
        """A row of CELL_GET and its like."""
        # There are few cells, and they seldom change: while the row is the same to the last column,
        # so is the value. That is half of the time that a lookup takes beyond the driver's.
        known = self._cells.get(row[0])
        if known is not None and known[0] == row:
            return known[1]
        cell = self._new_cell(row)
        self._cells[cell.uuid] = (row, cell)
        return cell

    def _new_cell(self, row: Row) -> CellMapping:
        uuid, name, transport_url, database_connection, disabled, revision, created, updated = row
        return CellMapping(
            uuid,
            name,
            None if transport_url is None else SecretUrl(transport_url),
            None if database_connection is None else SecretUrl(database_connection),
            bool(disabled),
            revision,
            self._time(created),
            self._time_or_none(updated),
        )

    def host(self, row: Row) -> HostMapping:
        """A row of HOST_GET."""
        updated = self._time_or_none(row[3])
        return HostMapping(row[0], self.cell(row[4:]), row[1], self._time(row[2]), updated)

    def hosts(self, rows: Iterable[Row]) -> Iterator[HostMapping]:
        """Rows of HOST_GET_MANY and its like. Hosts of one cell share one `CellMapping`."""
        cells: dict[str, CellMapping] = {}
        last = created = None
        for row in rows:
            cell = cells.get(row[4])
            if cell is None:
                cell = cells[row[4]] = self.cell(row[4:])
            if created is None or row[2] != last:  # most came together with the one before
                last = row[2]
                created = self._time(last)
            yield HostMapping(row[0], cell, row[1], created, self._time_or_none(row[3]))

    def hosts_in(
        self, cells: Mapping[str, CellMapping], rows: Iterable[Row]
    ) -> Iterator[HostMapping]:
        """Rows of HOST_PAGE, whose cells are known.

        :raises KeyError: one is not.
        """
        last = created_at = None
        for host, cell_uuid, revision, created, updated in rows:
            if created_at is None or created != last:
                last = created
                created_at = self._time(last)
            updated_at = self._time_or_none(updated)
            yield HostMapping(host, cells[cell_uuid], revision, created_at, updated_at)

    def host_change(self, row: Row) -> HostChange:
        """A row of HOST_CHANGE_LIST or HOST_CHANGE_OF_HOST."""
        revision, host, old_cell, new_cell, author, reason, created = row
        time = self._time(created)
        return HostChange(revision, host, old_cell, new_cell, author, reason, time)

    def changeset(
        self, row: Row, hosts: Sequence[HostChange], cells: Sequence[CellChange]
    ) -> ChangeSet:
        """A row of CHANGESET_LIST, with what it changed."""
        revision, change_id, author, reason, created = row
        time = self._time(created)
        return ChangeSet(revision, change_id, author, reason, time, tuple(hosts), tuple(cells))
