"""Telling names of hosts from other text, such as headers, messages and commands' None."""

from __future__ import annotations

import re
from ipaddress import IPv6Address

from hostmap_sql.cli.input.columns import COLUMN_WORDS, simplified
from hostmap_sql.cli.input.source import quoted

# Words and hyphens between dots, but not a number alone.
_PLAUSIBLE = re.compile(r"(?!\d+\Z)(?!_+\Z)\w[\w.\-]*\Z")

# In JSON and YAML the format delimits a name, so it may have more characters.
_PLAUSIBLE_IN_A_LIST = re.compile(r"[^\s,;|=#\"'`<>()\[\]{}]+\Z")

NO_VALUES = frozenset(["None", "none", "null", "NULL", "N/A", "n/a", "NaN", "nan", "-", "--", "—"])
NO_VALUES |= {"true", "false", "True", "False"}
"""Words that programs print where a value is absent, or is not a name."""

# A word that may be anything, such as Forbidden, the whole of an error page.
_WORD = re.compile(r"[^\W\d_]{3,}\Z")

_ONE_A_LINE = "write the names of the hosts one a line"
_CSV_EXAMPLE = "host,cell (or --host-column)"

# The first pattern that a text contains gives the advice.
_ADVICE = tuple(
    (re.compile(pattern), advice)
    for pattern, advice in (
        (r"\w ?=", f"lines with =, as in an inventory of Ansible, are not read, {_ONE_A_LINE}"),
        (r"[\[{*]", f"patterns, as in an inventory of Ansible, are not read, {_ONE_A_LINE}"),
        (r"[,;\t|]", f"if this is CSV, its first line has to name the columns, as {_CSV_EXAMPLE}"),
        (r"#|^/|\s/", "a comment needs a line of its own, which begins with #"),
        (r"[/@:]", "write the name alone"),
        ("[\"'`]", "write it without quotes, or as CSV below a header"),
        (" ", "for more than one column, write a header, as host,cell"),
    )
)


def doubt_about(name: str, *, in_a_list: bool = False) -> str | None:
    """Return why a text should not be taken for the name of a host, None if it may be one.

    A text that `valid_host` refuses gives no doubt: it explains the fault better.

    :param in_a_list: the text is from JSON or YAML.
    """
    is_column_word = simplified(name) in COLUMN_WORDS
    is_other_word = not is_column_word and name in NO_VALUES
    if not (is_column_word or is_other_word):
        pattern = _PLAUSIBLE_IN_A_LIST if in_a_list else _PLAUSIBLE
        if pattern.match(name) or _is_ipv6(name):
            return None
    if not name or name != name.strip() or not name.replace("\t", " ").isprintable():
        return None
    if is_column_word:
        advice = f": if it heads a column, write --host-column {name}"
    elif is_other_word:
        advice = ""
    else:
        advice = next((f": {text}" for pattern, text in _ADVICE if pattern.search(name)), "")
    return f"{quoted(name)} does not look like the name of a host{advice}"


def is_word(line: str) -> bool:
    """Return whether a line is one word of letters, which may be a host or a message."""
    return bool(_WORD.match(line.strip()))


def lone_word(line: str) -> str:
    """Return the problem of a file that is one word."""
    return (
        f"{quoted(line.strip())} can be a header without hosts, a message, or a host: write "
        "--input-format csv for a header, --input-format lines for a host"
    )


def _is_ipv6(name: str) -> bool:
    if ":" not in name:
        return False
    try:
        IPv6Address(name)
    except ValueError:
        return False
    return True
