"""Files that commands read: their bytes, and what is said of their bad lines."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from hostmap_sql.cli import errors
from hostmap_sql.cli.output import plural
from hostmap_sql.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hostmap_sql.cli.inventory import BadLine


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


def refuse_bad_lines(
    bad_lines: Sequence[BadLine], name: str, but: str = "nothing was written"
) -> None:
    """Report each line that cannot be used, and fail if there is one."""
    if not bad_lines:
        return
    for bad in sorted(bad_lines, key=lambda bad: bad.number):
        errors.say(f"{name}, line {bad.number}: {bad.problem}")
    only_unknown_cells = all(bad.is_unknown_cell for bad in bad_lines)
    raise errors.Failure(
        f"{name} has {plural(len(bad_lines), 'bad line')}: {but}",
        errors.NOT_FOUND if only_unknown_cells else errors.WRONG_USAGE,
    )
