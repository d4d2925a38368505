"""Reads small text files that hold secrets: up to a limit, and without waiting for a writer."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import BinaryIO

_LIMIT = 65_536
"""The largest size, in bytes: a larger file is not the intended one."""

OTHERS = stat.S_IROTH | stat.S_IWOTH
"""The permissions of users who are neither the owner of a file nor in its group."""


@dataclass(frozen=True)
class SmallFile:
    """The text of a file, and whether other users have access to it that `chmod` can remove."""

    text: str = field(repr=False)
    is_open_to_others: bool


def _open_without_waiting(path: str, flags: int) -> int:
    # Otherwise opening a named pipe would wait for a writer.
    return os.open(path, flags | os.O_NONBLOCK)


def read_small_file(path: str) -> SmallFile:
    """Read a file, or a pipe such as ``<(command)`` of a shell.

    :raises ValueError: it cannot be read, is too large or is not text. The message is a clause that
        quotes nothing.
    """
    try:
        with open(path, "rb", opener=_open_without_waiting) as file:
            descriptor = file.fileno()
            status = os.fstat(descriptor)
            os.set_blocking(descriptor, True)
            text = read_small_stream(file)
            # Secrets that systemd, Docker and Kubernetes mount are on read-only file systems.
            is_mounted = os.fstatvfs(descriptor).f_flag & os.ST_RDONLY
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None
    is_regular = stat.S_ISREG(status.st_mode)
    is_open_to_others = bool(is_regular and status.st_mode & OTHERS and not is_mounted)
    return SmallFile(text, is_open_to_others)


def read_small_stream(stream: BinaryIO) -> str:
    """Return the text of an open file, such as standard input.

    :raises ValueError: as `read_small_file`.
    """
    try:
        content = stream.read(_LIMIT + 1)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None
    problem = f"is larger than {_LIMIT // 1024} KiB"
    if len(content) <= _LIMIT:
        with suppress(UnicodeDecodeError):  # the error would hold the content
            return content.decode("utf-8-sig")
        problem = "is not UTF-8 text"
    del content  # a report of the error may show the locals of this frame
    raise ValueError(problem)
