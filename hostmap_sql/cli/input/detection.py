"""Recognizing the format of a file by its first lines."""

from __future__ import annotations

import re
from itertools import islice, pairwise, starmap
from typing import TYPE_CHECKING

from hostmap_sql.cli.input import aligned, delimited, table
from hostmap_sql.cli.input.json_documents import is_json
from hostmap_sql.cli.input.records import Unreadable

if TYPE_CHECKING:
    from hostmap_sql.cli.input.source import Source

# A table may begin this far down, below the lines of a log.
_LINES_BEFORE_A_TABLE = 1_000

_YAML_ITEM = re.compile(r"\s*-(\s|\Z)")
_YAML_KEY = re.compile(r"""\s*+(?:[\w.\-/ ]++|"[^"]*"|'[^']*')\s*+:(?:\s|\Z)""")
_YAML_START = re.compile(r"---(\s|\Z)|%YAML")
_SECTION = re.compile(r"\s*\[{1,2}[\w.:\- ]+\]{1,2}\s*(?:[#;].*)?\Z")


def detect_format(source: Source) -> str:
    """Return the format of a text that has a significant line.

    :raises Unreadable: the format is INI or TOML, which are not supported.
    """
    number, first = next(source.significant_lines())
    if _has_table(source):
        return "table"
    start = first.lstrip()[0]
    if start in "{[":
        if _SECTION.match(first) and not is_json(source.text):
            problem = (
                "begins an INI or TOML file, such as an inventory of Ansible, which is not read: "
                "write the names of the hosts one a line"
            )
            raise Unreadable(number, problem)
        return "json"
    if _YAML_START.match(first) or _YAML_ITEM.match(first):
        return "yaml"
    return _format_with_header(source, first) or _format_without_header(source, first)


def _format_with_header(source: Source, first: str) -> str | None:
    if delimited.separator_line(first) or delimited.header_separators(first, source.columns):
        return "csv"
    return "aligned" if aligned.is_header(first, source.columns) else None


def _format_without_header(source: Source, first: str) -> str:
    if first.startswith('"') and not delimited.fields_of(first, ",")[1:] and is_json(source.text):
        return "json"
    if _YAML_KEY.match(first):
        return "yaml"
    return "lines" if source.columns.takes_names and not source.columns.chosen else "csv"


def _has_table(source: Source) -> bool:
    lines = source.lines[:_LINES_BEFORE_A_TABLE]
    for line, below in pairwise([*lines, ""]):
        if table.is_rule(line) and table.is_row(below) and not table.is_rule(below):
            return True
        if table.is_row(line) and table.is_rule(below):
            return True
    # A title or a rule may stand above the header.
    first = [line for _, line in islice(source.significant_lines(), 3)]
    return table.is_row(first[0]) or any(starmap(table.is_open_header, pairwise(first)))
