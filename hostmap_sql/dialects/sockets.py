"""Operations on the sockets of server connections, beneath their drivers."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def keep_alive(timeout: float) -> dict[str, int]:
    """Return the TCP options, by name, that detect a dead connection.

    Unacknowledged data times out after half the call's timeout, which leaves time for a retry.
    """
    return {
        "tcp_keepidle": 30,
        "tcp_keepintvl": 10,
        "tcp_keepcnt": 3,
        "tcp_user_timeout": round(timeout * 500),
    }


def shut_down(file_number: Callable[[], int]) -> None:
    """Shut down a socket that another thread owns and may be closing."""
    number = file_number()
    duplicate = socket.socket(fileno=os.dup(number))
    with duplicate:
        # After a close, the number may have belonged to another file when it was duplicated.
        if file_number() == number:
            duplicate.shutdown(socket.SHUT_RDWR)


def detach(number: int) -> None:
    """Replace a socket inherited from the parent process by /dev/null, under the same number.

    Closing the connection then sends nothing to the server.
    """
    nowhere = os.open(os.devnull, os.O_RDWR)
    try:
        os.dup2(nowhere, number, inheritable=False)
    finally:
        os.close(nowhere)


def is_inherited(number: int) -> bool:
    """Whether the parent process has this socket too, as far as /proc shows it."""
    own = Path("/proc/self/fd", str(number)).readlink()
    try:
        links = Path(f"/proc/{os.getppid()}/fd").iterdir()
        return any(_target(link) == own for link in links)
    except OSError:  # another user's process, or a system without /proc
        return False


def _target(link: Path) -> Path | None:
    try:
        return link.readlink()
    except OSError:  # closed since it was listed
        return None
