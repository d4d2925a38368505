"""From records to pairs of a host and the UUID of its cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostmap_sql.cli.input.records import UnknownCell
from hostmap_sql.errors import InvalidValue
from hostmap_sql.validation import canonical_uuid, valid_host, valid_new_host

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hostmap_sql.cli.input.records import Record
    from hostmap_sql.models import CellMapping

# The service that runs on the hosts of cells; controllers run others.
_COMPUTE = "nova-compute"


def host_of(record: Record) -> str:
    """Return the host of a record.

    :raises InvalidValue: it is not the name of a host, or the file lists it for another service.
    """
    host = valid_host(record.values["host"])
    binary = record.values.get("binary")
    if binary and binary != _COMPUTE:
        raise InvalidValue(
            f"host {host!r}",
            f"is listed for {binary[:50]!r}, not for {_COMPUTE}: list those of {_COMPUTE} alone",
        )
    return host


class CellIndex:
    """The cells of a directory, found by name or UUID without a query."""

    def __init__(self, cells: Iterable[CellMapping]) -> None:
        self.by_uuid = {cell.uuid: cell for cell in cells}
        self._by_name = {cell.name: cell for cell in self.by_uuid.values()}

    def find(self, name_or_uuid: str) -> CellMapping | None:
        """Return the cell, None if there is none."""
        uuid = canonical_uuid(name_or_uuid)
        return self._by_name.get(name_or_uuid) if uuid is None else self.by_uuid.get(uuid)


class Pairing:
    """Finds the cell of each record: `pairs` has the UUID of each host's cell.

    :param cells: all cells of the directory.
    :param cell: the cell of records that name none, if an option gives it.
    """

    def __init__(self, cells: Iterable[CellMapping], cell: CellMapping | None) -> None:
        self.pairs: dict[str, str] = {}
        self._cell = cell
        self._cells = CellIndex(cells)
        self._first_lines: dict[str, int] = {}
        self._resolved: dict[tuple[str | None, str | None], CellMapping] = {}

    def add(self, record: Record) -> None:
        """Add the pair of a record.

        :raises UnknownCell: it names a cell that does not exist.
        :raises InvalidValue: it cannot be used.
        """
        host = valid_new_host(host_of(record))
        cell = self._cell_of(record)
        other = self.pairs.setdefault(host, cell.uuid)
        first = self._first_lines.setdefault(host, record.number)
        if other != cell.uuid:
            label = _label(self._cells.by_uuid[other])
            problem = f"is in {_label(cell)} here, but in {label} on line {first}"
            raise InvalidValue(f"host {host!r}", problem)

    def _cell_of(self, record: Record) -> CellMapping:
        key = record.values.get("cell"), record.values.get("cell_uuid")
        cell = self._resolved.get(key)
        if cell is None:
            cell = self._resolved[key] = self._resolve(*key)
        return cell

    def _resolve(self, name: str | None, uuid: str | None) -> CellMapping:
        """Return the cell of a name, a UUID or both.

        An unknown UUID does not matter if the name is known: a cell that was created again has
        one UUID here and another in Nova.
        """
        if uuid and canonical_uuid(uuid) is None:
            raise InvalidValue("cell UUID", f"{uuid[:50]!r} is not a UUID")
        # Of two, the UUID counts: names of cells in Nova may be missing and are not unique.
        named = [text for text in (uuid, name) if text]
        if not named:
            if self._cell is None:
                problem = "names no cell: give it one, or all of them by --cell"
                raise InvalidValue("the line", problem)
            return self._cell
        found = [cell for text in named if (cell := self._cells.find(text))]
        if not found:
            raise UnknownCell(f"there is no cell {' or '.join(map(repr, named))}", named[-1])
        cell = found[0]
        if found[-1] is not cell:
            problem = f"is not {cell.uuid}, which is {_label(cell)} here"
            raise InvalidValue(f"cell {name!r}", problem)
        if cell.is_cell0:
            raise InvalidValue(_label(cell), "is cell0, to which no host can be mapped")
        if self._cell and cell.uuid != self._cell.uuid:
            problem = f"names {_label(cell)}, but --cell names {_label(self._cell)}"
            raise InvalidValue("the line", problem)
        return cell


def _label(cell: CellMapping) -> str:
    return f"cell {cell.name!r}"
