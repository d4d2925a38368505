"""What a failure to connect means that is the system's or a pool's own, told by its errno or class.

What is wrong on this machine, or in the caller's own program, is so the next time too: a file that
is not there, a right that is missing, no descriptor that is free, a wrong argument. It is never
taken for a server that is away.
"""

from __future__ import annotations

import errno

from hostmap_sql.dialects.base import Fault
from hostmap_sql.dialects.opening import NoConnectionInTime

PASSING: frozenset[int] = frozenset(
    {
        errno.EADDRNOTAVAIL,  # no port is free, or an address that is just being set up
        errno.EAGAIN,  # the queue of a Unix socket is full
        errno.EALREADY,
        errno.ECONNABORTED,
        errno.ECONNREFUSED,
        errno.ECONNRESET,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.EINPROGRESS,
        errno.EINTR,
        errno.EIO,
        errno.ENETDOWN,
        errno.ENETRESET,
        errno.ENETUNREACH,
        errno.ENOBUFS,
        errno.ENOMEM,
        errno.ENOTCONN,
        errno.EPIPE,
        errno.EPROTO,
        errno.ESHUTDOWN,
        errno.ETIMEDOUT,
    }
)
"""The errors of a socket that may be gone the next time. All others are here to stay."""

PASSING_NAMES = ("EAI_AGAIN", "EAI_FAIL", "EAI_MEMORY", "EAI_NODATA", "EAI_NONAME", "EAI_SYSTEM")
"""Of looking up a name. One that does not exist is on its way where servers are just started."""

EXHAUSTED = frozenset(
    {
        "dbutils.pooled_db.TooManyConnectionsError",
        "psycopg_pool.errors.PoolTimeout",
        "psycopg_pool.errors.TooManyRequests",
        "queue.Empty",
        "_queue.Empty",
        "sqlalchemy.exc.TimeoutError",
    }
)
"""The exceptions of callers' pools that have no connection to lend just now."""


def fault_of_opening(error: BaseException) -> Fault | None:
    """What it means that a connection could not be opened or lent; None if that is not known."""
    if isinstance(error, NoConnectionInTime) or _names(error) & EXHAUSTED:
        return Fault.WAIT
    if isinstance(error, OSError):
        # What the driver itself raises of a socket it has wrapped: this is a file.
        gone = isinstance(error, FileNotFoundError)
        return Fault.PERMANENT if gone else fault_of_socket(error)
    return None


def fault_of_socket(error: OSError) -> Fault:
    """What it means that a socket could not be connected. One that is not there may come yet."""
    # Not at the top: they take 15 ms, which a program on SQLite would pay for nothing.
    import socket  # noqa: PLC0415
    import ssl  # noqa: PLC0415

    if isinstance(error, ssl.SSLError):
        # Its errno is another number. These are of a connection that was cut.
        cut = ssl.SSLEOFError, ssl.SSLSyscallError, ssl.SSLZeroReturnError
        return Fault.WAIT if isinstance(error, cut) else Fault.PERMANENT
    if isinstance(error, socket.gaierror):
        passing_names = [getattr(socket, name, None) for name in PASSING_NAMES]
        return Fault.WAIT if error.errno in passing_names else Fault.PERMANENT
    passing = error.errno in PASSING or isinstance(error, TimeoutError | ConnectionError)
    return Fault.WAIT if passing or error.errno == errno.ENOENT else Fault.PERMANENT


def is_late(error: BaseException | None) -> bool:
    """Whether it says no more than that the time was up."""
    inner = getattr(error, "original_exception", error)  # as PyMySQL calls it
    return isinstance(inner, NoConnectionInTime | TimeoutError) or bool(
        _names(inner) & {"psycopg.errors.ConnectionTimeout"}
    )


def _names(error: BaseException | None) -> set[str]:
    return {f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__}
