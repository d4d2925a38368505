"""What readers return: the records of a file, and the lines that cannot be used."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Record(NamedTuple):
    """The values of one host or cell, by role ("host", "cell", ...), and the line it begins on."""

    number: int
    values: dict[str, Any]


@dataclass(frozen=True)
class BadLine:
    """A line that cannot be used, and why.

    :param unknown_cell: the name or UUID by which there is no cell, where that is what is wrong;
        empty if it must not be quoted.
    """

    number: int
    problem: str
    unknown_cell: str | None = None


@dataclass
class Reading:
    """What was read from a file, and what could not be.

    `passed_over` are the numbers of lines outside of a table, such as those of a log.
    """

    records: list[Record] = field(default_factory=list)
    bad_lines: list[BadLine] = field(default_factory=list)
    passed_over: list[int] = field(default_factory=list)

    def add(self, number: int, values: dict[str, Any]) -> None:
        """Add a record."""
        self.records.append(Record(number, values))

    def bad(self, number: int, problem: str) -> None:
        """Note that a line cannot be used."""
        self.bad_lines.append(BadLine(number, problem))


class Flaw(str):
    """Stands for a value that cannot be used, and says why: "names the key 'host' twice"."""

    __slots__ = ()
