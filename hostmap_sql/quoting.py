"""Quoting values in errors: plain names in full, possible passwords masked."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping
from typing import TypeVar, cast

from hostmap_sql.concealing import NotText, SecretText
from hostmap_sql.masking import MASK, mask, shows_name, shows_path

T = TypeVar("T")

# Longer than any name; longer text would take long to search.
_LONGEST = 1_000

# More than the pairs in the arguments of a call.
_MAX_DEPTH = 8

# An assignment, such as "password = ..." or "password s3cret".
ASSIGNMENT = re.compile(
    r"(?:(?:passw|passphrase|pwd|secret|token|credential|(?:api|access|private|ssl)[-_]?key)"
    r"[\w-]{0,30}|(?:pass|key)(?=[\"']?\s{0,5}[=:]))"
    r"[\"']?(?:\s{0,5}(?P<sign>[=:>])\s{0,5}|\s{1,8})",
    re.IGNORECASE,
)


class _MaskedText(SecretText):
    """A text that shows as `mask` shows it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(mask(str(self)))


def mask_name(text: T) -> T:
    """Return a name for errors; if it may contain a URL or a login, its `repr` is masked.

    A caller may pass a URL as the wrong argument.

    >>> mask_name("compute-1"), mask_name("rabbit://nova:s3cret@mq1/"), mask_name("nova:s3cret@mq1")
    ('compute-1', 'rabbit://nova:***@mq1/', '***')
    """
    if not may_be_secret(text):
        return text
    return cast("T", _MaskedText(text) if isinstance(text, str) else NotText(text))


def show_name(name: T) -> T | str:
    """Return a name for sentences, without quotes, masked where `mask_name` masks.

    >>> show_name("the database"), show_name("mysql://nova:s3cret@db/hostmap")
    ('the database', 'mysql://nova:***@db/hostmap')
    """
    return mask(name) if isinstance(name, str) and may_be_secret(name) else name


def may_be_secret(value: object, depth: int = 0) -> bool:
    """Return whether a value may contain a URL, a login or a password."""
    if isinstance(value, str):
        return _text_may_be_secret(value)
    if isinstance(value, bytes | bytearray):
        return _text_may_be_secret(value.decode("latin-1"))
    if isinstance(value, os.PathLike):
        return _text_may_be_secret(str(value))
    if isinstance(value, Collection):
        items = value.items() if isinstance(value, Mapping) else value
        # A collection may contain itself.
        return depth > _MAX_DEPTH or any(may_be_secret(item, depth + 1) for item in items)
    return isinstance(value, Iterator)  # its items may be consumed


def _text_may_be_secret(text: str) -> bool:
    if len(text) > _LONGEST:
        return True
    has_login = 0 <= text.find(":") < text.rfind("@")
    return (
        "://" in text
        or has_login
        or any(match["sign"] in ("=", ":") for match in ASSIGNMENT.finditer(text))
    )


def show_path(path: str) -> str:
    """Return the path of a file for messages: masked, unless it has the plain form of a path.

    >>> show_path("/var/lib/hostmap.db"), show_path("/var/lib/x;password=s3cret.db")
    ('/var/lib/hostmap.db', '***')
    """
    return path if shows_path(path) else MASK


def show_option(name: str) -> str:
    """Describe an option of a URL by its name, unless the name may be a piece of a password.

    >>> show_option("ssl-mode"), show_option("x;y")
    ("the option 'ssl-mode'", 'an option')
    """
    return f"the option {name!r}" if shows_name(name) else "an option"
