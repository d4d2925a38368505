"""CSV with a header: commas, semicolons, tabs or bars between the fields, whichever it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostmap_sql.cli.input.columns import ColumnProblem
from hostmap_sql.cli.input.plain import doubt_about, lone_word
from hostmap_sql.cli.input.text import is_blank, quoted
from hostmap_sql.cli.output import plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hostmap_sql.cli.input.columns import Columns
    from hostmap_sql.cli.input.records import Reading
    from hostmap_sql.cli.input.text import Text

SEPARATORS = (",", ";", "\t", "|")

# What Excel writes and reads: "sep=;".
_SEPARATOR_LINE = "sep="
_SEPARATOR_LINE_LENGTH = len(_SEPARATOR_LINE) + 1


def fields_of(line: str, separator: str) -> list[str]:
    """The fields of one line; none if it is not CSV by itself."""
    import csv  # noqa: PLC0415 - only for commands that read files

    try:
        return next(csv.reader([line], delimiter=separator, strict=True, skipinitialspace=True), [])
    except csv.Error:
        return []


def header_separators(line: str, columns: Columns) -> list[str]:
    """The separators by which a line is a header. One without any is so by the first of them."""
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
    """The separator that Excel's own first line names, if the line is one."""
    text = line.strip(" ")
    is_one = len(text) == _SEPARATOR_LINE_LENGTH and text.lower().startswith(_SEPARATOR_LINE)
    return text[-1] if is_one else None


def read_delimited(text: Text, columns: Columns, reading: Reading, *, is_sure: bool) -> None:
    """Read CSV."""
    lines = text.significant()
    number, first = next(lines)
    separator = separator_line(first)
    if separator is not None:
        number, first = next(lines, (number, ""))
        if separator not in SEPARATORS:
            reading.bad(number, f"names the separator {separator!r}: write , ; | or a tab instead")
            return
    else:
        candidates = header_separators(first, columns)
        if len(candidates) > 1:
            problem = "can be a header by more than one separator: begin the file with sep=, say"
            reading.bad(number, problem)
            return
        separator = (candidates or [_most_frequent(first)])[0]
    _Rows(text.lines, separator, columns, reading, is_sure=is_sure).read(number)


def _most_frequent(line: str) -> str:
    return max(SEPARATORS, key=lambda separator: len(fields_of(line, separator)))


class _Rows:
    """Reads the records below a header."""

    def __init__(
        self,
        lines: Sequence[str],
        separator: str,
        columns: Columns,
        reading: Reading,
        *,
        is_sure: bool,
    ) -> None:
        self._lines = lines
        self._separator = separator
        self._columns = columns
        self._reading = reading
        self._is_sure = is_sure
        self._next = 0
        self._is_between_records = True

    def read(self, number: int) -> None:
        """Read them all, the header on the line of this number."""
        rows = self._rows(number)
        _, header = next(rows, (number, []))
        if not header:
            return
        names = [name.strip() for name in header]
        try:
            places = self._columns.find(names)
        except ColumnProblem as error:
            self._reading.bad(number, header_problem(error, self._lines[number - 1], self._columns))
            return
        is_alone = len(header) == 1 and not self._is_sure
        count = 0
        for count, (line, row) in enumerate(rows, 1):  # noqa: B007 - how many there were
            if len(row) != len(header) and any(row[len(header) :] or [True]):
                self._reading.bad(
                    line, f"has {plural(len(row), 'field')}, the header {len(header)}"
                )
            elif row == header:
                self._reading.bad(line, "is the header once more: give each file by itself")
            elif is_alone and (doubt := doubt_about(row[0])):
                self._reading.bad(line, doubt)
            elif any(row):
                self._reading.add(line, {role: row[place] for role, place in places.items()})
        if is_alone and not count and not self._reading.bad_lines:
            self._reading.bad(number, lone_word(self._lines[number - 1]))

    def _rows(self, number: int) -> Iterator[tuple[int, list[str]]]:
        """The records from a line on, each with the number of its first line."""
        import csv  # noqa: PLC0415 - only for commands that read files

        self._next = number - 1
        while self._next < len(self._lines):
            reader = csv.reader(
                self._feed(), delimiter=self._separator, strict=True, skipinitialspace=True
            )
            while True:
                self._skip_blank_lines()
                start = self._next
                try:
                    row = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    self._reading.bad(start + 1, self._error_text(error, start + 1 == number))
                    if start + 1 == number:
                        return
                    # A quote that is never closed takes in all that follows: read that again.
                    self._next = start + 1
                    break
                yield start + 1, row

    def _skip_blank_lines(self) -> None:
        while self._next < len(self._lines) and is_blank(self._lines[self._next]):
            self._next += 1

    def _feed(self) -> Iterator[str]:
        while self._next < len(self._lines):
            self._next += 1
            yield f"{self._lines[self._next - 1]}\n"

    def _error_text(self, error: Exception, is_header: bool) -> str:  # noqa: FBT001
        problem = f"cannot be read: {error}"
        if is_header and not self._columns.is_secret:
            return f"{quoted(self._lines[self._next - 1])} is not a header: it {problem}"
        return problem


def header_problem(error: ColumnProblem, line: str, columns: Columns) -> str:
    """What is said of a header in which the columns cannot be found."""
    if columns.is_secret:
        return f"is not the header {columns.header}: it {error}"
    if error.is_header or columns.chosen:
        return f"{quoted(line)} is not a header that tells the columns: it {error}"
    alone = "" if columns.takes_names else "; names alone need --cell"
    return (
        f"{quoted(line)} is not a header: the first line has to name the columns, as "
        f"{columns.header}, or --host-column the one of the hosts{alone}"
    )
