"""The files that commands read, and how messages name them."""

from __future__ import annotations

import sys
from pathlib import Path

from hostmap_sql.errors import InvalidValue

# Enough for a million hosts in any format. Devices and pipes may be endless.
_MAX_MEBIBYTES = 512


def read_file(file: str, place: str) -> bytes:
    """Return the bytes of a file, or of standard input for "-".

    :param place: the argument or option that names the file.
    :raises InvalidValue: the file cannot be read, or is too large.
    """
    size = _MAX_MEBIBYTES * 2**20
    try:
        if file == "-":
            data = sys.stdin.buffer.read(size + 1)
        else:
            with Path(file).open("rb") as stream:
                data = stream.read(size + 1)
    except OSError as error:
        raise InvalidValue(place, f"{file!r} cannot be read: {error.strerror}") from error
    except ValueError:
        raise InvalidValue(place, f"{file!r} is not the name of a file") from None
    if len(data) > size:
        problem = f"{label(file)!r} is larger than {_MAX_MEBIBYTES} MiB: split it"
        raise InvalidValue(place, problem)
    return data


def label(file: str) -> str:
    """Return the name of a file in messages."""
    return "standard input" if file == "-" else file
