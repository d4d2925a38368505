"""The result of reading a file: its records, and the lines that cannot be used."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from hostmap_sql.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_BAD_LINES = 1_000
"""Reading stops after this number of bad lines: this is the wrong file, or a hostile one."""


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


class UnknownCell(Exception):
    """A record names a cell that does not exist.

    :param cell: the cell; empty if messages must not quote it.
    """

    def __init__(self, problem: str, cell: str) -> None:
        super().__init__(problem)
        self.cell = cell


class TooManyBadLines(Exception):
    """Reading stops: the file has `MAX_BAD_LINES` bad lines."""


def accept_all(_record: Record) -> None:
    """Refuse no record."""


@dataclass
class Reading:
    """The records and the bad lines of a file.

    `skipped` are the numbers of lines outside a table, such as those of a log.

    :param accept: called with each record; raises `InvalidValue`, `UnknownCell` or `Unreadable` to
        refuse it.
    """

    accept: Callable[[Record], object] = accept_all
    records: list[Record] = field(default_factory=list)
    bad_lines: list[BadLine] = field(default_factory=list)
    skipped: list[int] = field(default_factory=list)

    @property
    def is_stopped(self) -> bool:
        """Whether reading stopped, because there are too many bad lines."""
        return len(self.bad_lines) >= MAX_BAD_LINES

    def add(self, number: int, values: dict[str, Any]) -> None:
        """Add a record, or a bad line if it is refused."""
        record = Record(number, values)
        try:
            self.accept(record)
        except UnknownCell as error:
            self.bad(number, str(error), error.cell)
        except Unreadable as error:
            self.bad(number, error.problem)
        except InvalidValue as error:
            self.bad(number, str(error))
        else:
            self.records.append(record)

    def bad(self, number: int, problem: str, unknown_cell: str | None = None) -> None:
        """Add a bad line.

        :raises TooManyBadLines: it is the last one to add.
        """
        self.bad_lines.append(BadLine(number, problem, unknown_cell))
        if self.is_stopped:
            raise TooManyBadLines
