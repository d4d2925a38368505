"""Tables, framed as OpenStack's commands frame theirs, so that what reads those reads ours.

They are printed as their rows come: the first of them give the widths of the columns, and where a
later one needs more, the columns are wider from there on. On a terminal no line is longer than it:
what does not fit is folded.
"""

from __future__ import annotations

import shutil
import sys
import unicodedata
from itertools import islice, zip_longest
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

# The rows that give the widths: enough to be like the others, few enough not to be waited for.
_ROWS_LOOKED_AT = 500

# What is narrower than this is not made narrower still.
_LEAST_WIDTH = 8

# A UUID in pieces cannot be copied.
_UUID_WIDTH = 36


class Table:
    """A table that is printed to standard output, some rows at a time."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns
        self._room = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        self._needed = [_width(name) for name in columns]
        self._least = [_UUID_WIDTH if name.endswith("uuid") else _LEAST_WIDTH for name in columns]
        self._widths: list[int] = []
        self._has_rows = False

    def write(self, rows: Iterable[Sequence[str]]) -> None:
        """Print rows, before the first of them the header."""
        rest = iter(rows)
        if not self._has_rows:
            first = [*islice(rest, _ROWS_LOOKED_AT)]
            if not first:
                return
            self._begin(first)
        self._write(rest)

    def end(self) -> None:
        """Print what is below the last row."""
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
        """Give each column the width it needs; where that is too much, take from the widest."""
        self._widths = [*self._needed]
        if self._room is None:
            return
        too_much = sum(self._widths) + 3 * len(self._widths) + 1 - self._room
        for _ in range(too_much):
            wide = [place for place, w in enumerate(self._widths) if w > self._least[place]]
            if not wide:
                return
            self._widths[max(wide, key=self._widths.__getitem__)] -= 1

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
    """The text in pieces that are no wider than so."""
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
    """How many places a terminal needs for it: wide characters take two, accents none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )
