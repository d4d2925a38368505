"""Tables, framed as OpenStack's commands frame theirs, so that what reads those reads ours."""

from __future__ import annotations

import sys
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# From here on drawing it with rich takes longer than people like to wait.
_MOST_ROWS_FOR_RICH = 500


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table: fitted to the terminal if there is one, else each line as long as it is."""
    if sys.stdout.isatty() and len(rows) <= _MOST_ROWS_FOR_RICH:
        _print_fitted(columns, rows)
    else:
        _print_plain(columns, rows)


def _print_fitted(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.box import ASCII2  # noqa: PLC0415 - 50 ms, which scripts need not wait for
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=ASCII2, header_style="bold")
    for name in columns:
        # A UUID in pieces cannot be copied.
        table.add_column(name, overflow="fold", min_width=36 if name.endswith("uuid") else None)
    for row in rows:
        # As Text: a name may look like rich's markup.
        table.add_row(*map(Text, row))
    Console(highlight=False).print(table)


def _print_plain(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(_width, column)) for column in zip(columns, *rows, strict=True)]
    rule = "+" + "+".join("-" * (width + 2) for width in widths) + "+\n"
    write = sys.stdout.write
    write(rule + _line(columns, widths) + rule)
    for row in rows:
        write(_line(row, widths))
    write(rule if rows else "")


def _line(texts: Sequence[str], widths: Sequence[int]) -> str:
    padded = (
        text + " " * (width - _width(text)) for text, width in zip(texts, widths, strict=True)
    )
    return f"| {' | '.join(padded)} |\n"


def _width(text: str) -> int:
    """How many places a terminal needs for it: wide characters take two, accents none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )
