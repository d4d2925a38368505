"""Decoding a file: from its bytes to its text, whatever system wrote it."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

from hostmap_sql.cli.input.records import Unreadable

if TYPE_CHECKING:
    from hostmap_sql.cli.input.records import Reading

# The longest first: the mark of UTF-32 begins with the one of UTF-16.
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),  # PowerShell's ">" writes it
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)

# Spreadsheets are zip archives too.
_ARCHIVES = {b"PK\x03\x04": "zip", b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz"}


def decode(data: bytes, reading: Reading) -> str:
    r"""Return the text of a file, with `\n` at the end of each line.

    A line that is not UTF-8 becomes a bad line of the reading, and is empty in the text.

    :raises Unreadable: the file is not text.
    """
    for start, name in _ARCHIVES.items():
        if data.startswith(start):
            problem = f"begins a {name} file, not text: save it as CSV in UTF-8, or unpack it"
            raise Unreadable(1, problem)
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        if encoding not in ("utf-8", "utf-8-sig"):
            name = encoding.upper()
            problem = f"is not {name} text, but begins with the byte order mark of {name}"
            raise Unreadable(1, problem) from None
        text = data.removeprefix(codecs.BOM_UTF8).decode("utf-8", "surrogateescape")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text:
        number = text.count("\n", 0, text.index("\0")) + 1
        raise Unreadable(number, "holds a NUL character: save the file as UTF-8 text")
    return _without_undecoded_lines(text, reading)


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
