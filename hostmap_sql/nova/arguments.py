"""Arguments that several functions of this package take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

from hostmap_sql.errors import InvalidValue
from hostmap_sql.quoting import mask_name

OnConflict = Literal["report", "move"]
"""How to treat cells and hosts that differ on the two sides: report them, or overwrite them."""

Progress = Callable[[int, int], object]
"""A callback ``(done, total)``, with numbers of items."""


def ignore_progress(_done: int, _total: int) -> None:
    """Ignore progress."""


def refuse_unknown_on_conflict(value: str) -> None:
    """Refuse values that are not an `OnConflict`.

    :raises InvalidValue: the value is not one of them.
    """
    known = get_args(OnConflict)
    if value not in known:
        raise InvalidValue("on_conflict", f"{mask_name(value)!r} is not one of {', '.join(known)}")
