"""The permissions of other users of this machine on the files of a directory in SQLite."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostmap_sql.quoting import show_path

if TYPE_CHECKING:
    from hostmap_sql.engine.database import Database
    from hostmap_sql.engine.session import ReadTransaction


def describe_open_files(snapshot: ReadTransaction) -> str | None:
    """Describe files that other users can access, with the remedy; None if there are none."""
    files = snapshot.files_open_to_others()
    if not files:
        return None
    names = ", ".join(map(show_path, files))
    return (
        f"other users of this machine have access to {names}, which may hold the passwords of "
        "cells: remove it with `hostmap check --fix-mode`"
    )


def deny_others_access(database: Database) -> tuple[str, ...]:
    """Remove all permissions of other users from the files; return the files that had some."""

    def work(snapshot: ReadTransaction) -> tuple[str, ...]:
        files = snapshot.files_open_to_others()
        snapshot.dialect.deny_others_access(files)
        return tuple(files)

    return database.snapshot(work)
