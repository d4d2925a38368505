"""Writing CSV that `hostmap host import` reads back: the only place that quotes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from hostmap_sql.cli.framework.terminal import spreadsheet_safe

if TYPE_CHECKING:
    from collections.abc import Sequence


class CsvWriter:
    """Writes rows below a header.

    :param is_safe: write a quote before values that a spreadsheet would take for formulas.
    """

    def __init__(self, stream: TextIO, columns: Sequence[str], *, is_safe: bool = False) -> None:
        import csv  # noqa: PLC0415 - only for commands that write CSV

        self._plain = csv.writer(stream, lineterminator="\n")
        self._quoted = csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_ALL)
        self._plain.writerow(columns)
        self._is_safe = is_safe

    def write(self, fields: Sequence[str]) -> None:
        """Write a row."""
        if self._is_safe:
            fields = [*map(spreadsheet_safe, fields)]
        # Unquoted, a line that begins with # is a comment.
        writer = self._quoted if fields[0].startswith("#") else self._plain
        writer.writerow(fields)
