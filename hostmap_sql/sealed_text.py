"""The form of a sealed URL in the table: ``sealed://KEY/DATA``."""

from __future__ import annotations

import re

SEALED = "sealed://"

MAX_SEALED_LENGTH = 65_535
"""The most characters of a sealed URL, all of them ASCII: MySQL's TEXT holds as many bytes."""

# Compiled at their first use, which saves import time.
_KEY_ID = "[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
_FORM = f"{SEALED}({_KEY_ID})/[!-~]+"


def is_sealed(url: str) -> bool:
    """Return whether a text has the scheme of sealed URLs, in upper or lower case."""
    return url[: len(SEALED)].lower() == SEALED


def is_key_id(text: str) -> bool:
    """Return whether a text can be the id of a key: 1 to 64 letters, digits and ``. _ -``."""
    return re.fullmatch(_KEY_ID, text) is not None


def key_id_of(url: str) -> str | None:
    """Return the id of the key that sealed a URL; None if the text is not well-formed."""
    match = re.fullmatch(_FORM, url)
    return match[1] if match else None


def visible_part(url: str) -> str:
    """Return the part of a sealed URL that is no secret: the scheme and the id of the key.

    >>> visible_part("sealed://2026-11/8sxYjcPZ")
    'sealed://2026-11/'
    """
    key = key_id_of(url)
    return SEALED if key is None else f"{SEALED}{key}/"
