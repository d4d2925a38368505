"""Tables in the frames of OpenStack's commands, so that programs can read both.

Rows are printed as they come: the first rows set the widths of the columns, which grow where a
later row needs more. On a terminal, cells are folded to fit its width.

rich cannot do this: its tables need all rows before the first one is printed.
"""

from __future__ import annotations

import shutil
import sys
import unicodedata
from bisect import bisect_left
from itertools import islice, zip_longest
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

# The rows that set the widths: enough to be typical, few enough to appear at once.
_SAMPLE = 500

# Folding makes no column narrower than this.
_MIN_WIDTH = 8

# A folded UUID cannot be copied.
_UUID_WIDTH = 36


class Table:
    """A table on standard output, printed as its rows come."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns
        self._max_width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        self._needed = [_width(name) for name in columns]
        self._min_widths = [
            _UUID_WIDTH if name.endswith("uuid") else _MIN_WIDTH for name in columns
        ]
        self._widths: list[int] = []
        self._has_rows = False

    def write(self, rows: Iterable[Sequence[str]]) -> None:
        """Print rows; print the header above the first one."""
        rest = iter(rows)
        if not self._has_rows:
            first = [*islice(rest, _SAMPLE)]
            if not first:
                return
            self._begin(first)
        self._write(rest)

    def end(self) -> None:
        """Print the line below the last row."""
        if self._has_rows:
            sys.stdout.write(self._rule())
        else:
            self._begin(())

    def _begin(self, first: Sequence[Sequence[str]]) -> None:
        self._needed = [
            max(map(_width, texts)) for texts in zip(self._columns, *first, strict=True)
        ]
        self._fit()
        sys.stdout.write(f"{self._rule()}{self._lines(self._columns)}{self._rule()}")
        self._has_rows = bool(first)
        self._write(first)

    def _write(self, rows: Iterable[Sequence[str]]) -> None:
        for row in rows:
            widths = [*map(_width, row)]
            if any(width > known for width, known in zip(widths, self._needed, strict=True)):
                self._needed = [*map(max, widths, self._needed)]
                self._fit()
            sys.stdout.write(self._lines(row))

    def _fit(self) -> None:
        """Set each column to the width it needs; if the sum is too wide, narrow the widest ones."""
        self._widths = [*self._needed]
        if self._max_width is None:
            return
        available = self._max_width - 3 * len(self._widths) - 1
        widest = max(self._needed, default=0)
        if sum(self._needed) <= available:
            return

        def is_too_wide(width: int) -> bool:
            return sum(self._narrowed(width + 1)) > available

        # The greatest limit on the width of a column with which the table fits, if there is one.
        limit = bisect_left(range(widest), x=True, key=is_too_wide)
        self._widths = self._narrowed(limit)
        rest = available - sum(self._widths)
        for place, width in reversed([*enumerate(self._widths)]):
            if rest > 0 and width == limit < self._needed[place]:
                self._widths[place] += 1
                rest -= 1

    def _narrowed(self, limit: int) -> list[int]:
        """Return the widths of the columns, each within a limit unless its minimum is above it."""
        return [
            min(needed, max(limit, least))
            for needed, least in zip(self._needed, self._min_widths, strict=True)
        ]

    def _rule(self) -> str:
        return "+" + "+".join("-" * (width + 2) for width in self._widths) + "+\n"

    def _lines(self, texts: Sequence[str]) -> str:
        if self._widths == self._needed:
            return self._line(texts)
        folded = map(_folded, texts, self._widths)
        return "".join(self._line(line) for line in zip_longest(*folded, fillvalue=""))

    def _line(self, texts: Sequence[str]) -> str:
        padded = (
            text + " " * (width - _width(text))
            for text, width in zip(texts, self._widths, strict=True)
        )
        return f"| {' | '.join(padded)} |\n"


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a whole table."""
    table = Table(columns)
    table.write(rows)
    table.end()


def _folded(text: str, width: int) -> Iterator[str]:
    """Cut a text into pieces of at most this width."""
    if _width(text) <= width:
        yield text
        return
    piece, used = "", 0
    for character in text:
        more = _width(character)
        if used + more > width:
            yield piece
            piece, used = "", 0
        piece += character
        used += more
    yield piece


def _width(text: str) -> int:
    """Return the width of a text on a terminal: wide characters take two places, accents none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )
