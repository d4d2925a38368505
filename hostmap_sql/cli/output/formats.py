"""The formats of results: table, json, csv and value."""

from __future__ import annotations

import sys
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from hostmap_sql.cli.framework.terminal import json_text, printable
from hostmap_sql.cli.output import tables
from hostmap_sql.cli.output.csv_writer import CsvWriter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from hostmap_sql.cli.framework.settings import Settings

    Row = Mapping[str, Any]

T = TypeVar("T")

# Stands for None where an empty field would shift the columns.
_NONE = "-"


class RowWriter(Protocol):
    """Shows rows as they come."""

    def write(self, rows: Iterable[Row]) -> None:
        """Show more rows, each at once."""

    def end(self) -> None:
        """Show the end of the rows, such as the bottom line of a table."""


def show_rows(
    settings: Settings,
    columns: Sequence[str],
    rows: Iterable[Row],
    brief: Sequence[str] = (),
    *,
    json_lines: bool = False,
) -> None:
    """Show any number of rows as they come.

    :param brief: the columns that a table shows, where all would be too wide.
    :param json_lines: whether json is an object on each line instead of an array.
    """
    writer = row_writer(settings, columns, brief, json_lines=json_lines)
    writer.write(prefetch_first(rows))
    writer.end()


def row_writer(
    settings: Settings,
    columns: Sequence[str],
    brief: Sequence[str] = (),
    *,
    json_lines: bool = False,
) -> RowWriter:
    """Return a writer for rows that do not come all at once; see `show_rows`."""
    if settings.format == "table":
        return _Table(settings.columns or brief or columns)
    shown = settings.columns or columns
    if settings.format == "json":
        return _JsonLines(shown) if json_lines else _JsonArray(shown)
    if settings.format == "csv":
        return _Csv(shown, is_safe=settings.csv_safe)
    return _Values(shown)


def show_row(settings: Settings, columns: Sequence[str], row: Row) -> None:
    """Show one row: json as one object, a table with a line for each column."""
    shown = settings.columns or columns
    if settings.format == "json":
        _print_json({name: row[name] for name in shown})
    elif settings.format == "table":
        lines = [(name, *_texts(row, [name], _NONE)) for name in shown]
        tables.print_table(("field", "value"), lines)
    else:
        show_rows(settings, columns, [row])


def show_one_or_many(
    settings: Settings, columns: Sequence[str], rows: Sequence[Row], *, asked: int
) -> None:
    """Show the results for some arguments; json is an object for one argument, else an array.

    :param asked: the number of arguments.
    """
    if asked == 1 and settings.format != "table":
        for row in rows:
            show_row(settings, columns, row)
    elif rows or asked != 1:
        show_rows(settings, columns, rows)


def show_summary(settings: Settings, row: Row, sentence: str) -> None:
    """Show the result of a command: a sentence in place of a table, a row in other formats."""
    if settings.format == "table" and not settings.columns:
        sys.stdout.write(f"{printable(sentence)}\n")
    else:
        show_row(settings, tuple(row), row)


def prefetch_first(rows: Iterable[T]) -> Iterator[T]:
    """Read the first row, then return all of them: if that fails, nothing is printed yet."""
    rest = iter(rows)
    first = [*islice(rest, 1)]
    return chain(first, rest)


class _Table:
    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns
        self._table = tables.Table(columns)

    def write(self, rows: Iterable[Row]) -> None:
        self._table.write(_texts(row, self._columns, _NONE) for row in rows)

    def end(self) -> None:
        self._table.end()


class _JsonArray:
    """One array with an object on each line, for programs as well as for people and grep."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns
        self._before = "["

    def write(self, rows: Iterable[Row]) -> None:
        for row in rows:
            sys.stdout.write(f"{self._before}\n  {_json_line(row, self._columns)}")
            self._before = ","

    def end(self) -> None:
        sys.stdout.write("[]\n" if self._before == "[" else "\n]\n")


class _JsonLines:
    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns

    def write(self, rows: Iterable[Row]) -> None:
        for row in rows:
            sys.stdout.write(_json_line(row, self._columns) + "\n")

    def end(self) -> None:
        pass


class _Csv:
    def __init__(self, columns: Sequence[str], *, is_safe: bool) -> None:
        self._columns = columns
        self._is_safe = is_safe
        self._writer: CsvWriter | None = None

    def write(self, rows: Iterable[Row]) -> None:
        writer = self._writer = self._writer or CsvWriter(
            sys.stdout, self._columns, is_safe=self._is_safe
        )
        for row in rows:
            writer.write(_texts(row, self._columns, ""))

    def end(self) -> None:
        pass


class _Values:
    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns

    def write(self, rows: Iterable[Row]) -> None:
        for row in rows:
            sys.stdout.write(" ".join(_texts(row, self._columns, _NONE)) + "\n")

    def end(self) -> None:
        pass


def _texts(row: Row, columns: Sequence[str], none: str) -> list[str]:
    """Return the values as printable text: other programs may have written them."""
    # Most values are text already: this saves a second in 100,000 rows.
    return [
        value
        if type(value := row[name]) is str and value and value.isprintable()
        else printable(_text(value, none))
        for name in columns
    ]


def _text(value: Any, none: str) -> str:
    if value is None or value == "":
        return none
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return str(len(value))
    return str(value)


def _print_json(value: Any) -> None:
    sys.stdout.write(json_text(value, indent=2) + "\n")


def _json_line(row: Row, columns: Sequence[str]) -> str:
    return json_text({name: row[name] for name in columns})
