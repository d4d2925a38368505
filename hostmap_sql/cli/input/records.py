"""The result of reading a file: its records, and the lines that cannot be used."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Record(NamedTuple):
    """The values of one host or cell, by role ("host", "cell", ...), and its first line."""

    number: int
    values: dict[str, Any]


@dataclass(frozen=True)
class BadLine:
    """A line that cannot be used, and why.

    :param unknown_cell: the cell that the line names, if that cell does not exist; empty if
        messages must not quote it.
    """

    number: int
    problem: str
    unknown_cell: str | None = None


class Unreadable(Exception):
    """A line, or the file from that line on, cannot be read.

    :param problem: the fault of the line, without a subject: "is not JSON".
    """

    def __init__(self, number: int, problem: str) -> None:
        super().__init__(number, problem)
        self.number = number
        self.problem = problem


@dataclass
class Reading:
    """The records and the bad lines of a file.

    `skipped` are the numbers of lines outside a table, such as those of a log.
    """

    records: list[Record] = field(default_factory=list)
    bad_lines: list[BadLine] = field(default_factory=list)
    skipped: list[int] = field(default_factory=list)

    def add(self, number: int, values: dict[str, Any]) -> None:
        """Add a record."""
        self.records.append(Record(number, values))

    def bad(self, number: int, problem: str) -> None:
        """Add a bad line."""
        self.bad_lines.append(BadLine(number, problem))
