"""`hostmap cell rotate`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from hostmap_sql.cli.framework.commands import Command
from hostmap_sql.cli.framework.options import SEALS, WRITES, dry_run_option
from hostmap_sql.cli.framework.param_types import IS_MASKED
from hostmap_sql.cli.framework.redaction import quotable
from hostmap_sql.cli.framework.wording import plural
from hostmap_sql.cli.input.bad_lines import refuse_bad_lines
from hostmap_sql.cli.input.columns import ROTATION_COLUMNS
from hostmap_sql.cli.input.files import label, read_file
from hostmap_sql.cli.input.options import input_format_option
from hostmap_sql.cli.input.reader import read_records
from hostmap_sql.cli.input.records import UnknownCell, Unreadable
from hostmap_sql.cli.input.resolve_cells import CellIndex
from hostmap_sql.cli.output.dry_run import PLAN_COLUMNS, plan_row, show_plan
from hostmap_sql.cli.output.formats import show_summary
from hostmap_sql.errors import InvalidValue
from hostmap_sql.masking import MASK
from hostmap_sql.models import URL_FIELDS
from hostmap_sql.validation import canonical_uuid, valid_url

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hostmap_sql.cli.framework.settings import Settings
    from hostmap_sql.cli.input.records import Record
    from hostmap_sql.models import CellMapping
    from hostmap_sql.secret_url import SecretUrl


@click.command(
    "rotate",
    cls=Command,
    columns=("updated", "unchanged", "revision"),
    uses=(*WRITES, *SEALS),
    plan_columns=PLAN_COLUMNS,
    example="hostmap cell rotate --file urls.csv --dry-run\n"
    "hostmap cell rotate --file - --reason 'passwords rotated' < urls.csv",
)
@click.option("--file", metavar="FILE", required=True, help="The new URLs; - reads standard input.")
@input_format_option(without={"lines"})
@dry_run_option
@click.pass_obj
def rotate_urls(
    settings: Settings, /, *, file: str, input_format: str | None, dry_run: bool
) -> None:
    """Change the URLs of many cells, in one change.

    FILE may be CSV with the header cell,transport_url,database_connection, JSON or YAML with these
    keys, or any other format with columns that `hostmap host import` reads. An empty or missing
    field leaves that URL as it is.

    The whole file is checked before anything is written, and bad lines are reported by number. If
    no URL is new, nothing changes.
    """
    data = read_file(file, "--file")
    with settings.open() as hostmap:
        rotation = _Rotation(hostmap.cells.list())
        reading = read_records(data, ROTATION_COLUMNS, input_format, rotation.add)
        refuse_bad_lines(reading, label(file), cells=rotation.cells)
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
    """The new URLs of cells. No message quotes a URL."""

    cells: Sequence[CellMapping]
    urls: dict[str, dict[str, SecretUrl]] = field(default_factory=dict)
    _numbers: dict[str, int] = field(default_factory=dict)
    _index: CellIndex = field(init=False)

    def __post_init__(self) -> None:
        self._index = CellIndex(self.cells)

    def plan(self) -> list[dict[str, Any]]:
        """List the cells that would change."""
        rows = []
        for cell in self.cells:
            new = self.urls.get(cell.uuid, {})
            differ = [name for name, url in new.items() if url != getattr(cell, name)]
            if differ:
                rows.append(plan_row("update", "cell", cell.name, detail=", ".join(differ)))
        return rows

    def add(self, record: Record) -> None:
        """Add the new URLs of a record.

        :raises UnknownCell: it names a cell that does not exist.
        :raises Unreadable: it names no cell.
        :raises InvalidValue: it names a cell twice, or a URL cannot be used.
        """
        values = {name: value for name, value in record.values.items() if value}
        if "cell" not in values:
            raise Unreadable(record.number, "names no cell")
        name = values["cell"]
        cell = self._index.find(name)
        if cell is None:
            # If the fields are in the wrong order, this may be a URL or a password.
            is_quotable = quotable(name) == name or canonical_uuid(name) is not None
            named = f" {name!r}" if is_quotable else ""
            raise UnknownCell(f"there is no such cell{named}", name if is_quotable else "")
        first = self._numbers.setdefault(cell.uuid, record.number)
        if first != record.number:
            problem = f"is named on line {first} already"
            raise InvalidValue(f"cell {cell.name!r}", problem)
        self.urls[cell.uuid] = {
            name: url for name in URL_FIELDS if (url := _new_url(values.get(name), name))
        }


def _new_url(value: str | None, field: str) -> SecretUrl | None:
    if value is not None and MASK in value:
        raise InvalidValue(field, IS_MASKED)
    return valid_url(value, field)
