"""Unique cell names for the directory, made from Nova's, which may be missing or equal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostmap_sql.errors import InvalidValue
from hostmap_sql.validation import valid_cell_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def candidate_names(cells: Iterable[tuple[str, str | None]]) -> Mapping[str, tuple[str, ...]]:
    """Return, by UUID, the names that a cell may have in the directory, the best one first.

    :param cells: the UUID and the name of each cell, in the order of Nova's ids: of cells with the
        same name, the first keeps it.
    """
    taken: set[str] = set()
    names = {}
    for uuid, name in cells:
        with_uuid = f"{name}-{uuid[:8]}"
        candidates = (name, with_uuid) if name and _is_valid(name, uuid) else ()
        free = (c for c in candidates if c not in taken and _is_valid(c, uuid))
        names[uuid] = (*free, uuid)
        taken.add(names[uuid][0])
    return names


def _is_valid(name: str, uuid: str) -> bool:
    try:
        valid_cell_name(name, uuid)
    except InvalidValue:
        return False
    return True
