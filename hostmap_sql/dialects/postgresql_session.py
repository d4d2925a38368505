"""What the sessions of PostgreSQL are set to, and what a caller's own have to be."""

from __future__ import annotations

import re
from math import ceil
from typing import TYPE_CHECKING, Any

from hostmap_sql.dialects.base import idle_limit
from hostmap_sql.errors import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

READABLE = {
    # The zone that psycopg converts to fastest.
    "timezone": "UTC",
    # The only one that psycopg reads times in.
    "datestyle": "ISO",
}
"""What poolers keep for each of their clients, as they keep its `client_encoding`."""


MARK = "hostmap_sql.options"
"""A setting of our own, which no pooler has a reason to hand on, or to ignore alone."""


def limits(timeout: float) -> Mapping[str, str]:
    """What the transactions of the library are to be under, where it cannot be the session's."""
    milliseconds = str(ceil(timeout * 1000))
    return {
        # What was given up here is not to go on there.
        "lock_timeout": milliseconds,
        "statement_timeout": milliseconds,
        "idle_in_transaction_session_timeout": str(ceil(idle_limit(timeout) * 1000)),
        # Each statement has an index. A plan without it, made for an empty table and kept, takes
        # half a minute for 5,000 of 100,000 hosts that have come since.
        "enable_seqscan": "off",
        # Before PostgreSQL 18 that makes what has no other way look so dear that it is compiled.
        "jit": "off",
    }


def startup_options(timeout: float) -> str:
    """The same, and what a lookup is to run under, as options of a new session."""
    settings = {
        "timezone": READABLE["timezone"],
        **limits(timeout),
        "datestyle": READABLE["datestyle"],
        # Else each lookup would leave locks behind, or wait for writers, with those two together.
        "default_transaction_isolation": r"read\ committed",
        "default_transaction_deferrable": "off",
        MARK: "yes",
    }
    return " ".join(f"-c {name}={value}" for name, value in settings.items())


def local_limits(timeout: float) -> str:
    """A statement that sets them for the transaction, or the pipeline, that it is sent in."""
    calls = (
        f"pg_catalog.set_config('{name}', '{value}', true)"
        for name, value in limits(timeout).items()
    )
    return f"SELECT {', '.join(calls)}"


def unfit(status: Callable[[bytes], bytes | None]) -> str | None:
    """What makes a session one in which answers would be wrong, or fail. Asks nobody.

    :param status: gives the settings that the server reports by itself.
    """
    encoding = status(b"server_encoding")
    if encoding not in (b"UTF8", None):
        return (
            f"the database's encoding is {encoding.decode()}, which cannot hold every host name: "
            "use a database that was created with ENCODING 'UTF8'"
        )
    own = status(b"client_encoding")
    if own not in _UTF8:
        return f"the session's client_encoding is {own.decode()}: set client_encoding=UTF8"
    style = status(b"DateStyle")
    if style is not None and not style.startswith(b"ISO"):
        return f"the session's DateStyle is {style.decode()!r}: set DateStyle=ISO"
    return None


_UTF8 = (b"UTF8", b"UTF-8", b"utf8", b"utf-8", b"UNICODE", None)

# --- read-only by somebody's word -----------------------------------------------------------------

# A server or a database that is fenced off for a switch is opened again; a role stays what it is.
_OF_THE_ROLE = ("user", "database user", "client")
_SOURCE = """
SELECT setting, source FROM pg_catalog.pg_settings
 WHERE name OPERATOR(pg_catalog.=) 'default_transaction_read_only'"""


def refuse_read_only(cursor: Any, status: Callable[[bytes], bytes | None]) -> None:
    """Refuse to write in a session that is meant for reading. Asks if the server has said so.

    :raises DatabaseError: it is, and will be the next time.
    """
    if status(b"default_transaction_read_only") != b"on" or status(b"in_hot_standby") != b"off":
        return
    setting, source = cursor.execute(_SOURCE).fetchone()
    if setting == "on" and source in _OF_THE_ROLE:
        raise DatabaseError(
            "default_transaction_read_only is on for this role: nothing can be written; "
            "connect as another role, or have it set to off"
        )


# --- operators and functions of somebody else's ---------------------------------------------------

_COMPARISON = re.compile(r"(?<= )(<>|[<>]=?|=)(?= )")
_ARITHMETIC = re.compile(r"(?<= )([+-])(?= )")
_FUNCTION = re.compile(r"\b(COUNT|MIN|MAX|string_to_array|unnest)\(")
# Where "=" assigns.
_ASSIGNMENTS = re.compile(r"(\bSET\b.*?(?:\bWHERE\b|$))", re.DOTALL)


def qualified(sql: str) -> str:
    """A statement whose operators and functions are PostgreSQL's own.

    By a plain name one in `public`, where everybody may create before PostgreSQL 15, is found
    first if its types fit better; there is no `=` for VARCHAR in `pg_catalog`. Operators that are
    named so bind alike, before AND and OR: what is compared with a sum needs parentheses.
    """
    sql = _FUNCTION.sub(r"pg_catalog.\1(", sql)
    parts = _ASSIGNMENTS.split(sql)
    parts[::2] = [_COMPARISON.sub(r"OPERATOR(pg_catalog.\1)", part) for part in parts[::2]]
    return _ARITHMETIC.sub(r"OPERATOR(pg_catalog.\1)", "".join(parts))
