"""Tables drawn with lines, as by nova-manage, openstack, mysql, psql, rich and in Markdown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hostmap_sql.cli.input.aligned import has_gap
from hostmap_sql.cli.input.header import read_header
from hostmap_sql.cli.input.host_names import NO_VALUES
from hostmap_sql.cli.input.records import Unreadable
from hostmap_sql.cli.input.source import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hostmap_sql.cli.input.records import Reading
    from hostmap_sql.cli.input.source import Source

# The box-drawing characters of Unicode, and the ones that separate columns.
_BOX = "\u2500-\u257f"
_BARS = str.maketrans("│┃║┆┇┊┋╎╏", "|||||||||")

# A line below or above rows. The one of psql has no frame: it begins with dashes.
_RULE = re.compile(rf"[+|{_BOX}][+|=:\- {_BOX}]*\Z")
_OPEN_RULE = re.compile(r"(?:-{4,}|-+(?:\+-+)+|-+ ?(?:\| ?-+ ?)+)\Z")  # --- alone is YAML
_DASHES = re.compile("[-=\u2500\u2501\u2550\u2504\u2505\u2508\u2509\u254c\u254d]")
_BAR = re.compile(r"[|│┃║]")
_ROW_COUNT = re.compile(r"\((\d{1,12}) rows?\)\Z")

_CUT_OFF = ("…", "...")


def is_rule(line: str) -> bool:
    """Return whether a line frames a table."""
    text = line.strip()
    return bool(_RULE.match(text)) and bool(_DASHES.search(text))


def is_row(line: str) -> bool:
    """Return whether a line begins as a row of a framed table."""
    return bool(_BAR.match(line.strip()))


def is_open_header(line: str, below: str) -> bool:
    """Return whether a line is the header of a table without a frame, as psql draws it."""
    rule = below.strip()
    joints = rule.count("+") + rule.count("|")
    if not _OPEN_RULE.match(rule) or is_row(line) or line.count("|") != joints:
        return False
    # A line of dashes alone may be drawn below columns with spaces between them.
    return bool(joints) or not has_gap(line)


def read_table(source: Source, reading: Reading) -> None:
    """Read all tables of a text; skip the lines before, between and below them."""
    lines = source.lines
    tables = 0
    place = 0
    while place < len(lines):
        line = lines[place]
        below = lines[place + 1] if place + 1 < len(lines) else ""
        if is_rule(line) or is_row(line):
            place = _read_framed(source, reading, place)
            tables += 1
        elif is_open_header(line, below):
            place = _read_open(source, reading, place)
            tables += 1
        else:
            if line.strip() and not line.startswith("#"):
                reading.skipped.append(place + 1)
            place += 1
    if not tables:
        reading.bad(1, "has no table: a row begins and ends with |")


def _read_framed(source: Source, reading: Reading, place: int) -> int:
    """Read a table whose rows begin and end with a bar, and return where it ends."""
    lines = source.lines
    has_frame = is_rule(lines[place])
    place = min(place + has_frame, len(lines) - 1)
    names = _framed_fields(lines[place])
    if names is None:
        reading.bad(place + 1, "is not the header of a table: it has no | at its end")
        return place + 1
    rows = _Rows(source, reading, place + 1, names)
    place += 1
    if has_frame and not (place < len(lines) and is_rule(lines[place])):
        is_a_row = place < len(lines) and _framed_fields(lines[place]) is not None
        kind = "the line below the header" if is_a_row else "a row of the table"
        raise Unreadable(min(place + 1, len(lines)), f"cannot be read: is not {kind}")
    rules, is_closed = 0, False
    while place < len(lines):
        line = lines[place]
        if is_rule(line):
            if is_closed:
                break  # another table begins
            rules += 1
            is_closed = rules > 1  # the first is the one below the header
        elif is_row(line):
            is_closed = False
            rows.add(place + 1, _framed_fields(line))
        elif is_closed or not has_frame or place >= source.end:
            break
        else:
            rows.add(place + 1, None)
        place += 1
    if has_frame and not is_closed:
        reading.bad(place, "is the last line of a table that is cut off: its end is missing")
    return place


def _read_open(source: Source, reading: Reading, place: int) -> int:
    """Read a table without a frame, as psql draws it: the number of its rows ends it."""
    lines = source.lines
    rows = _Rows(source, reading, place + 1, _open_fields(lines[place]))
    start = place = place + 2
    while place < len(lines) and lines[place].strip():
        line = lines[place].strip()
        count = _ROW_COUNT.match(line)
        if count:
            if int(count[1]) != place - start:
                reading.bad(place + 1, f"says {count[1]} rows: {place - start} are above")
            return place + 1
        if not _OPEN_RULE.match(line):  # hammer draws one below the rows
            rows.add(place + 1, _open_fields(line))
        place += 1
    return place


class _Rows:
    """Turns the rows of one table into records."""

    def __init__(self, source: Source, reading: Reading, number: int, names: Sequence[str]) -> None:
        """:raises Unreadable: the columns cannot be found in the header, which is on this line."""
        self._header = read_header(source, number, names)
        self._columns = source.columns
        self._reading = reading
        self._filled_place: int | None = None

    def add(self, number: int, fields: Sequence[str] | None) -> None:
        """Add the record of a row, or a bad line; None stands for a line that is not a row."""
        if fields is None:
            self._reading.bad(number, "cannot be read: is not a row of the table")
            return
        try:
            values = self._header.values(number, fields)
            self._refuse_continuation(number, fields)
            self._refuse_no_name(number, values[self._columns.key])
        except Unreadable as error:
            self._reading.bad(number, error.problem)
        else:
            self._reading.add(number, values)

    def _refuse_continuation(self, number: int, fields: Sequence[str]) -> None:
        """Refuse the rest of a folded row: it lacks a value that the first row of the table has.

        An option may fill the columns that are read, except the key: these may be empty.
        """
        if self._filled_place is None:
            optional = {*self._header.places.values()} - {self._header.places[self._columns.key]}
            filled = [place for place, value in enumerate(fields) if value]
            self._filled_place = next((place for place in filled if place not in optional), -1)
        if self._filled_place >= 0 and not fields[self._filled_place]:
            problem = (
                "seems to be the rest of the row above, which was folded: print the list as CSV or "
                "JSON, or into a file"
            )
            raise Unreadable(number, problem)

    def _refuse_no_name(self, number: int, value: str) -> None:
        if value in NO_VALUES or value.endswith(_CUT_OFF):
            name = "" if self._columns.is_secret else f" {quoted(value)}"
            problem = "stands for no value" if value in NO_VALUES else "is cut off"
            raise Unreadable(number, f"{self._columns.key}{name} {problem}")


def _framed_fields(line: str) -> list[str] | None:
    """Return the fields of a row that begins and ends with a bar; None if it does not."""
    text = line.translate(_BARS).strip()
    if not (text.startswith("|") and text.endswith("|") and len(text) > 1):
        return None
    return [value.strip() for value in text[1:-1].split("|")]


def _open_fields(line: str) -> list[str]:
    return [value.strip() for value in line.split("|")]
