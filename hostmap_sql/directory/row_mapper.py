"""Mapping rows of the statements to the values of `models`."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from hostmap_sql import sql
from hostmap_sql.concealing import conceal, raise_alone
from hostmap_sql.directory.cell_without_urls import CellWithoutUrls
from hostmap_sql.errors import CellMappingNotFound, DatabaseError, HostMappingNotFound
from hostmap_sql.models import CellChange, CellMapping, ChangeSet, HostChange, HostMapping
from hostmap_sql.sealing.url_codec import CLEAR, UrlCodec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from hostmap_sql.engine.session import Session
    from hostmap_sql.runtime.dbapi import Fits, Row
    from hostmap_sql.secret_url import SecretUrl


def one_of(hosts: Iterable[str]) -> Fits:
    """Return a check that a row, whose first column is a host, is about one of these hosts."""
    wanted = set(hosts)
    return lambda row: row[0] in wanted


def as_utc(value: Any) -> datetime:
    """Make a stored time aware. All are UTC: text, naive or aware, depending on the database."""
    if isinstance(value, str):
        return datetime.fromisoformat(value + "+00:00")
    if value.tzinfo is None:
        return datetime.combine(value, value.time(), UTC)  # four times as fast as replace()
    return cast("datetime", value.astimezone(UTC))


def as_utc_or_none(value: Any) -> datetime | None:
    """Make a stored time aware, unless it is NULL."""
    return None if value is None else as_utc(value)


_SETTERS = [getattr(HostMapping, field.name).__set__ for field in fields(HostMapping)]


def _host_mapping(
    host: str,
    cell: CellMapping,
    revision: int,
    created_at: datetime,
    updated_at: datetime | None,
) -> HostMapping:
    # Half the time of the constructor: bulk lookups make thousands.
    set_host, set_cell, set_revision, set_created_at, set_updated_at = _SETTERS
    mapping = object.__new__(HostMapping)
    set_host(mapping, host)
    set_cell(mapping, cell)
    set_revision(mapping, revision)
    set_created_at(mapping, created_at)
    set_updated_at(mapping, updated_at)
    return mapping


# For example MySQL's '0000-00-00'.
_UNREADABLE = (AttributeError, TypeError, ValueError)
_BAD_TIME = "a row has a created_at or updated_at that is not a time: correct it with SQL"


def _concealed(row: Row) -> Row:
    """Return an equal row of cell_mapping with concealed URLs."""
    return (*row[:2], *map(conceal, row[2:4]), *row[4:])


class RowMapper:
    """Maps rows, with their columns in the order of the statements in `sql`.

    :param codec: makes the URLs of cells.
    :param urls: whether the rows have the URLs of cells, or NULL in their place.
    """

    def __init__(self, codec: UrlCodec = CLEAR, *, urls: bool = True) -> None:
        self._codec = codec
        self._urls = urls
        self._cells: dict[str, tuple[Row, CellMapping]] = {}

    def cell(self, row: Row) -> CellMapping:
        """Map a row of CELL_GET, CELL_GET_BY_NAME or CELL_LIST."""
        # Cells are few and seldom change, so an equal row gets the same value again. That saves
        # half of the time that a lookup takes beyond the driver's.
        known = self._cells.get(row[0])
        if known is not None and known[0] == row:
            return known[1]
        try:
            cell = self._new_cell(row)
            self._cells[cell.uuid] = (_concealed(row), cell)
        except _UNREADABLE:
            raise_alone(DatabaseError(_BAD_TIME))
        finally:
            del row, known  # as in the other methods: a report would show their URLs
        return cell

    def _new_cell(self, row: Row) -> CellMapping:
        uuid, name, transport_url, database_connection, disabled, revision, created, updated = row
        if not self._urls:
            changed = as_utc_or_none(updated)
            return CellWithoutUrls(uuid, name, bool(disabled), revision, as_utc(created), changed)
        return CellMapping(
            uuid,
            name,
            self._url(transport_url, uuid, "transport_url"),
            self._url(database_connection, uuid, "database_connection"),
            bool(disabled),
            revision,
            as_utc(created),
            as_utc_or_none(updated),
        )

    def _url(self, stored: str | None, uuid: str, field: str) -> SecretUrl | None:
        return None if stored is None else self._codec.decode(stored, uuid, field)

    def get_cell(self, session: Session, uuid: str) -> CellMapping:
        """Read the cell with a canonical UUID.

        :raises CellMappingNotFound: there is no such cell.
        """
        rows = session.all(sql.CELL_GET, {"uuid": uuid}, lambda row: row[0] == uuid)
        if not rows:
            raise CellMappingNotFound(uuid)
        try:
            return self.cell(rows[0])
        finally:
            del rows

    def get_host(self, session: Session, host: str) -> HostMapping:
        """Read the mapping of a host.

        :raises HostMappingNotFound: the host is not mapped.
        """
        rows = session.all(sql.HOST_GET, {"host": host}, lambda row: row[0] == host)
        if not rows:
            raise HostMappingNotFound(host)
        try:
            return self.host(rows[0])
        finally:
            del rows

    def host(self, row: Row) -> HostMapping:
        """Map a row of HOST_GET."""
        try:
            updated = as_utc_or_none(row[3])
            return _host_mapping(row[0], self.cell(row[4:]), row[1], as_utc(row[2]), updated)
        except _UNREADABLE:
            raise_alone(DatabaseError(_BAD_TIME))
        finally:
            del row

    def hosts(self, rows: Iterable[Row]) -> Iterator[HostMapping]:
        """Map rows of HOST_GET_MANY or HOST_LIST. Hosts of one cell share one `CellMapping`."""
        cells: dict[str, CellMapping] = {}
        last = created = None
        try:
            for row in rows:
                cell = cells.get(row[4])
                if cell is None:
                    cell = cells[row[4]] = self.cell(row[4:])
                if created is None or row[2] != last:  # bulk calls create many at the same time
                    last = row[2]
                    created = as_utc(last)
                yield _host_mapping(row[0], cell, row[1], created, as_utc_or_none(row[3]))
        except (DatabaseError, *_UNREADABLE):
            rows = row = ()
            raise_alone(DatabaseError(_BAD_TIME))

    def hosts_in(
        self, cells: Mapping[str, CellMapping], rows: Iterable[Row]
    ) -> Iterator[HostMapping]:
        """Map rows of HOST_PAGE, which have no columns of the cell.

        :param cells: the cells by UUID.
        :raises KeyError: a cell is not among them.
        """
        last = created_at = None
        for host, cell_uuid, revision, created, updated in rows:
            if created_at is None or created != last:
                last = created
                created_at = as_utc(last)
            updated_at = as_utc_or_none(updated)
            yield _host_mapping(host, cells[cell_uuid], revision, created_at, updated_at)

    def host_change(self, row: Row) -> HostChange:
        """Map a row of HOST_CHANGE_LIST or HOST_CHANGE_OF_HOST."""
        revision, host, old_cell, new_cell, author, reason, created = row
        time = as_utc(created)
        return HostChange(revision, host, old_cell, new_cell, author, reason, time)

    def changeset(
        self, row: Row, hosts: Sequence[HostChange], cells: Sequence[CellChange]
    ) -> ChangeSet:
        """Map a row of CHANGESET_LIST, with the changes of hosts and cells in it."""
        revision, change_id, author, reason, created = row
        time = as_utc(created)
        return ChangeSet(revision, change_id, author, reason, time, tuple(hosts), tuple(cells))
