"""Pages of a list of hosts: which hosts, from where on, how many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hostmap_sql.models import valid_host, valid_number, valid_uuid
from hostmap_sql.prefixes import below_all, past_all, valid_prefix

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hostmap_sql.rows import Fits
    from hostmap_sql.statements import Statement

NO_LIMIT = (1 << 63) - 1
"""More than there can be."""


class Page:
    """Which hosts a list is of."""

    def __init__(self, cell_uuid: str | None, prefix: str | None) -> None:
        prefix = valid_prefix(prefix)
        self._cell = None if cell_uuid is None else valid_uuid(cell_uuid, "cell_uuid")
        self._first = below_all(prefix)
        self._until = past_all(prefix)

    def one_of(self, of_all: Statement, of_cell: Statement) -> Statement:
        """The statement for them: one is for hosts of all cells, one for those of a cell."""
        return of_all if self._cell is None else of_cell

    def parameters(self, after: str | None, limit: int) -> dict[str, object]:
        """What the statement binds."""
        of_cell = {} if self._cell is None else {"cell_uuid": self._cell}
        return {
            **of_cell,
            "after": self._first if after is None else max(self._first, valid_host(after)),
            "until": self._until,
            "limit": valid_number(limit, "limit"),
        }

    def fits(self, parameters: Mapping[str, Any], cell_column: int) -> Fits:
        """Tells whether a row is of the page with these parameters."""
        after, until, cell = parameters["after"], parameters["until"], self._cell
        if cell is None:
            return lambda row: after < row[0] < until
        return lambda row: after < row[0] < until and row[cell_column] == cell
