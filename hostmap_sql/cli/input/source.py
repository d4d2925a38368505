"""The text of a file, line by line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from hostmap_sql.cli.framework.redaction import redact_value
from hostmap_sql.masking import MASK

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hostmap_sql.cli.input.columns import Columns

_MAX_QUOTED = 60

# The longest text that is searched for secrets, which takes time: longer ones are not quoted.
_MAX_SEARCHED = 2_000

# A word of a password file: nova:password, or db:5432:nova:nova:password. Neither an address nor a
# host with a port.
_COLONS = re.compile(r"(?!\[?[0-9A-Fa-f:.]*\]?\Z)(?![^\s:]+:[0-9]{0,5}\Z)([^\s:]+:)\S+\Z")


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

    @cached_property
    def end(self) -> int:
        """The number of its last line that is not blank; 0 if all are."""
        numbers = range(len(self.lines), 0, -1)
        return next((number for number in numbers if self.lines[number - 1].strip()), 0)

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
    """Quote the beginning of a text, without secrets: it may be the wrong file.

    >>> quoted("nova:s3cret")
    "'nova:***'"
    """
    if len(text) > _MAX_SEARCHED:
        return f"a text of {len(text):,} characters"
    text = redact_value(text, "=:> ")
    colons = _COLONS.match(text)
    if colons and "://" not in text:
        text = f"{colons[1]}{MASK}"
    return repr(text) if len(text) <= _MAX_QUOTED else f"{text[:_MAX_QUOTED]!r}..."
