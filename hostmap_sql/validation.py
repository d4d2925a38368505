"""Checks the values that callers pass in, and returns them in canonical form; makes UUIDs.

Each `valid_...` function raises `InvalidValue` for a value that cannot be used.
"""

from __future__ import annotations

import re

from hostmap_sql.concealing import conceal, type_name
from hostmap_sql.errors import InvalidValue
from hostmap_sql.masking import MAX_URL_LENGTH, SCHEME
from hostmap_sql.models import CELL0_UUID
from hostmap_sql.quoting import mask_name
from hostmap_sql.sealed_text import is_sealed
from hostmap_sql.secret_url import SecretUrl

MAX_BIGINT = (1 << 63) - 1
"""The largest number that a BIGINT column holds."""

MAX_SECONDS = 86_400
"""The longest pause or timeout, in seconds: one day."""

MAX_NAME_LENGTH = 255
"""The most characters of a host name, a cell name, an author or a reason."""

_CANONICAL_UUID = re.compile("[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


def valid_name(value: object, field: str) -> str:
    """Check a host name, cell name, author or reason, and return it unchanged.

    :raises InvalidValue: it is not 1 to 255 printable characters, or has white space at an end.
    """
    if not isinstance(value, str):
        raise InvalidValue(field, f"must be text, not {type(value).__name__}")
    if value.isprintable() and 0 < len(value) <= MAX_NAME_LENGTH and value == value.strip():
        return value
    raise InvalidValue(field, _name_problem(mask_name(value)))


def _name_problem(value: str) -> str:
    if not value:
        return "is empty"
    if len(value) > MAX_NAME_LENGTH:
        return f"{value[:20]!r}... has {len(value)} characters: the maximum is {MAX_NAME_LENGTH}"
    if value != value.strip():
        return f"{value!r} has leading or trailing white space: remove it"
    unprintable = next(character for character in value if not character.isprintable())
    return f"{value!r} holds {unprintable!r}, which is not a printable character"


def valid_host(value: object) -> str:
    """Check a host name; see `valid_name`."""
    return valid_name(value, "host")


def valid_new_host(value: object) -> str:
    """Check the name of a host to map; see `valid_name`.

    Other calls accept a name with ``://``: it may be in the directory, and can be deleted.

    :raises InvalidValue: it cannot be used, or holds ``://``.
    """
    _refuse_url(value, "host")
    return valid_host(value)


def valid_cell_name(value: object, uuid: str) -> str:
    """Check a cell name; see `valid_name`.

    :raises InvalidValue: it reads as a UUID other than the cell's: lookups would confuse them; or
        it holds ``://``.
    """
    _refuse_url(value, "name")
    name = valid_name(value, "name")
    if canonical_uuid(name) in (None, uuid):
        return name
    raise InvalidValue(
        "name", f"{mask_name(name)!r} reads as the UUID of another cell: choose another name"
    )


def _refuse_url(value: object, field: str) -> None:
    """Refuse a URL in place of a name. The message does not quote it: it may hold a password."""
    if isinstance(value, str) and "://" in value:
        raise InvalidValue(field, "holds ://, as a URL does: give the name alone")


def valid_author(value: object) -> str | None:
    """Check an author, or None; see `valid_name`."""
    return None if value is None else valid_name(value, "author")


def valid_reason(value: object) -> str | None:
    """Check a reason, or None; see `valid_name`."""
    return None if value is None else valid_name(value, "reason")


def new_uuid() -> str:
    """Return a random UUID."""
    # Lazy, here and below: `uuid` imports `platform`, a tenth of the import time of the library.
    from uuid import uuid4  # noqa: PLC0415

    return str(uuid4())


def canonical_uuid(value: object) -> str | None:
    """Return a UUID, or text that `uuid.UUID` reads, in canonical form; None for anything else."""
    if isinstance(value, str) and _CANONICAL_UUID.fullmatch(value):
        return value
    from uuid import UUID  # noqa: PLC0415

    if isinstance(value, UUID):
        return str(value)
    try:
        return str(UUID(value)) if isinstance(value, str) else None
    except ValueError:
        return None


def valid_uuid(value: object, field: str) -> str:
    """Return a UUID in canonical form, from any form that `uuid.UUID` reads."""
    uuid = canonical_uuid(value)
    if uuid is None:
        given = repr(mask_name(value)[:50]) if isinstance(value, str) else type(value).__name__
        raise InvalidValue(field, f"must be a UUID, not {given}")
    return uuid


def valid_cell_of_host(value: object, field: str = "cell_uuid") -> str:
    """Return the canonical UUID of a cell that can have hosts: any cell but cell0."""
    uuid = valid_uuid(value, field)
    if uuid == CELL0_UUID:
        raise InvalidValue(field, "is that of cell0, to which no host can be mapped")
    return uuid


def valid_url(value: object, field: str) -> SecretUrl | None:
    """Check the URL of a cell, or a template of one (``{scheme}://{username}:...``), or None.

    :raises InvalidValue: it is not a URL. The message never quotes it: it may hold a password.
    """
    value = conceal(value)
    if isinstance(value, SecretUrl):
        value = conceal(value.written())
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidValue(field, f"must be text, not {type_name(value)}")
    if not re.match(SCHEME, value):
        raise InvalidValue(field, "is not a URL: it must begin with a scheme and ://")
    if is_sealed(value):
        raise InvalidValue(field, "is sealed already: give the URL itself, as `reveal` returns it")
    if not value.isprintable() or " " in value:
        raise InvalidValue(field, "holds a space or a control character: write it as %XX")
    if len(value) > MAX_URL_LENGTH:
        raise InvalidValue(field, f"is too long: the maximum is {MAX_URL_LENGTH} characters")
    return SecretUrl(value)


def valid_flag(value: object, field: str) -> bool:
    """Check a value that must be True or False."""
    if not isinstance(value, bool):
        raise InvalidValue(field, f"must be True or False, not {type(value).__name__}")
    return value


def valid_number(value: object, field: str, *, least: int = 0) -> int:
    """Check a whole number, such as a revision or a limit, that fits into a BIGINT column."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= MAX_BIGINT:
        raise InvalidValue(field, f"must be a whole number from {least} to {MAX_BIGINT}")
    return int(value)  # drivers bind an IntEnum by its name


def valid_seconds(value: object, field: str, *, zero: bool = True) -> float:
    """Check a pause or a timeout in seconds, at most a day; with ``zero=False``, more than 0."""
    if (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and 0 <= value <= MAX_SECONDS
        and (value or zero)
    ):
        return float(value)
    least = "0" if zero else "above 0"
    raise InvalidValue(field, f"must be a number of seconds from {least} to {MAX_SECONDS}")


def valid_timeout(value: object) -> float:
    """Check the timeout of a call, in seconds: more than 0, at most a day."""
    return valid_seconds(value, "timeout", zero=False)
