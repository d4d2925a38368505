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

# What programs print for no value, or for none that is a name.
NO_VALUES = frozenset(
    ["None", "none", "null", "NULL", "N/A", "n/a", "NaN", "nan", "-", "--", "—"]
).union(["true", "false", "True", "False"])

# A word that may be anything, such as Forbidden, the whole of an error page.
_WORD = re.compile(r"[^\W\d_]{3,}\Z")

# What `ansible --list-hosts` prints above the names, which it indents.
_ANSIBLE_COUNT = re.compile(r"\s*hosts \((\d+)\):\Z")

_AS_IT_IS = "--input-format lines takes each line as it is"


def doubt_about(name: str, *, is_quoted: bool = False) -> str | None:
    """Why a text should not be taken for the name of a host, None if it may.

    :param is_quoted: it stands in a list whose format says where it begins and ends.
    """
    is_header = simplified(name) in NAMES_OF_NO_HOST
    is_word = is_header or name in NO_VALUES
    pattern = _UNBROKEN if is_quoted else _PLAUSIBLE
    if (pattern.match(name) or _is_ipv6(name)) and not is_word:
        return None
    # What valid_host refuses, it explains better.
    if not name or name != name.strip() or not name.replace("\t", " ").isprintable():
        return None
    hint = _hint(name) if not is_word else _HEADER_HINT.format(name) if is_header else ""
    return f"{quoted(name)} does not look like the name of a host{hint}"


def _is_ipv6(name: str) -> bool:
    if ":" not in name:
        return False
    try:
        IPv6Address(name)
    except ValueError:
        return False
    return True


_HEADER_HINT = ": if it heads a column, write --host-column {}"

_ONE_A_LINE = "write the names of the hosts one a line"

_AN_EXAMPLE = "host,cell (or --host-column)"

_HINTS = tuple(
    (re.compile(pattern), hint)
    for pattern, hint in (
        (r"\w ?=", f"lines with =, as in an inventory of Ansible, are not read, {_ONE_A_LINE}"),
        (r"[\[{*]", f"patterns, as in an inventory of Ansible, are not read, {_ONE_A_LINE}"),
        (
            r"[,;\t|]",
            f"if this is CSV, its first line has to name the columns, as {_AN_EXAMPLE}",
        ),
        (r"#|^/|\s/", "a comment needs a line of its own, which begins with #"),
        (r"[/@:]", "write the name alone"),
        ("[\"'`]", "write it without quotes, or as CSV below a header"),
        (" ", "for more than one column, write a header, as host,cell"),
    )
)
"""What to do about a text that has a part like one of these; the first that fits."""


def _hint(name: str) -> str:
    return next((f": {hint}" for pattern, hint in _HINTS if pattern.search(name)), "")


def read_plain(text: Text, columns: Columns, reading: Reading, *, is_sure: bool) -> None:
    """Read names of hosts; if the format was not given, only what looks like one."""
    del columns
    lines = [*text.significant()]
    if not is_sure:
        if len(lines) == 1 and _WORD.match(lines[0][1].strip()):
            reading.bad(lines[0][0], lone_word(lines[0][1]))
            return
        if count := _ANSIBLE_COUNT.match(lines[0][1]):
            number, _ = lines.pop(0)
            if int(count[1]) != len(lines):
                reading.bad(number, f"says {count[1]} hosts: {len(lines)} are below")
            lines = [(number, line.strip(" ")) for number, line in lines]
    for number, line in lines:
        doubt = None if is_sure else doubt_about(line.rstrip("\t "))
        if doubt is None:
            reading.add(number, {"host": line})
        else:
            reading.bad(number, f"{doubt} (read as plain lines; {_AS_IT_IS})")


def lone_word(line: str) -> str:
    """What is said of a file that is one word."""
    return (
        f"{quoted(line.strip())} can be a header without hosts, a message, or a host: write "
        "--input-format csv for a header, --input-format lines for a host"
    )
