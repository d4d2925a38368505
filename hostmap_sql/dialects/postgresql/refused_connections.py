"""Finds out why a session could not be opened: libpq gives the reason only as text."""

from __future__ import annotations

import os
import re
import socket
from selectors import EVENT_READ, EVENT_WRITE
from time import monotonic
from typing import TYPE_CHECKING, Any

from hostmap_sql.dialects import tls
from hostmap_sql.dialects.postgresql.driver import (
    ConnectionTimeout,
    Error,
    NotSupportedError,
    OperationalError,
    PGconn,
    PollingStatus,
    conninfo_to_dict,
    make_conninfo,
)
from hostmap_sql.dialects.postgresql.green_selector import GreenSelector
from hostmap_sql.dialects.postgresql.isolation import NOWHERE
from hostmap_sql.dialects.postgresql.servers import servers_of, settings_of
from hostmap_sql.dialects.postgresql.tls_probe import probe_servers
from hostmap_sql.dialects.system_errors import fault_of_socket

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hostmap_sql.dialects.postgresql.servers import Server

# --- the SQLSTATE ---------------------------------------------------------------------------------

# An ErrorResponse in libpq's trace, up to its code. Poolers omit the untranslated severity, V.
_ERROR_CODE = re.compile(
    rb'^.*\tB\t\d+\tErrorResponse\t S "\w+"(?: V "\w+")? C "(\w{5})"', re.MULTILINE
)
_LONGEST_TRACE = 100_000
_INVALID_AUTHORIZATION = "28000"
# The timeout of the second attempt, in seconds: the server has just answered the first one.
_TIMEOUT = 2

_EVENTS = {PollingStatus.READING: EVENT_READ, PollingStatus.WRITING: EVENT_WRITE}


def add_missing_sqlstate(error: OperationalError, conninfo: str) -> None:
    """Set the SQLSTATE of a failure to connect, if the server refused the session with one."""
    if error.sqlstate is None and not isinstance(error, ConnectionTimeout):
        sent_password = error.pgconn and error.pgconn.used_password
        likely = _INVALID_AUTHORIZATION if sent_password else None
        error.sqlstate = _probe_sqlstate(conninfo, without_trace=likely)


def _probe_sqlstate(conninfo: str, *, without_trace: str | None) -> str | None:
    """Return the SQLSTATE with which the server refuses a session; None if it does not.

    Only libpq's trace shows it, so the session is requested again with a trace.

    :param without_trace: the result on systems that have no trace.
    """
    connection = PGconn.connect_start(conninfo.encode())
    try:
        with os.fdopen(os.memfd_create("trace"), "rb") as trace:
            connection.trace(trace.fileno())
            _poll(connection, monotonic() + _TIMEOUT)
            connection.untrace()
            messages = os.pread(trace.fileno(), _LONGEST_TRACE, 0)
    except (NotSupportedError, AttributeError):
        return without_trace
    except (Error, OSError):
        return None
    finally:
        connection.finish()
    codes = _ERROR_CODE.findall(messages)
    return codes[-1].decode() if codes else None


def _poll(connection: Any, deadline: float) -> None:
    """Continue to connect until success, failure or the deadline."""
    while (now := monotonic()) < deadline:
        status = connection.connect_poll()
        event = _EVENTS.get(status)
        if event is None:
            return
        with GreenSelector() as selector:
            selector.register(connection.socket, event)
            selector.select(deadline - now)


# --- passwords ------------------------------------------------------------------------------------


def asks_for_clear_text(conninfo: str) -> bool:
    """Whether the server asks for a password in clear text. No password is sent."""
    asked = make_conninfo(conninfo, require_auth="password", password="", passfile=NOWHERE)
    connection = PGconn.connect_start(asked.encode())
    try:
        _poll(connection, monotonic() + _TIMEOUT)
        return bool(connection.needs_password)
    except (Error, OSError):
        return False
    finally:
        connection.finish()


# --- TLS ------------------------------------------------------------------------------------------


def refusal_finder(conninfo: str) -> Callable[[Exception], tls.Refusal | None]:
    """Return a function that finds why a server fails the TLS policy; None if it does not."""
    settings = settings_of(conninfo_to_dict(conninfo))
    root = settings.get("sslrootcert")
    policy = tls.TlsPolicy.of(settings.get("sslmode"), None if root == NOWHERE else root, ())

    def refusal_of(error: Exception) -> tls.Refusal | None:
        if not policy.is_required or not isinstance(error, OperationalError):
            return None
        if isinstance(error, ConnectionTimeout):
            return None
        if error.pgconn and (error.pgconn.ssl_in_use or error.pgconn.used_password):
            return None  # TLS was accepted, and a later step failed
        return probe_servers(servers_of(settings), policy)

    return refusal_of


# --- this machine ---------------------------------------------------------------------------------


def find_local_fault(servers: Iterable[Server]) -> OSError | None:
    """Return the permanent fault of this machine that blocks access to all servers, or None.

    Examples are a missing permission for a Unix socket, and no free file descriptor.
    """
    fault = None
    for server in servers:
        try:
            if server.address.startswith("/"):
                with socket.socket(socket.AF_UNIX) as unix:
                    unix.setblocking(False)
                    unix.connect(f"{server.address}/.s.PGSQL.{server.port}")
            else:
                socket.socket().close()
        except OSError as error:
            if fault_of_socket(error).is_transient:
                return None
            fault = error
        else:
            return None
    return fault
