"""The classes of database failures, by the caller's next step."""

from __future__ import annotations

from enum import Enum


class Fault(Enum):
    """The class of a database failure, by the caller's next step.

    Each database has a table of its error codes. A code in no table is UNKNOWN: the server refused
    the statement, so a retry would fail as well. After a COMMIT it leaves the outcome in doubt.
    """

    CONFLICT = "Another transaction came first and this one was rolled back: run it again."
    RETRY = "Nothing was changed: run the transaction again."
    RECONNECT = "This connection or node cannot do it: run it again on another."
    UNAVAILABLE = "Temporarily unavailable: back off, then retry."
    LOST = "The connection is lost: reconnect, then retry; a COMMIT is in doubt."
    NO_TABLE = "A table or column is missing."
    NOT_PERMITTED = "The account lacks a right: a retry would fail as well."
    READ_ONLY = "The connection may only read: a retry would fail as well, unless on a new one."
    PERMANENT = "Refused: a retry would fail as well."
    BROKEN_CONNECTION = "Refused: a retry would fail as well, unless it is on a new connection."
    UNKNOWN = "No listed code: do not retry; a COMMIT is in doubt."

    @property
    def is_transient(self) -> bool:
        """Whether a retry may succeed."""
        return self in _TRANSIENT

    @property
    def spoils_connection(self) -> bool:
        """Whether the connection must be closed."""
        return self in _SPOILING

    @property
    def leaves_commit_in_doubt(self) -> bool:
        """Whether a COMMIT that failed this way may have taken effect."""
        return self in (Fault.LOST, Fault.UNKNOWN)


_SPOILING = frozenset({Fault.RECONNECT, Fault.LOST, Fault.READ_ONLY, Fault.BROKEN_CONNECTION})
_TRANSIENT = frozenset(
    {Fault.CONFLICT, Fault.RETRY, Fault.RECONNECT, Fault.UNAVAILABLE, Fault.LOST}
)
