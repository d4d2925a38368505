"""How results are shown: the one place that knows table, json, csv and value."""

from __future__ import annotations

import json
import sys
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from hostmap_sql.cli import tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from hostmap_sql.cli.context import Settings

    Row = Mapping[str, Any]

T = TypeVar("T")

# What stands for "none" where an empty place would shift the columns.
_NONE = "-"


class RowWriter(Protocol):
    """Rows that are shown some at a time."""

    def write(self, rows: Iterable[Row]) -> None:
        """Show these, one after the other as they come."""

    def end(self) -> None:
        """Show that these were all."""


def show_rows(
    settings: Settings,
    columns: Sequence[str],
    rows: Iterable[Row],
    brief: Sequence[str] = (),
    *,
    json_lines: bool = False,
) -> None:
    """Show many rows, one after the other as they come, however many there are.

    :param brief: the columns that a table shows, where all would be too wide.
    :param json_lines: show json as an object a line, not as an array of them.
    """
    writer = row_writer(settings, columns, brief, json_lines=json_lines)
    writer.write(begun(rows))
    writer.end()


def row_writer(
    settings: Settings,
    columns: Sequence[str],
    brief: Sequence[str] = (),
    *,
    json_lines: bool = False,
) -> RowWriter:
    """What shows rows that do not come all at once; see `show_rows`."""
    if settings.format == "table":
        return _Table(settings.columns or brief or columns)
    shown = settings.columns or columns
    if settings.format == "json":
        return _JsonLines(shown) if json_lines else _JsonArray(shown)
    return _Csv(shown) if settings.format == "csv" else _Values(shown)


def show_row(settings: Settings, columns: Sequence[str], row: Row) -> None:
    """Show one row: in json as one object, in a table a line for each column."""
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
    """Show what one argument asked for as one row, what several did as many."""
    if asked == 1 and settings.format != "table":
        for row in rows:
            show_row(settings, columns, row)
    elif rows or asked != 1:
        show_rows(settings, columns, rows)


def show_summary(settings: Settings, row: Row, sentence: str) -> None:
    """Show what a command has done: to people as a sentence, to programs as a row."""
    if settings.format == "table" and not settings.columns:
        sys.stdout.write(f"{sentence}\n")
    else:
        show_row(settings, tuple(row), row)


def begun(rows: Iterable[T]) -> Iterator[T]:
    """The same, the first of them read already: should that fail, nothing is printed yet."""
    rest = iter(rows)
    first = [*islice(rest, 1)]
    return chain(first, rest)


def plural(number: int, noun: str) -> str:
    """As many of something: "1 host", "3,600 hosts"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


class _Table:
    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns
        self._table = tables.Table(columns)

    def write(self, rows: Iterable[Row]) -> None:
        self._table.write(_texts(row, self._columns, _NONE) for row in rows)

    def end(self) -> None:
        self._table.end()


class _JsonArray:
    """One array, an object a line: programs read it whole, people and grep by the line."""

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
    def __init__(self, columns: Sequence[str]) -> None:
        import csv  # noqa: PLC0415 - only for those who ask

        self._columns = columns
        self._writer = csv.writer(sys.stdout, lineterminator="\n")
        # Unquoted a line that begins so would be read as a comment.
        self._quoting = csv.writer(sys.stdout, lineterminator="\n", quoting=csv.QUOTE_ALL)
        self._has_header = False

    def write(self, rows: Iterable[Row]) -> None:
        if not self._has_header:
            self._writer.writerow(self._columns)
            self._has_header = True
        for row in rows:
            texts = _texts(row, self._columns, "")
            writer = self._quoting if texts[0].startswith("#") else self._writer
            writer.writerow(texts)

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
    # Most values are text already: of a hundred thousand rows that is a second.
    return [
        value if type(value := row[name]) is str and value else _text(value, none)
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
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def _json_line(row: Row, columns: Sequence[str]) -> str:
    return json.dumps({name: row[name] for name in columns}, ensure_ascii=False)
