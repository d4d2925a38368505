"""Classifies SQLite's result codes, by name.

An unlisted extended code, such as SQLITE_BUSY_SNAPSHOT, has the class of its primary code. An
unlisted primary code is `Fault.UNKNOWN`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostmap_sql.dialects.fault import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

ERROR_CODES: Mapping[Fault, Mapping[str, str]] = {
    Fault.RETRY: {
        "SQLITE_ABORT": "the statement was aborted by a rollback",
        "SQLITE_BUSY": "another connection holds a lock on the file",
        "SQLITE_ERROR_RETRY": "the statement must be prepared again",
        "SQLITE_INTERRUPT": "the statement was interrupted",
        "SQLITE_LOCKED": "the table is locked within this process",
        "SQLITE_PROTOCOL": "too many connections began to use the file at once",
        "SQLITE_SCHEMA": "the schema changed",
    },
    Fault.RECONNECT: {
        "SQLITE_READONLY_DBMOVED": "the file was moved or replaced while it was open",
    },
    Fault.LOST: {
        "SQLITE_IOERR": "the system failed to read, write or lock the file",
    },
    Fault.NO_TABLE: {
        # A generic code. The library's statements are fixed, so a table or column is missing.
        "SQLITE_ERROR": "no such table, no such column",
    },
    Fault.NOT_PERMITTED: {
        "SQLITE_AUTH": "not authorized",
        "SQLITE_PERM": "no permission to read or write the file",
    },
    Fault.READ_ONLY: {
        # A connection stays read-only: only a new one notices that the mode was changed.
        "SQLITE_READONLY": "the file is read-only",
    },
    Fault.PERMANENT: {
        "SQLITE_CANTOPEN": "the file cannot be opened",
        "SQLITE_CONSTRAINT": "a constraint is violated",
        "SQLITE_CONSTRAINT_CHECK": "a CHECK constraint is violated",
        "SQLITE_CONSTRAINT_FOREIGNKEY": "foreign key violation",
        "SQLITE_CONSTRAINT_NOTNULL": "NULL in a NOT NULL column",
        "SQLITE_CONSTRAINT_PRIMARYKEY": "duplicate key",
        "SQLITE_CONSTRAINT_UNIQUE": "duplicate key",
        "SQLITE_ERROR_MISSING_COLLSEQ": "no such collation",
        "SQLITE_FORMAT": "not an attachable database",
        "SQLITE_FULL": "the disk is full",
        "SQLITE_MISMATCH": "wrong type of value",
        "SQLITE_NOLFS": "the system does not support files of this size",
        "SQLITE_RANGE": "no such parameter in the statement",
        "SQLITE_TOOBIG": "text or statement too long",
    },
    Fault.BROKEN_CONNECTION: {
        # A connection keeps its cache. Only a new one notices that the file was repaired.
        "SQLITE_CORRUPT": "the file is corrupt",
        "SQLITE_NOTADB": "the file is not a database",
    },
    Fault.UNKNOWN: {
        "SQLITE_EMPTY": "not in use",
        "SQLITE_INTERNAL": "internal error of SQLite",
        "SQLITE_MISUSE": "SQLite was misused",
        "SQLITE_NOMEM": "out of memory",
        "SQLITE_NOTFOUND": "an operation that the file system does not support",
    },
}

FAULTS: Mapping[str, Fault] = {
    code: fault for fault, meanings in ERROR_CODES.items() for code in meanings
}

CODES: Mapping[int, str] = {
    1: "SQLITE_ERROR",
    2: "SQLITE_INTERNAL",
    3: "SQLITE_PERM",
    4: "SQLITE_ABORT",
    5: "SQLITE_BUSY",
    6: "SQLITE_LOCKED",
    7: "SQLITE_NOMEM",
    8: "SQLITE_READONLY",
    9: "SQLITE_INTERRUPT",
    10: "SQLITE_IOERR",
    11: "SQLITE_CORRUPT",
    12: "SQLITE_NOTFOUND",
    13: "SQLITE_FULL",
    14: "SQLITE_CANTOPEN",
    15: "SQLITE_PROTOCOL",
    16: "SQLITE_EMPTY",
    17: "SQLITE_SCHEMA",
    18: "SQLITE_TOOBIG",
    19: "SQLITE_CONSTRAINT",
    20: "SQLITE_MISMATCH",
    21: "SQLITE_MISUSE",
    22: "SQLITE_NOLFS",
    23: "SQLITE_AUTH",
    24: "SQLITE_FORMAT",
    25: "SQLITE_RANGE",
    26: "SQLITE_NOTADB",
}
"""The primary codes, by number: the low byte of an extended code."""
