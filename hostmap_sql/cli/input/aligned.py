"""Columns aligned by spaces below a header, as kubectl, sqlite3 and awk print them."""

from __future__ import annotations

import re
from itertools import pairwise, takewhile
from typing import TYPE_CHECKING

from hostmap_sql.cli.input.columns import ColumnProblem
from hostmap_sql.cli.input.header import read_header
from hostmap_sql.cli.input.host_names import NO_VALUES
from hostmap_sql.cli.input.records import Unreadable
from hostmap_sql.cli.input.source import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hostmap_sql.cli.input.columns import Columns
    from hostmap_sql.cli.input.records import Reading
    from hostmap_sql.cli.input.source import Source

_NAME = re.compile(r"\S+(?: \S+)*")
_GAP = re.compile(r"\S\s{2,}\S")


def is_header(line: str, columns: Columns) -> bool:
    """Return whether a line names two columns or more, with spaces between them.

    Words with single spaces between them may be a sentence: there all names have to be known.
    """
    names = _names(line)
    try:
        found = len(columns.find(names))
    except ColumnProblem as problem:
        found = len(names) if problem.is_header else 0
    return found > 1 if found == len(names) else found > 0 and has_gap(line)


def has_gap(line: str) -> bool:
    """Return whether a line has two or more spaces between words."""
    return bool(_GAP.search(line.strip()))


def read_aligned(source: Source, reading: Reading) -> None:
    """Read rows below a header: by the positions of its names, or word by word."""
    lines = source.significant_lines()
    header_number, header_line = next(lines)
    header = read_header(source, header_number, _names(header_line))
    starts = (
        [match.start() for match in _NAME.finditer(header_line)] if has_gap(header_line) else []
    )
    key, is_secret = source.columns.key, source.columns.is_secret
    for number, line in lines:
        if not line.strip("-= \t"):
            continue  # the line that sqlite3 draws below the header
        try:
            values = header.values(number, _fields(number, line, starts))
        except Unreadable as error:
            reading.bad(number, error.problem)
            continue
        value = values[key]
        if value in NO_VALUES or (" " in value and not is_secret):
            reading.bad(number, f"{quoted(value)} is not a {key}")
        else:
            reading.add(number, values)
    if not reading.records and not reading.bad_lines:
        reading.bad(header_number, f"{quoted(header_line.strip())} is a header without rows")


def _names(line: str) -> list[str]:
    """Return the names of columns: separated by two spaces, or single words if none are."""
    return _NAME.findall(line) if has_gap(line) else line.split()


def _fields(number: int, line: str, starts: Sequence[int]) -> Sequence[str]:
    """Cut a line where columns start; into words if the starts are unknown.

    :raises Unreadable: the line has text between two columns.
    """
    if not starts:
        return line.split()
    # A header may have many more columns than most lines.
    reached = [*takewhile(lambda start: start <= len(line), starts[1:])]
    if any(line[start - 1 : start].strip() for start in reached):
        raise Unreadable(number, "has text across the columns of the header")
    bounds = pairwise([0, *reached, None])
    missing = len(starts) - 1 - len(reached)
    return [*(line[start:end].strip() for start, end in bounds), *[""] * missing]
