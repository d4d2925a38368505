"""The header of a CSV file, a table or aligned columns: which fields of each row to read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hostmap_sql.cli.framework.wording import plural
from hostmap_sql.cli.input.columns import ColumnProblem
from hostmap_sql.cli.input.records import Unreadable
from hostmap_sql.cli.input.source import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hostmap_sql.cli.input.columns import Columns
    from hostmap_sql.cli.input.source import Source


@dataclass(frozen=True)
class Header:
    """A header: how many columns there are, and the place of each column that is read."""

    width: int
    places: Mapping[str, int]

    def values(self, number: int, fields: Sequence[str]) -> dict[str, str]:
        """Return the values of a row, by role.

        :raises Unreadable: the row has more or fewer fields than the header.
        """
        if len(fields) != self.width:
            problem = f"has {plural(len(fields), 'field')}, the header {self.width}"
            raise Unreadable(number, problem)
        return {role: fields[place] for role, place in self.places.items()}


def read_header(source: Source, number: int, names: Sequence[str]) -> Header:
    """Return the header on a line, with these names of columns.

    :raises Unreadable: the columns cannot be found.
    """
    try:
        return Header(len(names), source.columns.find(names))
    except ColumnProblem as error:
        line = source.lines[number - 1].strip()
        raise Unreadable(number, _problem(error, line, source.columns)) from None


def _problem(error: ColumnProblem, line: str, columns: Columns) -> str:
    if columns.is_secret:
        return f"is not the header {columns.example}: it {error}"
    if error.is_header or columns.chosen:
        return f"{quoted(line)} is not a header that can be used: it {error}"
    alone = "" if columns.takes_names else "; names alone need --cell"
    return (
        f"{quoted(line)} is not a header: the first line has to name the columns, as "
        f"{columns.example}, or --host-column the one of the hosts{alone}"
    )
