"""What each result code of SQLite means, by its name.

An extended code, as SQLITE_BUSY_SNAPSHOT is one of SQLITE_BUSY, is what its code is, unless it
stands here for itself. What does not stand here is `Fault.UNLISTED`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostmap_sql.dialects.base import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

MEANINGS: Mapping[Fault, Mapping[str, str]] = {
    Fault.AGAIN: {
        "SQLITE_ABORT": "the statement was ended by a rollback",
        "SQLITE_BUSY": "another connection has locked the file",
        "SQLITE_ERROR_RETRY": "the statement has to be prepared again",
        "SQLITE_INTERRUPT": "the statement was interrupted",
        "SQLITE_LOCKED": "the table is locked inside the process",
        "SQLITE_PROTOCOL": "too many began to use the file at once",
        "SQLITE_SCHEMA": "the schema has changed",
    },
    Fault.RECONNECT: {
        "SQLITE_READONLY_DBMOVED": "the file was moved or replaced while it was open",
    },
    Fault.LOST: {
        "SQLITE_IOERR": "the system failed to read, write or lock the file",
    },
    Fault.NO_TABLE: {
        # The general code. Our statements are fixed, so it is a table or column that is not there.
        "SQLITE_ERROR": "no such table, no such column",
    },
    Fault.PERMANENT: {
        "SQLITE_AUTH": "not authorized",
        "SQLITE_CANTOPEN": "the file cannot be opened",
        "SQLITE_CONSTRAINT": "constraints",
        "SQLITE_CONSTRAINT_CHECK": "a CHECK constraint does not hold",
        "SQLITE_CONSTRAINT_FOREIGNKEY": "foreign key",
        "SQLITE_CONSTRAINT_NOTNULL": "NULL where none may be",
        "SQLITE_CONSTRAINT_PRIMARYKEY": "duplicate",
        "SQLITE_CONSTRAINT_UNIQUE": "duplicate",
        "SQLITE_ERROR_MISSING_COLLSEQ": "no such collation",
        "SQLITE_FORMAT": "not a database that can be attached",
        "SQLITE_FULL": "the disk is full",
        "SQLITE_MISMATCH": "wrong type of value",
        "SQLITE_NOLFS": "the system cannot make files as large",
        "SQLITE_PERM": "the file may not be read or written",
        "SQLITE_RANGE": "a parameter that the statement does not have",
        "SQLITE_TOOBIG": "text or statement too long",
    },
    Fault.STUCK: {
        # A connection keeps what it has read of a file, and the way in which it opened it. When
        # the file is all right again, a new one sees it.
        "SQLITE_CORRUPT": "the file is corrupt",
        "SQLITE_NOTADB": "the file is no database",
        "SQLITE_READONLY": "the file is read-only",
    },
    Fault.UNLISTED: {
        "SQLITE_EMPTY": "not in use",
        "SQLITE_INTERNAL": "a fault inside SQLite",
        "SQLITE_MISUSE": "SQLite was used in a wrong way",
        "SQLITE_NOMEM": "out of memory",
        "SQLITE_NOTFOUND": "an operation that the file system does not know",
    },
}

FAULTS: Mapping[str, Fault] = {
    code: fault for fault, meanings in MEANINGS.items() for code in meanings
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
"""The codes by the last byte of their numbers, which the extended ones share."""
