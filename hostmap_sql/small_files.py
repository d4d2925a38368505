"""Reads small text files that hold secrets: up to a limit, and without waiting for a writer."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import dataclass, field

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
            content = file.read(_LIMIT + 1)
            # Secrets that systemd, Docker and Kubernetes mount are on read-only file systems.
            is_mounted = os.fstatvfs(descriptor).f_flag & os.ST_RDONLY
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None
    if len(content) > _LIMIT:
        raise ValueError(f"is larger than {_LIMIT // 1024} KiB")
    with suppress(UnicodeDecodeError):  # the error would hold the content
        text = content.decode("utf-8-sig")
        is_regular = stat.S_ISREG(status.st_mode)
        return SmallFile(text, bool(is_regular and status.st_mode & OTHERS and not is_mounted))
    del content
    raise ValueError("is not UTF-8 text")
