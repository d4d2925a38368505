"""Reading a file of hosts or cells, in whatever format it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import click

from hostmap_sql.cli.input.aligned import read_aligned
from hostmap_sql.cli.input.delimited import read_delimited
from hostmap_sql.cli.input.detection import Undetected, detect_format
from hostmap_sql.cli.input.json_documents import read_json
from hostmap_sql.cli.input.plain import read_plain
from hostmap_sql.cli.input.records import Reading
from hostmap_sql.cli.input.table import read_table
from hostmap_sql.cli.input.text import decode
from hostmap_sql.cli.input.yaml_documents import read_yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hostmap_sql.cli.input.columns import Columns
    from hostmap_sql.cli.input.text import Text


class _Reader(Protocol):
    def __call__(
        self, text: Text, columns: Columns, reading: Reading, *, is_sure: bool
    ) -> None: ...


FORMATS: Mapping[str, _Reader] = {
    "csv": read_delimited,
    "json": read_json,
    "jsonl": read_json,
    "yaml": read_yaml,
    "table": read_table,
    "aligned": read_aligned,
    "lines": read_plain,
}
"""How to read each format."""


def read_records(data: bytes, columns: Columns, form: str | None = None) -> Reading:
    """Read a file.

    :param form: one of `FORMATS`; None to tell it by the first lines.
    """
    reading = Reading()
    text = decode(data, reading)
    if next(text.significant(), None) is None:
        if not reading.bad_lines:
            reading.bad(1, "the input is empty")
        return reading
    try:
        chosen = form or detect_format(text, columns)
    except Undetected as error:
        reading.bad(error.number, error.problem)
    else:
        FORMATS[chosen](text, columns, reading, is_sure=form is not None)
    return reading


def format_options(*, cells: bool) -> Callable[[Any], Any]:
    """The options that say how a file of hosts is to be read.

    :param cells: whether the command reads the cells too.
    """

    def decorate(command: Any) -> Any:
        if cells:
            command = click.option(
                "--cell-column",
                metavar="NAME",
                help="The column, or key, with the names or UUIDs of the cells.",
            )(command)
        command = click.option(
            "--host-column", metavar="NAME", help="The column, or key, with the hosts."
        )(command)
        return click.option(
            "--input-format",
            type=click.Choice([*FORMATS]),
            help="The format of FILE. Default: told by its first lines.",
        )(command)

    return decorate
