"""Classifies PostgreSQL's SQLSTATEs, by code or by their class, which is the first two characters.

A code takes precedence over its class. A code in no listed class is `Fault.UNKNOWN`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostmap_sql.dialects.fault import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

ERROR_CODES: Mapping[Fault, Mapping[str, str]] = {
    Fault.CONFLICT: {
        "40": "transaction rollback",
        "40000": "the transaction was rolled back",
        "40001": "serialization failure; on a standby, a conflict with recovery",
        "40P01": "deadlock",
    },
    Fault.RETRY: {
        "25P02": "an earlier statement of the transaction failed",
        "55P03": "lock timeout, or NOWAIT",
        "57014": "statement timeout, or the query was canceled",
        "72000": "the snapshot is too old (before PostgreSQL 17)",
    },
    Fault.RECONNECT: {
        "0A000": "a cached plan is outdated; a new connection has none",
        "25006": "the transaction is read-only, as all are on a standby",
        "25P03": "the session was idle in a transaction for too long",
        "26000": "no such prepared statement: a pooler is in between",
        "42P05": "the prepared statement exists already: a pooler is in between",
        "55000": "an object is not in the required state",
        "57P03": "the server is starting up or shutting down",
        "57P04": "the database was dropped: a standby ends its sessions",
        "57P05": "the session was idle for too long",
    },
    Fault.UNAVAILABLE: {
        "53": "insufficient resources",
        "53200": "out of memory",
        "53300": "too many connections",
    },
    Fault.LOST: {
        "08": "connection exceptions",
        "08000": "connection exception",
        "08001": "the client could not connect",
        "08003": "there is no connection",
        "08004": "the server rejected the connection",
        "08006": "the connection failed",
        "08007": "the outcome of the transaction is unknown",
        "08P01": "protocol violation, or an error of a pooler",
        "25P04": "transaction timeout, possibly during COMMIT",
        "40003": "the outcome of the statement is unknown",
        "57P01": "an administrator ended the session, or the server is shutting down",
        "57P02": "another session crashed, so the server ended all sessions",
    },
    Fault.NO_TABLE: {
        "42703": "no such column",
        "42P01": "no such table",
    },
    Fault.NOT_PERMITTED: {
        "42501": "a privilege is missing",
    },
    Fault.PERMANENT: {
        "02": "no data",
        "03": "SQL statement not yet complete",
        "09": "triggered action",
        "0A": "not supported",
        "0B": "invalid transaction initiation",
        "0F": "locators",
        "0L": "invalid grantor",
        "0P": "invalid role",
        "0Z": "diagnostics",
        "10": "XQuery",
        "20": "case not found",
        "21": "cardinality violation",
        "22": "data exceptions",
        "22001": "text too long",
        "22003": "number out of range",
        "22021": "character not in the repertoire",
        "23": "constraint violations",
        "23502": "NULL in a NOT NULL column",
        "23503": "foreign key violation",
        "23505": "duplicate key",
        "23514": "a CHECK constraint is violated",
        "24": "invalid cursor state",
        "25": "invalid transaction state",
        "27": "a trigger changed the row that was being written",
        "28": "invalid authorization",
        "28000": "this user or host is not allowed to connect",
        "28P01": "wrong password",
        "2B": "privileges on which others depend",
        "2D": "invalid transaction termination",
        "2F": "SQL routine exceptions",
        "34": "invalid cursor name",
        "38": "external routine exceptions",
        "39": "external routine invocation exceptions",
        "3B": "savepoint exceptions",
        "3D": "no such database",
        "3F": "no such schema",
        "40002": "a deferred constraint is violated",
        "42": "syntax and names",
        "42601": "syntax error",
        "44": "WITH CHECK OPTION is violated",
        "53100": "the disk is full",
        "53400": "a configuration limit, such as temp_file_limit",
        "54": "program limits",
        "55": "object not in the required state",
        "F0": "configuration file errors",
        "HV": "foreign data",
        "P0": "PL/pgSQL, such as an error that a trigger raises",
        "XX001": "corrupt data",
        "XX002": "corrupt index",
    },
    Fault.UNKNOWN: {
        "01": "a warning, with which a server may answer COMMIT",
        "57": "operator intervention of an unknown kind",
        "58": "system errors, such as file input and output",
        "XX": "internal error",
    },
}

READ_ONLY = "25006"

FAULTS: Mapping[str, Fault] = {
    code: fault for fault, meanings in ERROR_CODES.items() for code in meanings
}
