"""How results are shown: the one place that knows table, json, csv and value."""

from __future__ import annotations

import json
import sys
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, TypeVar

from hostmap_sql.cli import tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from hostmap_sql.cli.context import Settings

    Row = Mapping[str, Any]

T = TypeVar("T")

# What stands for "none" where an empty place would shift the columns.
_NONE = "-"


def show_rows(
    settings: Settings, columns: Sequence[str], rows: Iterable[Row], brief: Sequence[str] = ()
) -> None:
    """Show many rows, one after the other as they come; only a table has to wait for all.

    :param brief: the columns that a table shows, where all would be too wide.
    """
    if settings.format == "table":
        shown = settings.column or brief or columns
        tables.print_table(shown, [_texts(row, shown, _NONE) for row in rows])
        return
    shown = settings.column or columns
    rows = begun(rows)
    if settings.format == "json":
        _print_json_rows(shown, rows)
    elif settings.format == "csv":
        _print_csv(shown, rows)
    else:
        for row in rows:
            sys.stdout.write(" ".join(_texts(row, shown, _NONE)) + "\n")


def show_row(settings: Settings, columns: Sequence[str], row: Row) -> None:
    """Show one row: in json as one object, in a table a line for each column."""
    shown = settings.column or columns
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
    if settings.format == "table" and not settings.column:
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


def _texts(row: Row, columns: Sequence[str], none: str) -> list[str]:
    return [_text(row[name], none) for name in columns]


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


def _print_json_rows(columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Print one array, an object a line: programs read it whole, people and grep by the line."""
    lines = (json.dumps({name: row[name] for name in columns}, ensure_ascii=False) for row in rows)
    start = "["
    for line in lines:
        sys.stdout.write(f"{start}\n  {line}")
        start = ","
    sys.stdout.write("[]\n" if start == "[" else "\n]\n")


def _print_csv(columns: Sequence[str], rows: Iterable[Row]) -> None:
    import csv  # noqa: PLC0415 - only for those who ask

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(_texts(row, columns, "") for row in rows)
