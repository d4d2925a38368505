"""UUIDs as text: canonical, so in lower case and with hyphens."""

from __future__ import annotations

import re

_CANONICAL = re.compile("[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


def new_uuid() -> str:
    """A random UUID."""
    # Not at the top, here and below: it brings `platform`, a tenth of the time of our import.
    from uuid import uuid4  # noqa: PLC0415

    return str(uuid4())


def canonical_uuid(value: object) -> str | None:
    """A UUID, or text in any form that `uuid.UUID` reads, in canonical form; None if it is none."""
    if isinstance(value, str) and _CANONICAL.fullmatch(value):
        return value
    from uuid import UUID  # noqa: PLC0415

    if isinstance(value, UUID):
        return str(value)
    try:
        return str(UUID(value)) if isinstance(value, str) else None
    except ValueError:
        return None
