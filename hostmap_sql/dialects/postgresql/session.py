"""The session settings of PostgreSQL, and the checks of external pools' sessions."""

from __future__ import annotations

import re
from math import ceil
from typing import TYPE_CHECKING, Any

from hostmap_sql.dialects.base import idle_limit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

READABLE = {
    # psycopg converts times fastest from UTC.
    "timezone": "UTC",
    # psycopg reads times only in ISO.
    "datestyle": "ISO",
}
"""The settings that make times readable; poolers track them for each client."""

MARK = "hostmap_sql.options"
"""A custom setting that shows whether the startup options reached the server."""


def limits(timeout: float) -> Mapping[str, str]:
    """Return the settings of each transaction; they may be set for the whole session."""
    milliseconds = str(ceil(timeout * 1000))
    return {
        # Nothing keeps running on the server after its call timed out.
        "lock_timeout": milliseconds,
        "statement_timeout": milliseconds,
        "idle_in_transaction_session_timeout": str(ceil(idle_limit(timeout) * 1000)),
        # Each statement has an index. A cached plan for an empty table scans it, and takes half a
        # minute for 5,000 of 100,000 hosts that were added later.
        "enable_seqscan": "off",
        # Before PostgreSQL 18, enable_seqscan=off raises the cost of unavoidable scans so far that
        # they are compiled.
        "jit": "off",
        # A warning during COMMIT leaves it in doubt: no role may hide it.
        "client_min_messages": "warning",
    }


def startup_options(timeout: float) -> str:
    """Return the startup options of a session: `limits`, `READABLE` and those of lookups."""
    settings = {
        "timezone": READABLE["timezone"],
        **limits(timeout),
        "datestyle": READABLE["datestyle"],
        # SERIALIZABLE lookups would take locks, and wait for writers if deferrable.
        "default_transaction_isolation": r"read\ committed",
        "default_transaction_deferrable": "off",
        MARK: "yes",
    }
    return " ".join(f"-c {name}={value}" for name, value in settings.items())


def local_limits(timeout: float) -> str:
    """Return a statement that sets `limits` for the current transaction or pipeline."""
    calls = (
        f"pg_catalog.set_config('{name}', '{value}', true)"
        for name, value in limits(timeout).items()
    )
    return f"SELECT {', '.join(calls)}"


_UTF8 = (b"UTF8", b"UTF-8", b"utf8", b"utf-8", b"UNICODE", None)


def unsuitable(status: Callable[[bytes], bytes | None]) -> str | None:
    """Return the setting that would make answers wrong, and its fix; None if all is well.

    :param status: returns a setting that the server reports without a round trip.
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


# --- read-only roles ------------------------------------------------------------------------------

# Servers and databases are read-only during a switchover. A setting of the role, of the URL or of a
# pool's session is permanent.
_PERMANENT_SOURCES = ("user", "database user", "client", "session")
_SELECT_SOURCE = """
SELECT setting, source, pg_catalog.pg_is_in_recovery() FROM pg_catalog.pg_settings
 WHERE name OPERATOR(pg_catalog.=) 'default_transaction_read_only'"""


def why_read_only(cursor: Any) -> str | None:
    """Return the reason if only the role is read-only, not the server; or None."""
    setting, source, is_standby = cursor.execute(_SELECT_SOURCE).fetchone()
    if setting != "on" or source not in _PERMANENT_SOURCES or is_standby:
        return None
    return (
        "default_transaction_read_only is on for this role: nothing can be written; "
        "connect as another role, or set it to off"
    )


# --- operators and functions of other users -------------------------------------------------------

_COMPARISON = re.compile(r"(?<=\s)(<>|[<>]=?|=)(?=\s)")
_ARITHMETIC = re.compile(r"(?<=\s)([+-])(?=\s)")
_FUNCTION = re.compile(r"\b(COUNT|MIN|MAX|string_to_array|unnest)\(")
# In SET clauses "=" assigns.
_ASSIGNMENTS = re.compile(r"(\bSET\b.*?(?:\bWHERE\b|$))", re.DOTALL)


def qualified(sql: str) -> str:
    """Qualify the operators and functions of a statement with `pg_catalog`.

    Otherwise an operator in `public` with better matching types takes precedence: `pg_catalog` has
    no `=` for VARCHAR, and before PostgreSQL 15 every user can create in `public`. Qualified
    operators all have the same precedence, so compared sums need parentheses.
    """
    sql = _FUNCTION.sub(r"pg_catalog.\1(", sql)
    parts = _ASSIGNMENTS.split(sql)
    parts[::2] = [_COMPARISON.sub(r"OPERATOR(pg_catalog.\1)", part) for part in parts[::2]]
    return _ARITHMETIC.sub(r"OPERATOR(pg_catalog.\1)", "".join(parts))
