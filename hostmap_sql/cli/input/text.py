"""From the bytes of a file to its text, whatever system wrote it."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hostmap_sql.cli.input.records import Reading

_MOST_QUOTED = 60

# The longest first: that of UTF-32 begins with that of UTF-16.
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),  # PowerShell's ">" writes it
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)

# Spreadsheets are zip archives too.
_ARCHIVES = {b"PK\x03\x04": "zip", b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz"}


@dataclass(frozen=True)
class Text:
    """A text, its line ends all written as one character."""

    text: str

    @cached_property
    def lines(self) -> Sequence[str]:
        """Its lines, as an editor counts them."""
        return self.text.split("\n")

    def significant(self) -> Iterator[tuple[int, str]]:
        """The lines that are neither blank nor comments, each with its number."""
        for number, line in enumerate(self.lines, 1):
            if not is_blank(line):
                yield number, line


def quoted(text: str) -> str:
    """The beginning of a text in quotes; all of it if it holds a URL, to be masked as one."""
    if len(text) <= _MOST_QUOTED or "://" in text:
        return repr(text)
    return f"{text[:_MOST_QUOTED]!r}..."


def is_blank(line: str) -> bool:
    """Whether a line is empty or a comment."""
    text = line.lstrip()
    return not text or text.startswith("#")


def decode(data: bytes, reading: Reading) -> Text:
    """The text of a file. What cannot be decoded is noted, and its lines are left empty."""
    for start, name in _ARCHIVES.items():
        if data.startswith(start):
            reading.bad(1, f"begins a {name} file, not text: save it as CSV in UTF-8, or unpack it")
            return Text("")
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        if encoding not in ("utf-8", "utf-8-sig"):
            reading.bad(1, f"is not {encoding.upper()} text, as which the file begins")
            return Text("")
        text = data.removeprefix(codecs.BOM_UTF8).decode("utf-8", "surrogateescape")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text:
        number = text.count("\n", 0, text.index("\0")) + 1
        reading.bad(number, "holds a NUL character: save the file as UTF-8 text")
        return Text("")
    return Text(_without_undecoded_lines(text, reading))


def _without_undecoded_lines(text: str, reading: Reading) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        lines = text.split("\n")
        for number, line in enumerate(lines, 1):
            if any("\udc80" <= character <= "\udcff" for character in line):
                reading.bad(number, "is not UTF-8 text")
                lines[number - 1] = ""
        return "\n".join(lines)
    return text
