"""`hostmap cell rotate`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from hostmap_sql.cli.arguments import IS_MASKED
from hostmap_sql.cli.cells import cells
from hostmap_sql.cli.context import WRITES
from hostmap_sql.cli.drain import dry_run_option
from hostmap_sql.cli.files import label, read_file, refuse_bad_lines
from hostmap_sql.cli.inventory import BadLine, Inventory, text_lines
from hostmap_sql.cli.output import plural, show_summary
from hostmap_sql.cli.plans import PLAN_COLUMNS, plan_row, show_plan
from hostmap_sql.errors import InvalidValue
from hostmap_sql.models import valid_url
from hostmap_sql.urls import MASK
from hostmap_sql.uuids import canonical_uuid

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hostmap_sql.cli.context import Settings
    from hostmap_sql.cli.inventory import Line
    from hostmap_sql.models import CellMapping
    from hostmap_sql.urls import SecretUrl

_URLS = ("transport_url", "database_connection")
_FIELDS = ("cell", *_URLS)


@cells.command(
    "rotate",
    columns=("updated", "unchanged", "revision"),
    uses=WRITES,
    plan_columns=PLAN_COLUMNS,
    example="hostmap cell rotate --file urls.csv --dry-run\n"
    "hostmap cell rotate --file - --reason 'passwords rotated' < urls.csv",
)
@click.option("--file", metavar="FILE", required=True, help="The new URLs; - reads standard input.")
@dry_run_option
@click.pass_obj
def rotate(settings: Settings, /, *, file: str, dry_run: bool) -> None:
    """Give many cells new URLs, all of them as one change.

    FILE is CSV with the header cell,transport_url,database_connection; or JSON lines with these
    keys. An empty or absent field leaves that URL as it is.

    The whole file is checked before anything is written, and every bad line is reported with its
    number. Without a URL that is new it changes nothing.
    """
    data = read_file(file, "--file")
    with settings.open() as hostmap:
        rotation = _Rotation(hostmap.cells.list())
        rotation.read(data)
        refuse_bad_lines(rotation.bad_lines, label(file))
        plan = rotation.plan()
        if dry_run:
            sentence = f"{plural(len(plan), 'cell')} would be updated"
            show_plan(settings, plan, sentence)
            return
        updated = hostmap.cells.update_many(rotation.urls)
    revision = updated[0].revision if updated else None
    unchanged = len(rotation.urls) - len(updated)
    row = {"updated": len(updated), "unchanged": unchanged, "revision": revision}
    when = f" (revision {revision})" if revision else ""
    sentence = f"updated {plural(len(updated), 'cell')}, unchanged {unchanged:,}{when}"
    show_summary(settings, row, sentence)


@dataclass
class _Rotation:
    """The new URLs of cells, and the lines that cannot be used. No message quotes a URL."""

    cells: Sequence[CellMapping]
    urls: dict[str, dict[str, SecretUrl]] = field(default_factory=dict)
    bad_lines: list[BadLine] = field(default_factory=list)
    _numbers: dict[str, int] = field(default_factory=dict)

    def plan(self) -> list[dict[str, Any]]:
        """What would change."""
        rows = []
        for cell in self.cells:
            new = self.urls.get(cell.uuid, {})
            differ = [name for name, url in new.items() if url != getattr(cell, name)]
            if differ:
                rows.append(plan_row("update", "cell", cell.name, detail=", ".join(differ)))
        return rows

    def read(self, data: bytes) -> None:
        """Take the lines of a file."""
        inventory = Inventory()
        lines = [*text_lines(data, inventory)]
        self.bad_lines.extend(inventory.bad_lines)
        if not lines:
            if not self.bad_lines:
                self._bad(1, "the input is empty")
        elif lines[0][1].lstrip().startswith(("{", "[")):
            self._read_json_lines(lines)
        else:
            self._read_csv(lines)

    def _bad(self, number: int, problem: str, *, is_unknown_cell: bool = False) -> None:
        self.bad_lines.append(BadLine(number, problem, is_unknown_cell))

    def _read_json_lines(self, lines: Iterable[Line]) -> None:
        for number, line in lines:
            text = line.strip().removesuffix(",")
            if text in ("[", "]"):
                continue
            try:
                value = json.loads(text)
            except (ValueError, RecursionError):
                self._bad(number, "is not JSON")
                continue
            if isinstance(value, dict) and set(value) <= {*_FIELDS}:
                self._take(number, value)
            else:
                self._bad(number, f"is not an object with the keys {', '.join(_FIELDS)} alone")

    def _read_csv(self, lines: Sequence[Line]) -> None:
        import csv  # noqa: PLC0415 - only for those who rotate

        header: list[str] | None = None
        for number, text in lines:
            try:
                values = next(csv.reader([text], strict=True))
            except csv.Error as error:
                self._bad(number, f"cannot be read: {error}")
                continue
            if header is None:
                header = [value.strip().lower() for value in values]
                if not _is_header(header):
                    self._bad(number, f"is not the header {','.join(_FIELDS)}")
                    return
            elif len(values) != len(header):
                counts = f"has {plural(len(values), 'field')}, the header {len(header)}"
                self._bad(number, counts)
            else:
                self._take(number, dict(zip(header, values, strict=True)))

    def _take(self, number: int, values: Mapping[str, Any]) -> None:
        values = {name: value for name, value in values.items() if value not in (None, "")}
        wrong = [name for name, value in values.items() if not isinstance(value, str)]
        if wrong:
            self._bad(number, f"{wrong[0]} must be text")
            return
        if "cell" not in values:
            self._bad(number, "names no cell")
            return
        cell = self._cell(values["cell"])
        if cell is None:
            # A line that is out of order may have a URL in this place, or a part of one.
            named = "" if {*":/@"} & {*values["cell"]} else f" {values['cell']!r}"
            self._bad(number, f"there is no such cell{named}", is_unknown_cell=True)
            return
        first = self._numbers.setdefault(cell.uuid, number)
        if first != number:
            self._bad(number, f"cell {cell.name!r} is named on line {first} already")
            return
        try:
            self.urls[cell.uuid] = {
                name: url for name in _URLS if (url := _new_url(values.get(name), name))
            }
        except InvalidValue as error:
            self._bad(number, str(error))

    def _cell(self, text: str) -> CellMapping | None:
        uuid = canonical_uuid(text)
        by = "name" if uuid is None else "uuid"
        return next((cell for cell in self.cells if getattr(cell, by) == (uuid or text)), None)


def _is_header(names: Sequence[str]) -> bool:
    return set(names) <= {*_FIELDS} and len(set(names)) == len(names) and "cell" in names


def _new_url(value: str | None, field: str) -> SecretUrl | None:
    if value is not None and MASK in value:
        raise InvalidValue(field, IS_MASKED)
    return valid_url(value, field)
