"""What is done to the sockets of servers' connections, beside or against their drivers."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from hostmap_sql.dialects.system_faults import fault_of_socket

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def keep_alive(timeout: float) -> dict[str, int]:
    """How the system finds out that a silent connection is dead, by the names of TCP's options.

    What was sent and nobody acknowledged is given up in half the time, so that there is time left
    to try another connection.
    """
    return {
        "tcp_keepidle": 30,
        "tcp_keepintvl": 10,
        "tcp_keepcnt": 3,
        "tcp_user_timeout": round(timeout * 500),
    }


def local_fault(servers: Iterable[tuple[str, str, int]]) -> OSError | None:
    """Why this process can connect to none of some PostgreSQL servers, if that is its own fault.

    A server is the host by its name, its address, and its port. libpq says so in words alone.
    """
    found = None
    for _, address, port in servers:
        try:
            if address.startswith("/"):
                with socket.socket(socket.AF_UNIX) as own:
                    own.setblocking(False)
                    own.connect(f"{address}/.s.PGSQL.{port}")
            else:
                socket.socket().close()
        except OSError as error:
            if fault_of_socket(error).is_transient:
                return None
            found = error
        else:
            return None
    return found


def shut_down(file_number: Callable[[], int]) -> None:
    """Shut a socket down whose owner, another thread, may be closing it: both sides see its end."""
    number = file_number()
    duplicate = socket.socket(fileno=os.dup(number))
    with duplicate:
        # If it is the owner's still, it was when it was duplicated. Otherwise the number may have
        # been another file's by then.
        if file_number() == number:
            duplicate.shutdown(socket.SHUT_RDWR)


def detach(number: int) -> None:
    """Give up this process's share in a socket, the number of which stays taken.

    Whatever is done to its connection from now on reaches nobody: the socket is another process's.
    """
    nowhere = os.open(os.devnull, os.O_RDWR)
    try:
        os.dup2(nowhere, number, inheritable=False)
    finally:
        os.close(nowhere)


def is_parents(number: int) -> bool:
    """Whether the parent process has this socket, too, as far as the system lets us see."""
    own = Path("/proc/self/fd", str(number)).readlink()  # tells a number of the socket itself
    try:
        return any(_target(link) == own for link in Path(f"/proc/{os.getppid()}/fd").iterdir())
    except OSError:  # another user's process, or another system
        return False


def _target(link: Path) -> Path | None:
    try:
        return link.readlink()
    except OSError:  # it was closed meanwhile
        return None
