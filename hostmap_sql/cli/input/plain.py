"""Names of hosts, one a line; and whether a text looks like the name of a host at all."""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from typing import TYPE_CHECKING

from hostmap_sql.cli.input.columns import NAMES_OF_NO_HOST, simplified

if TYPE_CHECKING:
    from hostmap_sql.cli.input.columns import Columns
    from hostmap_sql.cli.input.records import Reading
    from hostmap_sql.cli.input.text import Text

# Words and hyphens between dots, not a number alone.
_PLAUSIBLE = re.compile(r"(?!\d+\Z)(?!_+\Z)\w[\w.\-]*\Z")

# What programs print for no value.
NO_VALUES = frozenset(["None", "none", "null", "NULL", "N/A", "n/a", "NaN", "nan", "-", "--", "—"])

_AS_IT_IS = "--input-format lines takes each line as it is"


def doubt_about(name: str) -> str | None:
    """Why a text should not be taken for the name of a host, None if it may."""
    if (
        _PLAUSIBLE.match(name)
        and name not in NO_VALUES
        and simplified(name) not in NAMES_OF_NO_HOST
    ) or _is_ipv6(name):
        return None
    # What valid_host refuses, it explains better.
    if not name or name != name.strip() or not name.isprintable():
        return None
    return f"{name[:60]!r} does not look like the name of a host{_hint(name)}"


def _is_ipv6(name: str) -> bool:
    if ":" not in name:
        return False
    try:
        IPv6Address(name)
    except ValueError:
        return False
    return True


def _hint(name: str) -> str:
    if simplified(name) in NAMES_OF_NO_HOST or name in NO_VALUES:
        return ""
    if "=" in name or name.startswith("["):
        return ": an inventory of Ansible is not read, write its hosts one a line"
    if any(separator in name for separator in ",;\t|"):
        return ": if this is CSV, its first line has to name the columns, as host,cell"
    if "#" in name or "//" in name:
        return ": a comment needs a line of its own, which begins with #"
    if any(quote in name for quote in "\"'`"):
        return ": write it without quotes, or as CSV below a header"
    if " " in name:
        return ": for more than one column, write a header, as host,cell"
    return ""


def read_plain(text: Text, columns: Columns, reading: Reading, *, is_sure: bool) -> None:
    """Read names of hosts; if the format was not given, only what looks like one."""
    del columns
    for number, line in text.significant():
        doubt = None if is_sure else doubt_about(line.rstrip("\t "))
        if doubt is None:
            reading.add(number, {"host": line})
        else:
            reading.bad(number, f"{doubt} (read as plain lines; {_AS_IT_IS})")
