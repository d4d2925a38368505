"""Reading lists of hosts: CSV, JSON lines, tables as `nova-manage` prints them, plain names."""

from __future__ import annotations

import codecs
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hostmap_sql.cli.output import plural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

# A line and its number, as an editor counts them.
Line = tuple[int, str]

# The columns that are read, by what they are called here, in Nova and elsewhere.
_COLUMNS = {
    "host": "host",
    "hostname": "host",
    "cell": "cell",
    "cell name": "cell",
    "cell_name": "cell",
    "cell uuid": "cell_uuid",
    "cell_uuid": "cell_uuid",
}


@dataclass(frozen=True)
class Entry:
    """A host and what its line says of its cell: its name or UUID, or both, or nothing."""

    number: int
    host: str
    cell: str | None = None
    cell_uuid: str | None = None


@dataclass(frozen=True)
class BadLine:
    """A line that cannot be used, and why."""

    number: int
    problem: str
    is_unknown_cell: bool = False


@dataclass
class Inventory:
    """What was read, and what could not be."""

    entries: list[Entry] = field(default_factory=list)
    bad_lines: list[BadLine] = field(default_factory=list)

    def bad(self, number: int, problem: str) -> None:
        """Note that a line cannot be used."""
        self.bad_lines.append(BadLine(number, problem))


def read_inventory(data: bytes, form: str | None, *, has_cell: bool) -> Inventory:
    """Read a list of hosts.

    :param form: one of `FORMS`; None to tell it by the first line.
    :param has_cell: the cell was given apart, so that the names of hosts alone will do.
    """
    inventory = Inventory()
    lines = [*text_lines(data, inventory)]
    if not lines:
        if not inventory.bad_lines:
            inventory.bad(1, "the input is empty")
        return inventory
    if form is None:
        form = _form_of(lines[0][1], has_cell=has_cell)
    FORMS[form](lines, inventory)
    return inventory


def text_lines(data: bytes, inventory: Inventory) -> Iterable[Line]:
    """The lines with something on them, whatever system wrote them; no comments."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        # What PowerShell's ">" writes.
        data = data.decode("utf-16", errors="replace").encode()
    data = data.removeprefix(codecs.BOM_UTF8).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    for number, line in enumerate(data.split(b"\n"), 1):
        try:
            text = line.decode()
        except UnicodeDecodeError:
            inventory.bad(number, "is not UTF-8 text")
            continue
        if text.strip() and not text.startswith("#"):
            yield number, text


def _form_of(first: str, *, has_cell: bool) -> str:
    start = first.lstrip()
    if start.startswith(("+-", "|")):
        return "table"
    if start.startswith(("{", "[")):
        return "jsonl"
    if has_cell and "," not in first and _column(first) is None:
        return "lines"
    return "csv"


def _column(name: str) -> str | None:
    return _COLUMNS.get(name.strip().lower())


# --- rows with a header ---------------------------------------------------------------------------


def _read_csv(lines: Sequence[Line], inventory: Inventory) -> None:
    import csv  # noqa: PLC0415 - only for those who import

    def fields(text: str) -> list[str]:
        return next(csv.reader([text], strict=True))

    _read_rows(lines, inventory, fields, csv.Error)


def _read_table(lines: Sequence[Line], inventory: Inventory) -> None:
    rows = [(number, text) for number, text in lines if not _is_rule(text)]
    _read_rows(rows, inventory, _cells_of_table, ValueError)


def _is_rule(text: str) -> bool:
    return text.lstrip().startswith("+") and not text.strip().strip("+-=")


def _cells_of_table(text: str) -> list[str]:
    text = text.strip()
    if not (text.startswith("|") and text.endswith("|") and len(text) > 1):
        raise ValueError("is not a row of the table")
    return [cell.strip() for cell in text[1:-1].split("|")]


def _read_rows(
    lines: Sequence[Line],
    inventory: Inventory,
    fields: Callable[[str], list[str]],
    error_type: type[Exception],
) -> None:
    header: list[str | None] | None = None
    for number, text in lines:
        try:
            values = fields(text)
        except error_type as error:
            inventory.bad(number, f"cannot be read: {error}" if header else _not_a_header(text))
            if header is None:
                return
            continue
        if header is None:
            header = [_column(name) for name in values]
            twice = header.count("cell") > 1 or header.count("cell_uuid") > 1
            if header.count("host") != 1 or twice:
                inventory.bad(number, _not_a_header(text))
                return
        elif len(values) != len(header):
            inventory.bad(number, f"has {plural(len(values), 'field')}, the header {len(header)}")
        else:
            row = {name: value for name, value in zip(header, values, strict=True) if name}
            inventory.entries.append(Entry(number, **row))


def _not_a_header(text: str) -> str:
    return f"{text[:40]!r} is not a header: the first line has to name the columns, as host,cell"


# --- others ---------------------------------------------------------------------------------------


def _read_json_lines(lines: Sequence[Line], inventory: Inventory) -> None:
    for number, line in lines:
        # An array with an object a line, as `host list --format json` prints it, will do too.
        text = line.strip().removesuffix(",")
        if text in ("[", "]"):
            continue
        try:
            value = json.loads(text)
        except json.JSONDecodeError as error:
            inventory.bad(number, f"is not JSON: {error.msg} (column {error.colno})")
        except (ValueError, RecursionError):
            inventory.bad(number, "is not JSON that anybody needs for a host and a cell")
        else:
            for item in value if isinstance(value, list) else [value]:
                _read_object(number, item, inventory)


def _read_object(number: int, item: Any, inventory: Inventory) -> None:
    if not isinstance(item, dict):
        inventory.bad(number, 'is not an object such as {"host": "compute-1", "cell": "cell1"}')
        return
    known = [(name, item[key]) for key in item if (name := _column(key)) and item[key] is not None]
    values: Mapping[str, Any] = dict(known)
    wrong = [name for name, value in values.items() if not isinstance(value, str)]
    if len(known) > len(values):
        inventory.bad(number, "says the host or the cell twice")
    elif wrong:
        inventory.bad(number, f"{wrong[0]} must be text")
    elif "host" not in values:
        inventory.bad(number, "has no host")
    else:
        inventory.entries.append(Entry(number, **values))


def _read_plain(lines: Sequence[Line], inventory: Inventory) -> None:
    inventory.entries.extend(Entry(number, text) for number, text in lines)


FORMS: Mapping[str, Callable[[Sequence[Line], Inventory], None]] = {
    "csv": _read_csv,
    "jsonl": _read_json_lines,
    "table": _read_table,
    "lines": _read_plain,
}
"""How to read each form of input."""
