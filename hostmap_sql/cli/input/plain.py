"""Names of hosts, one a line; and whether a text looks like the name of a host at all."""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from typing import TYPE_CHECKING

from hostmap_sql.cli.input.columns import NAMES_OF_NO_HOST, simplified
from hostmap_sql.cli.input.text import quoted

if TYPE_CHECKING:
    from hostmap_sql.cli.input.columns import Columns
    from hostmap_sql.cli.input.records import Reading
    from hostmap_sql.cli.input.text import Text

# Words and hyphens between dots, not a number alone.
_PLAUSIBLE = re.compile(r"(?!\d+\Z)(?!_+\Z)\w[\w.\-]*\Z")

# What a list of JSON or YAML may have beside: there is no doubt where a name begins and ends.
_UNBROKEN = re.compile(r"[^\s,;|=#\"'`<>()\[\]{}]+\Z")

# What programs print for no value.
NO_VALUES = frozenset(["None", "none", "null", "NULL", "N/A", "n/a", "NaN", "nan", "-", "--", "—"])

_AS_IT_IS = "--input-format lines takes each line as it is"


def doubt_about(name: str, *, is_quoted: bool = False) -> str | None:
    """Why a text should not be taken for the name of a host, None if it may.

    :param is_quoted: it stands in a list whose format says where it begins and ends.
    """
    is_word = simplified(name) in NAMES_OF_NO_HOST or name in NO_VALUES
    pattern = _UNBROKEN if is_quoted else _PLAUSIBLE
    if (pattern.match(name) or _is_ipv6(name)) and not is_word:
        return None
    # What valid_host refuses, it explains better.
    if not name or name != name.strip() or not name.isprintable():
        return None
    hint = "" if is_word else _hint(name)
    return f"{quoted(name)} does not look like the name of a host{hint}"


def _is_ipv6(name: str) -> bool:
    if ":" not in name:
        return False
    try:
        IPv6Address(name)
    except ValueError:
        return False
    return True


_HINTS = (
    ("=[", "an inventory of Ansible is not read, write its hosts one a line"),
    (
        ",;\t|",
        "if this is CSV, its first line has to name the columns, as host,cell (or --host-column)",
    ),
    ("#/", "a comment needs a line of its own, which begins with #"),
    ("\"'`", "write it without quotes, or as CSV below a header"),
    (" ", "for more than one column, write a header, as host,cell"),
)
"""What to do about a text that has one of some characters; the first that fits."""


def _hint(name: str) -> str:
    return next((f": {hint}" for characters, hint in _HINTS if {*characters} & {*name}), "")


def read_plain(text: Text, columns: Columns, reading: Reading, *, is_sure: bool) -> None:
    """Read names of hosts; if the format was not given, only what looks like one."""
    del columns
    for number, line in text.significant():
        doubt = None if is_sure else doubt_about(line.rstrip("\t "))
        if doubt is None:
            reading.add(number, {"host": line})
        else:
            reading.bad(number, f"{doubt} (read as plain lines; {_AS_IT_IS})")
