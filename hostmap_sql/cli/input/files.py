"""The files that commands read, and how messages name them."""

from __future__ import annotations

import sys
from pathlib import Path

from hostmap_sql.errors import InvalidValue


def read_file(file: str, place: str) -> bytes:
    """Return the bytes of a file, or of standard input for "-".

    :param place: the argument or option that names the file.
    :raises InvalidValue: the file cannot be read.
    """
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise InvalidValue(place, f"{file!r} cannot be read: {error.strerror}") from error
    except ValueError:
        raise InvalidValue(place, f"{file!r} is not the name of a file") from None


def label(file: str) -> str:
    """Return the name of a file in messages."""
    return "standard input" if file == "-" else file
