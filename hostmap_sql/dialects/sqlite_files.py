"""Why an SQLite file cannot be opened or written to: SQLite itself does not say."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from hostmap_sql.errors import DatabaseError, InvalidValue

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

_TO_READ = "to read it all the same, add immutable=1 to its URL, as long as nobody writes to it"
_TO_EMPTY = "open it once where it can be written to, which puts them into the file"
# How SQLite's URIs say no.
_FALSE = ("0", "no", "off", "false")


def refuse_unseen_changes(path: str, options: Mapping[str, str]) -> None:
    """Refuse to open a file as immutable if its log holds changes, which would not be seen.

    :raises InvalidValue: it does.
    """
    is_immutable = options.get("immutable", "0").lower() not in _FALSE
    if is_immutable and _log_holds_changes(path):
        problem = f"says immutable, but {path}-wal may hold changes that would not be seen"
        raise InvalidValue("database URL", f"{problem}: {_TO_EMPTY}")


def explain_refused_read(path: str, error: sqlite3.Error) -> None:
    """Raise an error that says why a file cannot be opened or read, if that can be told.

    :raises DatabaseError: it may not be read, is no file, or needs a log that cannot be made.
    """
    reason = is_about_access(error) and (_why_not_read(path) or _why_no_log(path))
    if reason:
        code = error.sqlite_errorname
        raise DatabaseError(f"database {path!r}: {error}: {reason}", code) from error


def explain_refused_write(connection: sqlite3.Connection, error: sqlite3.Error) -> None:
    """Add to the message of an error why the file cannot be written to."""
    if not is_about_access(error):
        return
    # Of the main database, which comes first.
    cursor = connection.cursor()
    cursor.row_factory = None
    path = cursor.execute("PRAGMA database_list").fetchone()[2]
    reason = _why_not_written(path) or "it was opened with mode=ro or immutable=1"
    error.args = (f"{error}: {reason}",)


def is_about_access(error: sqlite3.Error) -> bool:
    """Whether it says that the file, or its log, cannot be opened or written to."""
    name = getattr(error, "sqlite_errorname", None) or ""
    return name.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY"))


def _log_holds_changes(path: str) -> bool:
    try:
        return Path(f"{path}-wal").stat().st_size > 0
    except OSError:
        return False


def _why_not_read(path: str) -> str | None:
    try:
        with Path(path).open("rb"):
            return None
    except OSError as error:
        return error.strerror


def _why_no_log(path: str) -> str | None:
    folder = os.path.dirname(path)  # noqa: PTH120 - of a text
    if _is_writable(folder):
        return None
    if _log_holds_changes(path):
        return f"its log may hold changes, but {_what_forbids(folder)}; {_TO_EMPTY}"
    return f"it needs a log beside it, but {_what_forbids(folder)}; {_TO_READ}"


def _why_not_written(path: str) -> str | None:
    folder = os.path.dirname(path)  # noqa: PTH120 - of a text
    forbidden = next((place for place in (path, folder) if not _is_writable(place)), None)
    return forbidden and _what_forbids(forbidden)


def _what_forbids(path: str) -> str:
    if os.statvfs(path).f_flag & os.ST_RDONLY:
        return f"{path} is on a file system that is mounted read-only"
    return f"{path} may not be written to by this user"


def _is_writable(path: str) -> bool:
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)
