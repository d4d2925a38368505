"""Reading a list of hosts or cells in any format."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from hostmap_sql.cli.input.aligned import read_aligned
from hostmap_sql.cli.input.decoding import decode
from hostmap_sql.cli.input.delimited import read_delimited
from hostmap_sql.cli.input.detection import detect_format
from hostmap_sql.cli.input.json_documents import read_json
from hostmap_sql.cli.input.lines import read_lines
from hostmap_sql.cli.input.records import Reading, TooManyBadLines, Unreadable, accept_all
from hostmap_sql.cli.input.source import Source
from hostmap_sql.cli.input.table import read_table
from hostmap_sql.cli.input.yaml_documents import read_yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hostmap_sql.cli.input.columns import Columns
    from hostmap_sql.cli.input.records import Record

FORMATS: Mapping[str, Callable[[Source, Reading], None]] = {
    "csv": read_delimited,
    "json": read_json,
    "jsonl": read_json,
    "yaml": read_yaml,
    "table": read_table,
    "aligned": read_aligned,
    "lines": read_lines,
}
"""The reader of each format."""


def read_records(
    data: bytes,
    columns: Columns,
    form: str | None = None,
    accept: Callable[[Record], object] = accept_all,
) -> Reading:
    """Read the records of a file, and its bad lines, up to `MAX_BAD_LINES`.

    :param form: one of `FORMATS`; None to recognize it by the first lines.
    :param accept: called with each record; see `Reading`.
    """
    reading = Reading(accept)
    with suppress(TooManyBadLines):
        try:
            source = Source(decode(data, reading), columns, is_format_given=form is not None)
            if next(source.significant_lines(), None) is not None:
                FORMATS[form or detect_format(source)](source, reading)
            elif not reading.bad_lines:
                reading.bad(1, "the input is empty")
        except Unreadable as error:
            reading.bad(error.number, error.problem)
    return reading
