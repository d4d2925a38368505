"""Selecting and paging hosts: by cell, by prefix, after a host.

The names that begin with a prefix lie between two bounds, both excluded. Unlike LIKE, such a range
uses an index on every database and needs no escaping. All databases order names by code point, as
Python does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hostmap_sql.errors import InvalidValue
from hostmap_sql.quoting import mask_name
from hostmap_sql.validation import MAX_NAME_LENGTH, valid_host, valid_number, valid_uuid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hostmap_sql.runtime.dbapi import Fits
    from hostmap_sql.sql.statement import Statement

# Unprintable, so it sorts after every valid name.
_LAST = "\U0010ffff"


class HostFilter:
    """A selection of hosts by cell and prefix, each of them optional."""

    def __init__(self, cell_uuid: str | None, prefix: str | None) -> None:
        prefix = valid_prefix(prefix)
        self._cell = None if cell_uuid is None else valid_uuid(cell_uuid, "cell_uuid")
        self._lower = prefix_lower_bound(prefix)
        self._upper = prefix_upper_bound(prefix)

    def statement(self, of_all: Statement, of_cell: Statement) -> Statement:
        """Return the statement to run: the first without a cell, the second with one."""
        return of_all if self._cell is None else of_cell

    def parameters(self, after: str | None, limit: int) -> dict[str, object]:
        """Return the parameters of a page: at most `limit` hosts after a host."""
        of_cell = {} if self._cell is None else {"cell_uuid": self._cell}
        return {
            **of_cell,
            "after": self._lower if after is None else max(self._lower, valid_host(after)),
            "until": self._upper,
            "limit": valid_number(limit, "limit"),
        }

    def fits(self, parameters: Mapping[str, Any], cell_column: int) -> Fits:
        """Return a check that a row belongs to the page with these parameters."""
        after, until, cell = parameters["after"], parameters["until"], self._cell
        if cell is None:
            return lambda row: after < row[0] < until
        return lambda row: after < row[0] < until and row[cell_column] == cell


def valid_prefix(prefix: str | None) -> str:
    """Check a prefix of host names; None is the empty one. Unlike a name it may end in a space.

    :raises InvalidValue: no host name can begin with it.
    """
    if prefix is None:
        return ""
    if not isinstance(prefix, str):
        raise InvalidValue("prefix", f"must be text, not {type(prefix).__name__}")
    if not prefix.isprintable() or prefix.startswith(" ") or len(prefix) > MAX_NAME_LENGTH:
        raise InvalidValue(
            "prefix", f"{mask_name(prefix)[:20]!r} is not the beginning of any host name"
        )
    return prefix


def prefix_lower_bound(prefix: str) -> str:
    """Return a text that sorts right before the names that begin with the prefix."""
    if not prefix or prefix.endswith(" "):
        # No name ends in a space. MySQL ignores trailing spaces, so it would take "rack" for
        # "rack " if the bound were built as below.
        return prefix
    # Never a surrogate, which no database accepts: the character after those is unprintable.
    return prefix[:-1] + chr(ord(prefix[-1]) - 1) + _LAST


def prefix_upper_bound(prefix: str) -> str:
    """Return a text that sorts right after the names that begin with the prefix."""
    return prefix + _LAST
