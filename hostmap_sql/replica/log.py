"""The logger of replicas."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from logging import Logger


def logger() -> Logger:
    """Return the logger of replicas."""
    # Lazy: with `traceback`, a tenth of the import time of the library.
    from logging import getLogger  # noqa: PLC0415

    return getLogger("hostmap_sql.replica")
