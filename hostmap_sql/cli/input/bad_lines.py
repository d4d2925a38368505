"""Reporting the lines of a file that cannot be used, or were skipped."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from hostmap_sql.cli.framework import errors
from hostmap_sql.cli.framework.suggestions import question, similar_cells
from hostmap_sql.cli.framework.wording import plural

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from hostmap_sql.cli.input.records import BadLine, Reading
    from hostmap_sql.models import CellMapping

# How many lines, and how many problems of one kind, are quoted.
_MAX_EXAMPLES = 10

# Quotations and numbers: problems of one kind differ in nothing else.
_DETAILS = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\d+""")


def print_skipped(numbers: Sequence[int], name: str) -> None:
    """Report the lines of a file that are outside its table."""
    if numbers:
        lines = f"{plural(len(numbers), 'line')} outside the table ({_numbers_text(numbers)})"
        errors.print_status(f"{name}: skipped {lines}")


def refuse_bad_lines(
    reading: Reading,
    name: str,
    consequence: str = "nothing was written",
    cells: Collection[CellMapping] = (),
) -> None:
    """Report the bad lines of a file, then fail, if there are any.

    Lines with the same problem share a sentence. Of the problems of one kind, ten are quoted.

    :param name: the name of the file in messages.
    :param consequence: the end of the error message.
    :param cells: the cells to suggest in place of unknown ones.
    :raises Failure: there are bad lines.
    """
    if not reading.bad_lines:
        return
    bad_lines = sorted(dict.fromkeys(reading.bad_lines), key=lambda bad: bad.number)
    for sentence in _sentences(bad_lines, name, cells):
        errors.print_status(sentence)
    only_unknown_cells = all(bad.unknown_cell is not None for bad in bad_lines)
    number = plural(len(bad_lines), "bad line")
    if reading.is_stopped:
        number += f" up to line {bad_lines[-1].number:,}, where reading stopped"
    raise errors.Failure(
        f"{name} has {number}: {consequence}",
        errors.NOT_FOUND if only_unknown_cells else errors.WRONG_USAGE,
    )


def _sentences(
    bad_lines: Sequence[BadLine], name: str, cells: Collection[CellMapping]
) -> Iterator[str]:
    """Yield a sentence for each group of lines, in the order of the lines."""
    by_problem: dict[str, list[BadLine]] = {}
    for bad in bad_lines:
        by_problem.setdefault(bad.problem, []).append(bad)
    groups = [group for same in by_problem.values() for group in _groups(same)]
    groups.sort(key=lambda group: group[0].number)
    quoted: Counter[str] = Counter()
    rest: dict[str, list[BadLine]] = {}
    for group in groups:
        kind = _DETAILS.sub("", group[0].problem)
        quoted[kind] += 1
        if quoted[kind] <= _MAX_EXAMPLES:
            yield _sentence(group, name, cells)
        else:
            rest.setdefault(kind, []).extend(group)
    for more in rest.values():
        lines = plural(len(more), "more line")
        yield f"{name}: {lines} with problems of this kind, the first is line {more[0].number}"


def _groups(same: Sequence[BadLine]) -> Sequence[Sequence[BadLine]]:
    """Group lines with the same problem if they are many or name one unknown cell."""
    if same[0].unknown_cell or len(same) > _MAX_EXAMPLES:
        return [same]
    return [[bad] for bad in same]


def _sentence(group: Sequence[BadLine], name: str, cells: Collection[CellMapping]) -> str:
    first = group[0]
    numbers = [bad.number for bad in group]
    hint = ""
    if first.unknown_cell:
        similar = similar_cells(first.unknown_cell, cells)
        hint = f": {question(similar)}" if similar else ""
    if len(group) == 1:
        return f"{name}, line {first.number}: {first.problem}{hint}"
    if first.unknown_cell:
        lines = f"{plural(len(group), 'line')} name the unknown cell {first.unknown_cell!r}"
        return f"{name}: {lines}{hint} ({_numbers_text(numbers)})"
    more = f"and {plural(len(group) - 1, 'more line')}: {_numbers_text(numbers[1:])}"
    return f"{name}, line {first.number}: {first.problem} ({more})"


def _numbers_text(numbers: Sequence[int]) -> str:
    """Return line numbers as text, the first ten of them: "3, 4, 5"."""
    listed = ", ".join(map(str, numbers[:_MAX_EXAMPLES]))
    return f"{listed}, ..." if len(numbers) > _MAX_EXAMPLES else listed
