"""From the records of an inventory to pairs of a host and a cell; all that is wrong is found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostmap_sql.cli.input.records import BadLine
from hostmap_sql.errors import InvalidValue
from hostmap_sql.models import valid_host
from hostmap_sql.uuids import canonical_uuid

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hostmap_sql.cli.input.records import Reading, Record
    from hostmap_sql.models import CellMapping


# The service that runs on the hosts of cells. Controllers have others.
_COMPUTE = "nova-compute"


class _UnknownCell(Exception):
    """A line names a cell that is not in the directory."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(f"there is no cell {' or '.join(map(repr, names))}")
        self.name = names[-1]


def host_of(record: Record) -> str:
    """The host of a record.

    :raises InvalidValue: it is not the name of one, or the list says that no host of a cell is it.
    """
    host = valid_host(record.values["host"])
    binary = record.values.get("binary")
    if binary and binary != _COMPUTE:
        raise InvalidValue(
            f"host {host!r}",
            f"is listed for {binary[:50]!r}, not for {_COMPUTE}: list those of {_COMPUTE} alone",
        )
    return host


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

    def read(self, reading: Reading) -> None:
        """Take all records of an inventory."""
        self.bad_lines.extend(reading.bad_lines)
        for record in reading.records:
            try:
                self._add(record)
            except _UnknownCell as error:
                self.bad_lines.append(BadLine(record.number, str(error), error.name))
            except InvalidValue as error:
                self.bad_lines.append(BadLine(record.number, str(error)))

    def _add(self, record: Record) -> None:
        host = host_of(record)
        cell = self._cell_of(record)
        other = self.pairs.setdefault(host, cell.uuid)
        first = self._numbers.setdefault(host, record.number)
        if other != cell.uuid:
            raise InvalidValue(
                f"host {host!r}",
                f"is in {_label(cell)} here, but in {_label(self._by_uuid[other])} on line {first}",
            )

    def _cell_of(self, record: Record) -> CellMapping:
        key = record.values.get("cell"), record.values.get("cell_uuid")
        cell = self._texts.get(key)
        if cell is None:
            cell = self._texts[key] = self._found(*key)
        return cell

    def _found(self, name: str | None, uuid: str | None) -> CellMapping:
        if uuid and canonical_uuid(uuid) is None:
            raise InvalidValue("cell UUID", f"{uuid[:50]!r} is none")
        # Nova's names are not unique and may be missing: of two, the UUID is the better one. But
        # a cell that was made anew here has another UUID than in Nova.
        named = [text for text in (uuid, name) if text]
        cells = [cell for text in named if (cell := self._lookup(text))]
        if not named and self._cell:
            return self._cell
        if not named:
            raise InvalidValue("the line", "names no cell: give it one, or all of them by --cell")
        if not cells:
            raise _UnknownCell(named)
        cell = cells[0]
        if cells[-1] is not cell:
            raise InvalidValue(
                f"cell {name!r}", f"is not {cell.uuid}, which is {_label(cell)} here"
            )
        if cell.is_cell0:
            raise InvalidValue(_label(cell), "is cell0, to which no host can be mapped")
        if self._cell and cell.uuid != self._cell.uuid:
            raise InvalidValue(
                "the line", f"names {_label(cell)}, but --cell names {_label(self._cell)}"
            )
        return cell

    def _lookup(self, text: str) -> CellMapping | None:
        uuid = canonical_uuid(text)
        return self._by_name.get(text) if uuid is None else self._by_uuid.get(uuid)


def _label(cell: CellMapping) -> str:
    return f"cell {cell.name!r}"
