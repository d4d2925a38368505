"""Text for terminals: the one place that escapes unprintable characters.

Names, reasons and messages may come from other programs, or from a hostile server. A terminal
executes their escape sequences, and displays text backwards after controls of writing direction.
"""

from __future__ import annotations

import json
from typing import Any


def printable(text: str) -> str:
    r"""Return a text with each unprintable character as an escape sequence of Python.

    >>> printable("a\x1b[2J\u202eb")
    'a\\x1b[2J\\u202eb'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


def json_text(value: Any, *, indent: int | None = None) -> str:
    r"""Return JSON with readable letters and escaped unprintable characters.

    >>> json_text({"host": "größe\x9b"})
    '{"host": "größe\\u009b"}'
    """
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    if text.isprintable():
        return text
    # All others are inside strings. A character above U+FFFF becomes two escapes.
    return "".join(c if c == "\n" or c.isprintable() else json.dumps(c)[1:-1] for c in text)


def spreadsheet_safe(text: str) -> str:
    """Return the text of a CSV field, after a quote if a spreadsheet could read it as a formula.

    >>> [spreadsheet_safe(text) for text in ("=1+1", "compute-1")]
    ["'=1+1", 'compute-1']
    """
    return f"'{text}" if text.lstrip().startswith(_FORMULA_STARTS) else text


# Spreadsheets also accept full-width signs, and formulas after a tab or line break, which have been
# escaped already: "\t".
_FORMULA_STARTS = ("=", "+", "-", "@", "\\t", "\\r", "\\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
