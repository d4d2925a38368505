"""The parts of psycopg that the library uses. The only module that imports it."""

from psycopg import (
    Connection,
    Cursor,
    Error,
    NotSupportedError,
    OperationalError,
    waiting,
)
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.errors import ConnectionTimeout, Diagnostic, ProtocolViolation
from psycopg.pq import Conninfo, PGconn, PollingStatus, TransactionStatus
from psycopg.pq import version as libpq_version
from psycopg.rows import tuple_row

__all__ = [
    "Connection",
    "ConnectionTimeout",
    "Conninfo",
    "Cursor",
    "Diagnostic",
    "Error",
    "NotSupportedError",
    "OperationalError",
    "PGconn",
    "PollingStatus",
    "ProtocolViolation",
    "TransactionStatus",
    "conninfo_to_dict",
    "libpq_version",
    "make_conninfo",
    "tuple_row",
    "waiting",
]
