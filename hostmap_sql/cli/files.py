"""Files that commands read: their bytes, and what is said of their bad lines."""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from hostmap_sql.cli import errors
from hostmap_sql.cli.output import plural
from hostmap_sql.cli.suggestions import question, similar_cells
from hostmap_sql.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from hostmap_sql.cli.input.records import BadLine
    from hostmap_sql.models import CellMapping

# How many lines, and how many different problems of one kind, are quoted.
_MOST_EXAMPLES = 10

# What differs between two problems of one kind: what they quote, and numbers.
_DETAILS = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\d+""")


def read_file(file: str, place: str) -> bytes:
    """The bytes of a file, - of standard input, that some place of the command line names."""
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise InvalidValue(place, f"{file!r} cannot be read: {error.strerror}") from error
    except ValueError:
        raise InvalidValue(place, f"{file!r} is not the name of a file") from None


def label(file: str) -> str:
    """What messages call it."""
    return "standard input" if file == "-" else file


def say_passed_over(numbers: Sequence[int], name: str) -> None:
    """Report the lines of a file that were not read, as they are outside of its table."""
    if numbers:
        lines = f"{plural(len(numbers), 'line')} outside of the table ({numbers_text(numbers)})"
        errors.say(f"{name}: passed over {lines}")


def refuse_bad_lines(
    bad_lines: Collection[BadLine],
    name: str,
    but: str = "nothing was written",
    cells: Collection[CellMapping] = (),
) -> None:
    """Report the lines that cannot be used, and fail if there is one.

    Lines with the same problem are one sentence. Of problems of one kind, ten are quoted.

    :param cells: the cells that could be meant by names that are not known.
    """
    if not bad_lines:
        return
    bad_lines = sorted(dict.fromkeys(bad_lines), key=lambda bad: bad.number)
    for sentence in _sentences(bad_lines, name, cells):
        errors.say(sentence)
    only_unknown_cells = all(bad.unknown_cell is not None for bad in bad_lines)
    raise errors.Failure(
        f"{name} has {plural(len(bad_lines), 'bad line')}: {but}",
        errors.NOT_FOUND if only_unknown_cells else errors.WRONG_USAGE,
    )


def _sentences(
    bad_lines: Sequence[BadLine], name: str, cells: Collection[CellMapping]
) -> Iterator[str]:
    """What is wrong, in the order of the lines."""
    by_problem: dict[str, list[BadLine]] = {}
    for bad in bad_lines:
        by_problem.setdefault(bad.problem, []).append(bad)
    groups = [group for alike in by_problem.values() for group in _groups(alike)]
    groups.sort(key=lambda group: group[0].number)
    shown: Counter[str] = Counter()
    rest: dict[str, list[BadLine]] = {}
    for group in groups:
        kind = _DETAILS.sub("", group[0].problem)
        shown[kind] += 1
        if shown[kind] <= _MOST_EXAMPLES:
            yield _sentence(group, name, cells)
        else:
            rest.setdefault(kind, []).extend(group)
    for more in rest.values():
        lines = plural(len(more), "more line")
        yield f"{name}: {lines} with problems of this kind, the first is line {more[0].number}"


def _groups(alike: Sequence[BadLine]) -> Sequence[Sequence[BadLine]]:
    """Lines with the same problem: together if they are many, or if they name one unknown cell."""
    if alike[0].unknown_cell or len(alike) > _MOST_EXAMPLES:
        return [alike]
    return [[bad] for bad in alike]


def _sentence(alike: Sequence[BadLine], name: str, cells: Collection[CellMapping]) -> str:
    """What is wrong with one line, or with all that have the same problem."""
    first = alike[0]
    hint = ""
    if first.unknown_cell:
        similar = similar_cells(first.unknown_cell, cells)
        hint = f": {question(similar)}" if similar else ""
    if len(alike) == 1:
        return f"{name}, line {first.number}: {first.problem}{hint}"
    if first.unknown_cell:
        lines = f"{plural(len(alike), 'line')} name the unknown cell {first.unknown_cell!r}"
        return f"{name}: {lines}{hint} ({_places(alike)})"
    more = f"and {plural(len(alike) - 1, 'more line')}: {_places(alike[1:])}"
    return f"{name}, line {first.number}: {first.problem} ({more})"


def _places(bad_lines: Sequence[BadLine]) -> str:
    return numbers_text([bad.number for bad in bad_lines])


def numbers_text(numbers: Sequence[int]) -> str:
    """The numbers of some lines, of which ten are named: "3, 4, 5"."""
    named = ", ".join(map(str, numbers[:_MOST_EXAMPLES]))
    return f"{named}, ..." if len(numbers) > _MOST_EXAMPLES else named
