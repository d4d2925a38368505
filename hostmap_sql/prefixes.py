"""Ranges of host names: all that begin with a prefix lie between two bounds, both excluded.

A range finds its rows by an index on every database and needs no escaping, unlike LIKE. All of them
order names by code point, as Python does.
"""

from __future__ import annotations

from hostmap_sql.errors import InvalidValue
from hostmap_sql.models import MAX_NAME_LENGTH

# No printable character, so in no name, and after all that are.
_LAST = "\U0010ffff"


def valid_prefix(prefix: str | None) -> str:
    """A prefix of host names; none is the empty one. Unlike a name it may end in a space.

    :raises InvalidValue: no name begins so.
    """
    if prefix is None:
        return ""
    if not isinstance(prefix, str):
        raise InvalidValue("prefix", f"must be text, not {type(prefix).__name__}")
    if not prefix.isprintable() or prefix.startswith(" ") or len(prefix) > MAX_NAME_LENGTH:
        raise InvalidValue("prefix", f"{prefix[:20]!r} is not the beginning of any host name")
    return prefix


def below_all(prefix: str) -> str:
    """A text below all names that begin with the prefix, and above all others below them."""
    if not prefix or prefix.endswith(" "):
        # A name does not end in a space. MySQL ignores spaces at the end: so would it take
        # "rack" for "rack ".
        return prefix
    # Never a surrogate, which no database takes: what comes after those is not printable.
    return prefix[:-1] + chr(ord(prefix[-1]) - 1) + _LAST


def past_all(prefix: str) -> str:
    """A text above all names that begin with the prefix, and below all others above them."""
    return prefix + _LAST
