"""Which format a file has, told by its first lines; one that is not read is refused by name."""

from __future__ import annotations

import re
from itertools import islice, pairwise, starmap
from typing import TYPE_CHECKING

from hostmap_sql.cli.input import aligned, delimited, table
from hostmap_sql.cli.input.json_documents import is_json

if TYPE_CHECKING:
    from hostmap_sql.cli.input.columns import Columns
    from hostmap_sql.cli.input.text import Text

# So far down a table may begin, below the lines of a log.
_LINES_BEFORE_A_TABLE = 1_000

_YAML_ITEM = re.compile(r"\s*-(\s|\Z)")
_YAML_KEY = re.compile(r"""\s*(?:[\w.\-/ ]+|"[^"]*"|'[^']*')\s*:(?:\s|\Z)""")
_YAML_START = re.compile(r"---(\s|\Z)|%YAML")
_SECTION = re.compile(r"\s*\[{1,2}[\w.:\- ]+\]{1,2}\s*(?:[#;].*)?\Z")


class Undetected(Exception):
    """The format cannot be told, or is not read: on which line, and what to write instead."""

    def __init__(self, number: int, problem: str) -> None:
        super().__init__(number, problem)
        self.number = number
        self.problem = problem


def detect_format(text: Text, columns: Columns) -> str:
    """The format of a text that has a significant line.

    :raises Undetected: it has none for sure.
    """
    number, first = next(text.significant())
    if _has_table(text):
        return "table"
    start = first.lstrip()[0]
    if start in "{[":
        if _SECTION.match(first) and not is_json(text):
            problem = (
                "begins an INI or TOML file, such as an inventory of Ansible, which is not read: "
                "write the names of the hosts one a line"
            )
            raise Undetected(number, problem)
        return "json"
    if _YAML_START.match(first) or _YAML_ITEM.match(first):
        return "yaml"
    return _format_with_header(first, columns) or _format_without(text, first, columns)


def _format_with_header(first: str, columns: Columns) -> str | None:
    if delimited.separator_line(first) or delimited.header_separators(first, columns):
        return "csv"
    return "aligned" if aligned.is_header(first, columns) else None


def _format_without(text: Text, first: str, columns: Columns) -> str:
    if first.startswith('"') and not delimited.fields_of(first, ",")[1:] and is_json(text):
        return "json"
    if _YAML_KEY.match(first):
        return "yaml"
    return "lines" if columns.takes_names and not columns.chosen else "csv"


def _has_table(text: Text) -> bool:
    lines = text.lines[:_LINES_BEFORE_A_TABLE]
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if table.is_rule(line) and table.is_row(below) and not table.is_rule(below):
            return True
        if table.is_row(line) and table.is_rule(below):
            return True
    # A title or a rule may stand above the header.
    first = [line for _, line in islice(text.significant(), 3)]
    return table.is_row(first[0]) or any(starmap(table.is_open_header, pairwise(first)))
