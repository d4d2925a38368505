"""Why a PostgreSQL server gave no session: libpq says it in words alone, so it is found out."""

from __future__ import annotations

import os
import re
from selectors import EVENT_READ, EVENT_WRITE
from time import monotonic
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import PGconn, PollingStatus

from hostmap_sql.dialects import tls, tls_probe
from hostmap_sql.dialects.postgresql_conninfo import servers_of, settings_of
from hostmap_sql.dialects.postgresql_waiting import Selector

if TYPE_CHECKING:
    from collections.abc import Callable

# The code of an error that the server sent, in what libpq traces; what quotes others comes later.
# A pooler leaves the severity that is not translated, V, out.
_ERROR_CODE = re.compile(
    rb'^.*\tB\t\d+\tErrorResponse\t S "\w+"(?: V "\w+")? C "(\w{5})"', re.MULTILINE
)
_LONGEST_TRACE = 100_000
_NOT_ALLOWED = "28000"
# How long, in seconds, it may take to get it: the server has just answered.
_TRACE_TIME = 2

# What libpq waits for.
_EVENTS = {PollingStatus.READING: EVENT_READ, PollingStatus.WRITING: EVENT_WRITE}


def complete(error: psycopg.OperationalError, conninfo: str) -> None:
    """Give the failure to connect its SQLSTATE, if the server has refused the session with one."""
    if error.sqlstate is None and not isinstance(error, psycopg.errors.ConnectionTimeout):
        known = bool(error.pgconn and error.pgconn.used_password)
        error.sqlstate = _refusal_code(conninfo, _NOT_ALLOWED if known else None)


def _refusal_code(conninfo: str, likeliest: str | None) -> str | None:
    """The SQLSTATE by which the server refuses a session; None if it does not.

    libpq tells it to nobody but its trace: the session is asked for once more, to read that.
    """
    connection = PGconn.connect_start(conninfo.encode())
    try:
        with os.fdopen(os.memfd_create("trace"), "rb") as trace:
            connection.trace(trace.fileno())
            _poll(connection, monotonic() + _TRACE_TIME)
            connection.untrace()
            said = os.pread(trace.fileno(), _LONGEST_TRACE, 0)
    except (psycopg.NotSupportedError, AttributeError):
        return likeliest  # not to be had on this system
    except (psycopg.Error, OSError):
        return None
    finally:
        connection.finish()
    codes = _ERROR_CODE.findall(said)
    return codes[-1].decode() if codes else None


def _poll(connection: Any, deadline: float) -> None:
    """Go on connecting until it has failed or come about, or the time is up."""
    while (now := monotonic()) < deadline:
        status = connection.connect_poll()
        event = _EVENTS.get(status)
        if event is None:
            return
        with Selector() as selector:
            selector.register(connection.socket, event)
            selector.select(deadline - now)


def refusal_finder(conninfo: str) -> Callable[[Exception], tls.Refusal | None]:
    """Finds out whether, by what was asked of the servers, an error is a refusal of their TLS."""
    settings = settings_of(conninfo_to_dict(conninfo))
    terms = tls.Terms.of(settings.get("sslmode"), settings.get("sslrootcert"), ())

    def refusal_of(error: Exception) -> tls.Refusal | None:
        if not terms.is_required or not isinstance(error, psycopg.OperationalError):
            return None
        if isinstance(error, psycopg.errors.ConnectionTimeout):
            return None
        if error.pgconn and (error.pgconn.ssl_in_use or error.pgconn.used_password):
            return None  # it was accepted, and has said more
        return tls_probe.refusal_of_all(servers_of(settings), terms)

    return refusal_of
