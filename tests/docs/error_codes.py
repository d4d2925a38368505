"""Writes docs/reference/error-codes.md from the tables of the dialects.

python -m tests.docs.error_codes
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from hostmap_sql.dialects import mysql_faults, postgresql_faults, sqlite_faults
from hostmap_sql.dialects.base import Fault
from tests.docs.pages import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = REPOSITORY / "docs" / "reference" / "error-codes.md"

_INTRODUCTION = """\
<!-- Made by `python -m tests.docs.error_codes` from hostmap_sql/dialects/*_faults.py. -->

# Error codes

A failure of the database is told by its code alone: the errno of MySQL and MariaDB, the SQLSTATE of
PostgreSQL, the name of SQLite's result code. Messages are not looked at; servers translate them.
"""

_OUTCOMES: Mapping[Fault, tuple[str, str]] = {
    Fault.AGAIN: ("rolled back and run again", "nothing was written: run again"),
    Fault.RECONNECT: ("run again on a new connection", "nothing was written: run again"),
    Fault.WAIT: ("waited, then run again", "nothing was written: run again"),
    Fault.LOST: ("run again on a new connection", "settled"),
    Fault.NO_TABLE: ("`SchemaOutOfDate`", "`SchemaOutOfDate`"),
    Fault.PERMANENT: ("`DatabaseError`", "`DatabaseError`"),
    Fault.STUCK: ("`DatabaseError`; the next call gets a new connection", "`DatabaseError`"),
    Fault.UNLISTED: ("`DatabaseError`", "settled"),
}

_AFTER_THE_CLASSES = """
What is run again is so until the call's timeout is up, which makes it a `DatabaseUnavailable`. A
`transaction()` block is not run again: the library does not know what it does. *Settled* means that
the library looks, on another connection and under the lock of all writers, whether the change is
there; if it cannot in time, that is an [`OutcomeUnknown`](errors.md#the-database).

A code of no table is UNLISTED: a server that answers a statement so has refused it, and would
refuse it again; only of a COMMIT one cannot be sure. A test reads from each live server all codes
that it defines, and fails if one that looks like a passing fault by its name (LOCK, TIMEOUT,
READ_ONLY, SHUTDOWN, CONNECTION, ROLLBACK and the like) has not been decided upon.
"""

_MYSQL = """
Numbers from 2000 to 2999, and 0, are the driver's; those from 9001 to 9005 TiDB's. MySQL's from
10000 on are for the server's own log and reach no client. While connecting, LOST is taken for WAIT,
and what the system said to 2003 decides: a right that is missing, too many open files and the like
are PERMANENT. Every other number is UNLISTED.
"""

_POSTGRESQL = """
Two characters stand for all codes that begin with them and have no row of their own. What is in
none of them is UNLISTED. While connecting the driver gives no code: a server that refuses is asked
once more, to read the code from libpq's trace (which there is on Linux alone; elsewhere, after a
password, it is taken for 28000); 08P01, by which a pooler refuses a parameter, then ends the call
as PERMANENT does, and what has no code is WAIT. A failure without a code, later on, is LOST.
"""

_SQLITE = """
An extended code without a row of its own, as SQLITE_BUSY_SNAPSHOT is one, is what its code is. A
file that is not there is NO_TABLE.
"""

Meanings = Mapping[Fault, Mapping[int, str]] | Mapping[Fault, Mapping[str, str]]

_SECTIONS: Mapping[str, tuple[str, Meanings]] = {
    "MySQL and MariaDB": (_MYSQL, mysql_faults.MEANINGS),
    "PostgreSQL": (_POSTGRESQL, postgresql_faults.MEANINGS),
    "SQLite": (_SQLITE, sqlite_faults.MEANINGS),
}


def _classes() -> Iterator[str]:
    yield "| class | what it means | in a statement | in COMMIT |\n|---|---|---|---|"
    for fault, (statement, commit) in _OUTCOMES.items():
        yield f"| {fault.name} | {fault.value} | {statement} | {commit} |"


def _codes(meanings: Meanings) -> Iterator[str]:
    yield "| code | what it is | class |\n|---|---|---|"
    for fault, codes in meanings.items():
        for code, meaning in codes.items():
            yield f"| `{code}` | {meaning} | {fault.name} |"


def page() -> str:
    """The page, as it has to be."""
    lines = [_INTRODUCTION, *_classes(), _AFTER_THE_CLASSES]
    for title, (text, meanings) in _SECTIONS.items():
        lines += [f"## {title}\n{text}", *_codes(meanings), ""]
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
