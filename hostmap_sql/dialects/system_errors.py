"""Classifies failures to connect that come from the system or a pool, by errno or class.

A fault of this machine or of the calling program is permanent: a missing file or permission, no
free file descriptor, a wrong argument. It never counts as an unavailable server.
"""

from __future__ import annotations

import errno

from hostmap_sql.dialects.fault import Fault
from hostmap_sql.runtime.deadlines import NoConnectionInTime

TRANSIENT: frozenset[int] = frozenset(
    {
        errno.EADDRNOTAVAIL,  # no free port, or an address that is being set up
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
        errno.ENOENT,  # a Unix socket that its server has not created yet
        errno.ENOMEM,
        errno.ENOTCONN,
        errno.EPIPE,
        errno.EPROTO,
        errno.ESHUTDOWN,
        errno.ETIMEDOUT,
    }
)
"""The transient errors of sockets. All others are permanent."""

# A name that does not exist may be registered soon, while servers start.
TRANSIENT_LOOKUPS = (
    "EAI_AGAIN",
    "EAI_FAIL",
    "EAI_MEMORY",
    "EAI_NODATA",
    "EAI_NONAME",
    "EAI_SYSTEM",
)
"""The transient errors of host name lookups."""

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
"""The exceptions of external pools without a free connection."""


def fault_of_opening(error: BaseException) -> Fault | None:
    """Classify a failure to open or borrow a connection; None if it is another one."""
    if isinstance(error, NoConnectionInTime) or _names(error) & EXHAUSTED:
        return Fault.UNAVAILABLE
    if isinstance(error, OSError):
        # Drivers wrap the errors of sockets, so this one is about a file.
        is_missing_file = isinstance(error, FileNotFoundError)
        return Fault.PERMANENT if is_missing_file else fault_of_socket(error)
    return None


def fault_of_socket(error: OSError) -> Fault:
    """Classify a failure to connect a socket. A missing Unix socket is transient."""
    # Imported here: they take 15 ms, which programs on SQLite do not need.
    import socket  # noqa: PLC0415
    import ssl  # noqa: PLC0415

    if isinstance(error, ssl.SSLError):
        # Its errno is a number of OpenSSL's. These classes mean a broken connection.
        broken = ssl.SSLEOFError, ssl.SSLSyscallError, ssl.SSLZeroReturnError
        return Fault.UNAVAILABLE if isinstance(error, broken) else Fault.PERMANENT
    if isinstance(error, socket.gaierror):
        lookups = [getattr(socket, name, None) for name in TRANSIENT_LOOKUPS]
        return Fault.UNAVAILABLE if error.errno in lookups else Fault.PERMANENT
    if error.errno in TRANSIENT or isinstance(error, TimeoutError | ConnectionError):
        return Fault.UNAVAILABLE
    return Fault.PERMANENT


def is_late(error: BaseException | None) -> bool:
    """Whether an error says only that a call timed out."""
    inner = getattr(error, "original_exception", error)  # PyMySQL's name for the cause
    return isinstance(inner, NoConnectionInTime | TimeoutError) or bool(
        _names(inner) & {"psycopg.errors.ConnectionTimeout"}
    )


def _names(error: BaseException | None) -> set[str]:
    return {f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__}
