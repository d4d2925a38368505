"""The text of a file, line by line."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hostmap_sql.cli.input.columns import Columns

_MAX_QUOTED = 60


@dataclass(frozen=True)
class Source:
    r"""The text of a file, and the way to read it.

    :param text: its text, with `\n` at the end of each line.
    :param columns: the columns to read.
    :param is_format_given: whether an option names the format. If not, readers refuse text that
        may be something else.
    """

    text: str
    columns: Columns
    is_format_given: bool = False

    @cached_property
    def lines(self) -> Sequence[str]:
        """Its lines, as an editor counts them."""
        return self.text.split("\n")

    def significant_lines(self) -> Iterator[tuple[int, str]]:
        """Yield the lines that are neither blank nor comments, with their numbers."""
        for number, line in enumerate(self.lines, 1):
            if not is_blank(line):
                yield number, line


def is_blank(line: str) -> bool:
    """Return whether a line is empty or a comment."""
    text = line.lstrip()
    return not text or text.startswith("#")


def quoted(text: str) -> str:
    """Quote the beginning of a text; all of it if it has a URL, which messages mask as a whole."""
    if len(text) <= _MAX_QUOTED or "://" in text:
        return repr(text)
    return f"{text[:_MAX_QUOTED]!r}..."
