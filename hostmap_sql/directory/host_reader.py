"""Reading host_mapping: lookups, lists and pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostmap_sql import sql
from hostmap_sql.batching import LOOKUP_SIZE, batched
from hostmap_sql.directory.bulk_plan import valid_hosts
from hostmap_sql.directory.pagination import HostFilter
from hostmap_sql.directory.row_mapper import RowMapper, one_of
from hostmap_sql.secret_arguments import hide_arguments_of, hide_frames
from hostmap_sql.validation import MAX_BIGINT, valid_host

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hostmap_sql.engine.session import Session
    from hostmap_sql.models import CellMapping, HostMapping

_PAGE_SIZE = 1_000


@hide_arguments_of(except_for=["get"])
class HostReader:
    """The reading half of `Hosts`."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._rows = RowMapper(session.codec, urls=session.urls)

    def get(self, host: str) -> HostMapping:
        """Return the mapping of a host, with its cell: one statement, one round trip.

        :raises HostMappingNotFound: the host is not mapped.

        >>> hostmap.hosts.get("compute-1").cell.name
        'cell1'
        """
        try:  # inline: this is the hot path
            return self._rows.get_host(self._session, valid_host(host))
        except BaseException as error:
            hide_frames(error, host)
            raise

    def get_many(self, hosts: Iterable[str]) -> dict[str, HostMapping]:
        """Return the mappings of many hosts, by host; hosts that are not mapped are left out.

        One statement looks up a thousand hosts.

        >>> found = hostmap.hosts.get_many(["compute-1", "compute-2", "no-such-host"])
        >>> sorted(found)
        ['compute-1', 'compute-2']
        """
        found: dict[str, HostMapping] = {}
        for batch in batched(valid_hosts(hosts), LOOKUP_SIZE):
            parameters = {"hosts": self._session.dialect.encode_hosts(batch)}
            # The rows are in no variable, which a report of an error in the next batch would show.
            mappings = self._rows.hosts(
                self._session.all(sql.HOST_GET_MANY, parameters, one_of(batch))
            )
            found |= {mapping.host: mapping for mapping in mappings}
        return found

    def list(
        self,
        *,
        cell_uuid: str | None = None,
        prefix: str | None = None,
        after: str | None = None,
        limit: int | None = None,
    ) -> list[HostMapping]:
        """Return mappings in the order of their hosts.

        To page, pass the last host of a page as `after`: a host that stays mapped comes exactly
        once, whatever changes between two pages.

        :param cell_uuid: only hosts of this cell. An unknown cell has none.
        :param prefix: only hosts whose names begin with it.
        :param after: only hosts that come after this name.
        :param limit: at most this many.

        >>> page = hostmap.hosts.list(prefix="compute-", limit=2)
        >>> [mapping.host for mapping in page]
        ['compute-1', 'compute-2']
        >>> [mapping.host for mapping in hostmap.hosts.list(after=page[-1].host)]
        ['compute-3']
        """
        hosts = HostFilter(cell_uuid, prefix)
        parameters = hosts.parameters(after, MAX_BIGINT if limit is None else limit)
        return [*self._list(hosts, parameters)]

    def iterate(
        self, *, cell_uuid: str | None = None, prefix: str | None = None
    ) -> Iterator[HostMapping]:
        """Yield every mapping in the order of the hosts, reading a page at a time.

        Each cell is the one read with the first of its hosts.

        :param cell_uuid: only hosts of this cell. An unknown cell has none.
        :param prefix: only hosts whose names begin with it.

        >>> sum(1 for _ in hostmap.hosts.iterate())
        3
        """
        hosts = HostFilter(cell_uuid, prefix)
        cells: dict[str, CellMapping] = {}
        last = None
        while True:
            mappings = self._page(hosts, last, cells)
            yield from mappings
            if len(mappings) < _PAGE_SIZE:
                return
            last = mappings[-1].host

    # --- inside -------------------------------------------------------------------------------

    def _list(self, hosts: HostFilter, parameters: dict[str, object]) -> Iterator[HostMapping]:
        statement = hosts.statement(sql.HOST_LIST, sql.HOST_LIST_OF_CELL)
        return self._rows.hosts(
            self._session.all(statement, parameters, hosts.fits(parameters, cell_column=4))
        )

    def _page(
        self, hosts: HostFilter, after: str | None, cells: dict[str, CellMapping]
    ) -> Sequence[HostMapping]:
        """Return a page of mappings, and add their cells to `cells`."""
        parameters = hosts.parameters(after, _PAGE_SIZE)
        statement = hosts.statement(sql.HOST_PAGE, sql.HOST_PAGE_OF_CELL)
        rows = self._session.all(statement, parameters, hosts.fits(parameters, cell_column=1))
        if not {row[1] for row in rows} <= cells.keys():
            found = map(self._rows.cell, self._session.all(sql.CELL_LIST))
            cells.update((cell.uuid, cell) for cell in found if cell.uuid not in cells)
        try:
            return [*self._rows.hosts_in(cells, rows)]
        except KeyError:
            # A cell was emptied and deleted between the two statements: read both in one.
            return [*self._list(hosts, parameters)]

    def _cells_of(self, session: Session, hosts: Sequence[str]) -> dict[str, str]:
        """Return the UUID of the cell of each host that is mapped."""
        if not hosts:
            return {}
        parameters = {"hosts": session.dialect.encode_hosts(hosts)}
        rows = session.all(sql.HOST_CELLS, parameters, one_of(hosts))
        return {row[0]: row[1] for row in rows}
