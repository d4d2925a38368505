"""Tables framed by lines, as nova-manage, openstack, mysql, psql, rich and Markdown draw them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hostmap_sql.cli.input.aligned import has_gap
from hostmap_sql.cli.input.columns import ColumnProblem
from hostmap_sql.cli.input.delimited import header_problem
from hostmap_sql.cli.input.plain import NO_VALUES
from hostmap_sql.cli.input.text import quoted
from hostmap_sql.cli.output import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hostmap_sql.cli.input.columns import Columns
    from hostmap_sql.cli.input.records import Reading
    from hostmap_sql.cli.input.text import Text

# The box-drawing characters of Unicode; those that stand between columns.
_BOX = "\u2500-\u257f"
_BARS = str.maketrans("│┃║┆┇┊┋╎╏", "|||||||||")

# A line below or above rows. That of psql has no frame: it begins with the dashes.
_RULE = re.compile(rf"[+|{_BOX}][+|=:\- {_BOX}]*\Z")
_OPEN_RULE = re.compile(r"(?:-{4,}|-+(?:\+-+)+|-+ ?(?:\| ?-+ ?)+)\Z")  # --- alone is YAML
_DASHES = re.compile("[-=\u2500\u2501\u2550\u2504\u2505\u2508\u2509\u254c\u254d]")
_BAR = re.compile(r"[|│┃║]")
_ROW_COUNT = re.compile(r"\((\d+) rows?\)\Z")

_CUT_OFF = ("…", "...")


def is_rule(line: str) -> bool:
    """Whether a line is one that frames a table."""
    text = line.strip()
    return bool(_RULE.match(text)) and bool(_DASHES.search(text))


def is_row(line: str) -> bool:
    """Whether a line begins as a row of a framed table."""
    return bool(_BAR.match(line.strip()))


def is_open_header(line: str, below: str) -> bool:
    """Whether a line is the header of a table without a frame, as psql draws it."""
    rule = below.strip()
    joints = rule.count("+") + rule.count("|")
    if not _OPEN_RULE.match(rule) or is_row(line) or line.count("|") != joints:
        return False
    # A line of dashes alone may be drawn below columns with spaces between them.
    return bool(joints) or not has_gap(line)


def read_table(text: Text, columns: Columns, reading: Reading, *, is_sure: bool) -> None:
    """Read all tables of a text; what stands before, between and below them is passed over."""
    del is_sure
    lines = text.lines
    tables = 0
    place = 0
    while place < len(lines):
        line = lines[place]
        below = lines[place + 1] if place + 1 < len(lines) else ""
        if is_rule(line) or is_row(line):
            table: _Table = _Framed(columns, reading)
        elif is_open_header(line, below):
            table = _Open(columns, reading)
        else:
            if line.strip() and not line.startswith("#"):
                reading.passed_over.append(place + 1)
            place += 1
            continue
        tables += 1
        place = table.read(lines, place)
    if not tables:
        reading.bad(1, "has no table: a row begins and ends with |")


@dataclass
class _Table:
    """Reads the rows of one table."""

    columns: Columns
    reading: Reading
    _places: dict[str, int] = field(default_factory=dict)
    _width: int = 0
    _always: int | None = None

    def read(self, lines: Sequence[str], place: int) -> int:
        """Read the table that begins on a line, and return where it ends."""
        raise NotImplementedError

    def _header(self, number: int, line: str, names: Sequence[str]) -> bool:
        try:
            self._places = self.columns.find(names)
        except ColumnProblem as error:
            self.reading.bad(number, header_problem(error, line.strip(), self.columns))
            return False
        self._width = len(names)
        return True

    def _row(self, number: int, values: Sequence[str]) -> None:
        if len(values) != self._width:
            problem = f"has {plural(len(values), 'field')}, the header {self._width}"
            self.reading.bad(number, problem)
            return
        if self._is_rest_of_a_row(values):
            problem = (
                "seems to be the rest of the row above, which was folded: print the list as CSV or "
                "JSON, or into a file"
            )
            self.reading.bad(number, problem)
            return
        row = {role: values[place] for role, place in self._places.items()}
        needed = row[self.columns.needed]
        if needed in NO_VALUES or needed.endswith(_CUT_OFF):
            name = "" if self.columns.is_secret else f" {quoted(needed)}"
            what = "stands for no value" if needed in NO_VALUES else "is cut off"
            self.reading.bad(number, f"{self.columns.needed}{name} {what}")
            return
        self.reading.add(number, row)

    def _is_rest_of_a_row(self, values: Sequence[str]) -> bool:
        """Whether a column that no option fills is empty here, but not in the first row."""
        if self._always is None:
            used = {*self._places.values()} - {self._places[self.columns.needed]}
            full = [place for place, value in enumerate(values) if value and place not in used]
            self._always = full[0] if full else -1
        return self._always >= 0 and not values[self._always]


class _Framed(_Table):
    """A table whose rows begin and end with a bar."""

    def read(self, lines: Sequence[str], place: int) -> int:
        has_frame = is_rule(lines[place])
        place = min(place + has_frame, len(lines) - 1)
        line = lines[place]
        names = _fields(line)
        if names is None:
            self.reading.bad(place + 1, "is not the header of a table: it has no | at its end")
            return place + 1
        if not self._header(place + 1, line, names):
            return len(lines)
        place += 1
        if has_frame and not (place < len(lines) and is_rule(lines[place])):
            is_a_row = place < len(lines) and _fields(lines[place]) is not None
            what = "the line below the header" if is_a_row else "a row of the table"
            number = min(place + 1, len(lines))
            self.reading.bad(number, f"cannot be read: is not {what}")
            return len(lines)
        return self._read_rows(lines, place, has_frame=has_frame)

    def _read_rows(self, lines: Sequence[str], place: int, *, has_frame: bool) -> int:
        rules, is_closed = 0, False
        while place < len(lines):
            line = lines[place]
            if is_rule(line):
                rules += 1
                is_closed = rules > 1  # the first is the one below the header
            elif is_row(line):
                is_closed = False
                fields = _fields(line)
                if fields is None:
                    self.reading.bad(place + 1, "cannot be read: is not a row of the table")
                else:
                    self._row(place + 1, fields)
            elif is_closed or not has_frame or self._rest_is_blank(lines, place):
                break
            else:
                self.reading.bad(place + 1, "cannot be read: is not a row of the table")
            place += 1
            if is_closed and place < len(lines) and is_rule(lines[place]):
                break  # another table begins
        if has_frame and not is_closed:
            self.reading.bad(place, "is the last of a table that is cut off: its end is missing")
        return place

    def _rest_is_blank(self, lines: Sequence[str], place: int) -> bool:
        return not any(line.strip() for line in lines[place:])


class _Open(_Table):
    """A table without a frame, as psql draws it: it ends with the number of its rows."""

    def read(self, lines: Sequence[str], place: int) -> int:
        if not self._header(place + 1, lines[place], _open_fields(lines[place])):
            return len(lines)
        start = place = place + 2
        while place < len(lines) and lines[place].strip():
            line = lines[place]
            count = _ROW_COUNT.match(line.strip())
            if count:
                if int(count[1]) != place - start:
                    self.reading.bad(place + 1, f"says {count[1]} rows: {place - start} are above")
                return place + 1
            if not _OPEN_RULE.match(line.strip()):  # hammer draws one below the rows
                self._row(place + 1, _open_fields(line))
            place += 1
        return place


def _fields(line: str) -> list[str] | None:
    """The fields of a row that begins and ends with a bar; None if it does not."""
    text = line.translate(_BARS).strip()
    if not (text.startswith("|") and text.endswith("|") and len(text) > 1):
        return None
    return [value.strip() for value in text[1:-1].split("|")]


def _open_fields(line: str) -> list[str]:
    return [value.strip() for value in line.split("|")]
