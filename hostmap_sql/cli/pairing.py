"""From the lines of an inventory to pairs of a host and a cell: all that is wrong is found here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostmap_sql.cli.inventory import BadLine
from hostmap_sql.errors import InvalidValue
from hostmap_sql.models import valid_host, valid_uuid

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hostmap_sql.cli.inventory import Entry, Inventory
    from hostmap_sql.models import CellMapping


class _UnknownCell(Exception):
    """A line names a cell that is not in the directory."""


class Pairing:
    """Finds the cell of each entry, and keeps what was wrong with the others.

    :param cells: all cells of the directory.
    :param cell: the cell of all hosts, where it was given apart.
    """

    def __init__(self, cells: Iterable[CellMapping], cell: CellMapping | None) -> None:
        self.pairs: dict[str, str] = {}
        self.bad_lines: list[BadLine] = []
        self._cell = cell
        self._by_uuid = {cell.uuid: cell for cell in cells}
        self._by_name = {cell.name: cell for cell in self._by_uuid.values()}
        self._numbers: dict[str, int] = {}
        self._texts: dict[tuple[str | None, str | None], CellMapping] = {}

    def read(self, inventory: Inventory) -> None:
        """Take all entries of an inventory."""
        self.bad_lines.extend(inventory.bad_lines)
        for entry in inventory.entries:
            try:
                self._add(entry)
            except _UnknownCell as error:
                self.bad_lines.append(BadLine(entry.number, str(error), is_unknown_cell=True))
            except InvalidValue as error:
                self.bad_lines.append(BadLine(entry.number, str(error)))
        self.bad_lines.sort(key=lambda bad: bad.number)

    def _add(self, entry: Entry) -> None:
        host = valid_host(entry.host)
        cell = self._cell_of(entry)
        other = self.pairs.setdefault(host, cell.uuid)
        first = self._numbers.setdefault(host, entry.number)
        if other != cell.uuid:
            raise InvalidValue(
                f"host {host!r}",
                f"is in {_label(cell)} here, but in {_label(self._by_uuid[other])} on line {first}",
            )

    def _cell_of(self, entry: Entry) -> CellMapping:
        key = entry.cell, entry.cell_uuid
        cell = self._texts.get(key)
        if cell is None:
            cell = self._texts[key] = self._found(entry)
        return cell

    def _found(self, entry: Entry) -> CellMapping:
        # Nova's names are not unique and may be missing: of two, the UUID is the better one. But
        # a cell that was made anew here has another UUID than in Nova.
        named = [text for text in (entry.cell_uuid, entry.cell) if text]
        cells = [cell for text in named if (cell := self._lookup(text))]
        if not named and self._cell:
            return self._cell
        if not named:
            raise InvalidValue("the line", "names no cell: give it one, or all of them by --cell")
        if not cells:
            names = " or ".join(map(repr, named))
            raise _UnknownCell(f"there is no cell {names}")
        cell = cells[0]
        if cells[-1] is not cell:
            raise InvalidValue(
                f"cell {entry.cell!r}", f"is not {cell.uuid}, which is {_label(cell)} here"
            )
        if cell.is_cell0:
            raise InvalidValue(_label(cell), "is cell0, to which no host can be mapped")
        if self._cell and cell.uuid != self._cell.uuid:
            raise InvalidValue("the line", f"names {_label(cell)}, but --cell {_label(self._cell)}")
        return cell

    def _lookup(self, text: str) -> CellMapping | None:
        try:
            return self._by_uuid.get(valid_uuid(text, "cell"))
        except InvalidValue:
            return self._by_name.get(text)


def _label(cell: CellMapping) -> str:
    return f"cell {cell.name!r}"
