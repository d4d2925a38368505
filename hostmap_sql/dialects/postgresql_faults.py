"""What each SQLSTATE of PostgreSQL means, or, by its first two characters, a class of them.

A code that stands here for itself is not what its class is. What is in no class is
`Fault.UNLISTED`, and so are those classes of which nobody can say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostmap_sql.dialects.base import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

MEANINGS: Mapping[Fault, Mapping[str, str]] = {
    Fault.AGAIN: {
        "25P02": "an earlier statement of the transaction failed",
        "40": "the server has rolled back",
        "40000": "the transaction was rolled back",
        "40001": "serialization failure; on a standby, a conflict with recovery",
        "40P01": "deadlock",
        "55P03": "lock timeout, or NOWAIT",
        "57014": "statement timeout, or the query was cancelled",
        "72000": "the snapshot is too old (before PostgreSQL 17)",
    },
    Fault.RECONNECT: {
        "0A000": "a cached plan no longer fits: a new connection has none",
        "25006": "the transaction is read-only, as all are on a standby",
        "25P03": "the session was idle in a transaction for too long",
        "26000": "no such prepared statement: there is a pooler in between",
        "42P05": "the prepared statement exists already: there is a pooler in between",
        "55000": "the server is not in the right state",
        "57P03": "the server is starting up or shutting down",
        "57P04": "the database is dropped: a standby ends its sessions",
        "57P05": "the session was idle for too long",
    },
    Fault.WAIT: {
        "53": "too little of something",
        "53200": "out of memory",
        "53300": "too many connections",
    },
    Fault.LOST: {
        "08": "the connection",
        "08000": "connection exception",
        "08001": "the client could not connect",
        "08003": "there is no connection",
        "08004": "the server did not take the connection",
        "08006": "the connection failed",
        "08007": "nobody knows how the transaction ended",
        "08P01": "protocol violation, or what a pooler has to say",
        "25P04": "the transaction took too long: it may have been at its very end",
        "40003": "nobody knows whether the statement was completed",
        "57P01": "the session was ended by the administrator, or the server shuts down",
        "57P02": "another session crashed, and the server ended them all",
    },
    Fault.NO_TABLE: {
        "42703": "no such column",
        "42P01": "no such table",
    },
    Fault.PERMANENT: {
        "02": "no data",
        "03": "the statement is not complete",
        "09": "a trigger's action",
        "0A": "not supported",
        "0B": "how a transaction begins",
        "0F": "locators",
        "0L": "who grants",
        "0P": "roles",
        "0Z": "diagnostics",
        "10": "XQuery",
        "20": "no case was found",
        "21": "more than one row",
        "22": "values",
        "22001": "text too long",
        "22003": "number out of range",
        "22021": "not in the character set",
        "23": "constraints",
        "23502": "NULL where none may be",
        "23503": "foreign key",
        "23505": "duplicate",
        "23514": "a CHECK constraint does not hold",
        "24": "the state of a cursor",
        "25": "the state of the transaction",
        "27": "a trigger has changed what was being written",
        "28": "who one is",
        "28000": "the user or host may not connect",
        "28P01": "wrong password",
        "2B": "privileges that others depend on",
        "2D": "how a transaction ends",
        "2F": "functions in SQL",
        "34": "the name of a cursor",
        "38": "functions in another language",
        "39": "how functions are called",
        "3B": "savepoints",
        "3D": "no such database",
        "3F": "no such schema",
        "40002": "a deferred constraint does not hold",
        "42": "syntax, names and privileges",
        "42501": "a privilege is missing",
        "42601": "syntax error",
        "44": "WITH CHECK OPTION does not hold",
        "53100": "the disk is full",
        "53400": "a limit of the configuration, such as temp_file_limit",
        "54": "a limit of the program",
        "55": "the state of what is worked on",
        "F0": "the configuration file",
        "HV": "foreign data",
        "P0": "PL/pgSQL: what a trigger raises",
        "XX001": "corrupt data",
        "XX002": "corrupt index",
    },
    Fault.UNLISTED: {
        "57": "an operator's doing, of an unknown kind",
        "58": "the system: reading and writing files",
        "XX": "internal error",
    },
}

FAULTS: Mapping[str, Fault] = {
    code: fault for fault, meanings in MEANINGS.items() for code in meanings
}
