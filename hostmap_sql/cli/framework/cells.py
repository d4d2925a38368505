"""Finding the cells that arguments and options name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostmap_sql.errors import InvalidValue

if TYPE_CHECKING:
    from hostmap_sql import HostMap, WriteTransaction
    from hostmap_sql.models import CellMapping


def find_cell(directory: HostMap | WriteTransaction, cell: str, place: str = "CELL") -> CellMapping:
    """Find a cell by its name or UUID.

    :param place: the argument or option that names it, for the message of an error.
    """
    try:
        return directory.cells.resolve(cell)
    except InvalidValue as error:
        raise InvalidValue(place, error.problem) from None


def find_cell_uuid(
    directory: HostMap | WriteTransaction, cell: str | None, option: str
) -> str | None:
    """Find the UUID of the cell that an option names; None if the option is not given."""
    return None if cell is None else find_cell(directory, cell, option).uuid
