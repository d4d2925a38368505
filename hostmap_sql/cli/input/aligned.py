"""Columns with spaces between them below a header, as kubectl, sqlite3 and awk print them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hostmap_sql.cli.input.columns import ColumnProblem
from hostmap_sql.cli.input.delimited import header_problem
from hostmap_sql.cli.input.plain import NO_VALUES
from hostmap_sql.cli.input.text import quoted
from hostmap_sql.cli.output import plural

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hostmap_sql.cli.input.columns import Columns
    from hostmap_sql.cli.input.records import Reading
    from hostmap_sql.cli.input.text import Text

_NAME = re.compile(r"\S+(?: \S+)*")
_GAP = re.compile(r"\S\s{2,}\S")


def header_names(line: str) -> list[str]:
    """The names of columns in a line: with two spaces between them, or words where none has two."""
    return _NAME.findall(line) if has_gap(line) else line.split()


def is_header(line: str, columns: Columns) -> bool:
    """Whether a line names two columns or more, with spaces between them.

    Words with single spaces between them can be a sentence: all of them have to be known.
    """
    names = header_names(line)
    try:
        found = len(columns.find(names))
    except ColumnProblem as problem:
        found = len(names) if problem.is_header else 0
    return found > 1 if found == len(names) else found > 0 and has_gap(line)


def has_gap(line: str) -> bool:
    """Whether two spaces or more stand between words of a line."""
    return bool(_GAP.search(line.strip()))


def read_aligned(text: Text, columns: Columns, reading: Reading, *, is_sure: bool) -> None:
    """Read rows below a header: by the positions of its names, or word by word."""
    del is_sure
    lines = text.significant()
    number, header = next(lines)
    names = header_names(header)
    try:
        places = columns.find(names)
    except ColumnProblem as error:
        reading.bad(number, header_problem(error, header.strip(), columns))
        return
    split = _by_position(header) if has_gap(header) else str.split
    for line_number, line in lines:
        if not line.strip("-= \t"):
            continue  # the line that sqlite3 draws below the header
        values = split(line)
        if values is None:
            reading.bad(line_number, "has text across the columns of the header")
        elif len(values) != len(names):
            reading.bad(line_number, f"has {plural(len(values), 'field')}, the header {len(names)}")
        else:
            row = {role: values[place] for role, place in places.items()}
            needed = row[columns.needed]
            if needed in NO_VALUES or (" " in needed and not columns.is_secret):
                reading.bad(line_number, f"{quoted(needed)} is not a {columns.needed}")
            else:
                reading.add(line_number, row)
    if not reading.records and not reading.bad_lines:
        reading.bad(number, f"{quoted(header.strip())} heads columns without rows")


def _by_position(header: str) -> Callable[[str], Sequence[str] | None]:
    starts = [match.start() for match in _NAME.finditer(header)]
    starts[0] = 0
    ends = [*starts[1:], None]

    def split(line: str) -> Sequence[str] | None:
        if any(line[start - 1 : start].strip() for start in starts[1:]):
            return None
        return [line[start:end].strip() for start, end in zip(starts, ends, strict=True)]

    return split
