"""CSV below a header, with commas, semicolons, tabs or bars between the fields."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostmap_sql.cli.input.columns import ColumnProblem
from hostmap_sql.cli.input.header import read_header
from hostmap_sql.cli.input.host_names import doubt_about, lone_word
from hostmap_sql.cli.input.records import Unreadable
from hostmap_sql.cli.input.source import is_blank, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hostmap_sql.cli.input.columns import Columns
    from hostmap_sql.cli.input.records import Reading
    from hostmap_sql.cli.input.source import Source

SEPARATORS = (",", ";", "\t", "|")

# Excel writes and reads it: "sep=;".
_SEPARATOR_LINE = "sep="


def fields_of(line: str, separator: str) -> list[str]:
    """Return the fields of one line; none if it is not CSV by itself."""
    import csv  # noqa: PLC0415 - only for commands that read files

    try:
        return next(csv.reader([line], delimiter=separator, strict=True, skipinitialspace=True), [])
    except csv.Error:
        return []


def header_separators(line: str, columns: Columns) -> list[str]:
    """Return the separators by which a line is a header; the first one if it has one column."""
    found = []
    for separator in SEPARATORS:
        fields = fields_of(line, separator)
        try:
            columns.find(fields)
        except ColumnProblem as problem:
            if problem.is_header:
                found.append(separator)
        else:
            if len(fields) == 1:
                return [separator]
            found.append(separator)
    return found


def separator_line(line: str) -> str | None:
    """Return the separator that a line such as "sep=;" names, None for any other line."""
    text = line.strip(" ")
    is_one = text[:-1].lower() == _SEPARATOR_LINE
    return text[-1] if is_one else None


def read_delimited(source: Source, reading: Reading) -> None:
    """Read CSV."""
    number, separator = _header_line(source)
    records = _records(source, number, separator, reading)
    _, names = next(records, (number, []))
    if not names:
        return
    header = read_header(source, number, [name.strip() for name in names])
    is_list_of_names = header.width == 1 and not source.is_format_given
    count = 0
    for count, (line, row) in enumerate(records, 1):  # noqa: B007 - counts the rows
        # Spreadsheets add empty fields at the end.
        fields = row if any(row[header.width :]) else row[: header.width]
        try:
            values = header.values(line, fields)
        except Unreadable as error:
            reading.bad(line, error.problem)
            continue
        if fields == names:
            reading.bad(line, "repeats the header: give each file by itself")
        elif is_list_of_names and (doubt := doubt_about(fields[0])):
            reading.bad(line, doubt)
        elif any(fields):
            reading.add(line, values)
    if is_list_of_names and not count and not reading.bad_lines:
        reading.bad(number, lone_word(source.lines[number - 1]))


def _header_line(source: Source) -> tuple[int, str]:
    """Return the number of the header's line, and the separator.

    :raises Unreadable: the separator is ambiguous, or not a usual one.
    """
    lines = source.significant_lines()
    number, first = next(lines)
    separator = separator_line(first)
    if separator is not None:
        number, _ = next(lines, (number, ""))
        if separator not in SEPARATORS:
            problem = f"names the separator {separator!r}: write , ; | or a tab instead"
            raise Unreadable(number, problem)
        return number, separator
    candidates = header_separators(first, source.columns)
    if len(candidates) > 1:
        problem = (
            "can be a header by more than one separator: begin the file with a line that names "
            f"the separator, such as {_SEPARATOR_LINE},"
        )
        raise Unreadable(number, problem)
    if candidates:
        return number, candidates[0]
    return number, max(SEPARATORS, key=lambda separator: len(fields_of(first, separator)))


def _records(
    source: Source, header: int, separator: str, reading: Reading
) -> Iterator[tuple[int, list[str]]]:
    """Yield the fields of each record from the header on, with the number of its first line.

    :raises Unreadable: the header is not CSV.
    """
    import csv  # noqa: PLC0415 - only for commands that read files

    def parser() -> Iterator[list[str]]:
        return csv.reader(lines, delimiter=separator, strict=True, skipinitialspace=True)

    lines = _Lines(source.lines, header - 1)
    rows = parser()
    while True:
        lines.skip_blank()
        number = lines.position + 1
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            problem = f"cannot be read: {error}"
            if number == header:
                if not source.columns.is_secret:
                    problem = f"{quoted(source.lines[header - 1])} is not a header: it {problem}"
                raise Unreadable(number, problem) from None
            reading.bad(number, problem)
            # A quote that is never closed has taken in the rest of the file: parse that again.
            lines.position = number
            rows = parser()
        else:
            yield number, row


class _Lines:
    """Feeds lines to a CSV parser, and counts those that it has taken."""

    def __init__(self, lines: Sequence[str], position: int) -> None:
        self._lines = lines
        self.position = position

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self.position == len(self._lines):
            raise StopIteration
        self.position += 1
        return f"{self._lines[self.position - 1]}\n"

    def skip_blank(self) -> None:
        """Skip blank lines and comments; inside a quoted field, there are none."""
        while self.position < len(self._lines) and is_blank(self._lines[self.position]):
            self.position += 1
