"""Commits, and the warnings with which a server answers some of them.

Under synchronous replication a server may stop waiting for its standbys, because the statement was
canceled, and answer a COMMIT with a success and a warning. The transaction is then committed on
this server, and lost if it fails.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hostmap_sql.dialects.postgresql.driver import OperationalError

if TYPE_CHECKING:
    from hostmap_sql.dialects.postgresql.driver import Connection, Diagnostic


class CommitWarning(OperationalError):
    """The server answered a COMMIT with a warning, so the commit is in doubt."""


def commit(connection: Connection[Any]) -> None:
    """Commit.

    :raises CommitWarning: the server committed with a warning.
    """
    warnings: list[CommitWarning] = []

    def note(notice: Diagnostic) -> None:
        # Copied here: its text is freed after the call.
        if notice.severity_nonlocalized == "WARNING":
            warning = CommitWarning(notice.message_primary or "a warning")
            warning.sqlstate = notice.sqlstate
            warnings.append(warning)

    connection.add_notice_handler(note)
    try:
        connection.commit()
    finally:
        connection.remove_notice_handler(note)
    if warnings:
        raise warnings[0]
