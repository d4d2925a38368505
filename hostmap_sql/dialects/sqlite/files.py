"""The files of an SQLite database: who can access them, and why one cannot be opened or written."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hostmap_sql.errors import DatabaseError, InvalidValue, NotPermitted
from hostmap_sql.quoting import show_path
from hostmap_sql.small_files import OTHERS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


_READ_ANYWAY = "to read it anyway, add immutable=1 to its URL, as long as nothing writes to it"
_CHECKPOINT = "open it once where it can be written, which moves them into the file"
# The false values of SQLite's URIs.
_FALSE = ("0", "no", "off", "false")


def refuse_unseen_changes(path: str, options: Mapping[str, str]) -> None:
    """Refuse to open a file as immutable while its log has changes, which SQLite would ignore.

    :raises InvalidValue: the log has changes.
    """
    is_immutable = options.get("immutable", "0").lower() not in _FALSE
    if is_immutable and _log_may_have_changes(path):
        problem = (
            f"says immutable, but {show_path(path)}-wal may hold changes that would not be seen"
        )
        raise InvalidValue("database URL", f"{problem}: {_CHECKPOINT}")


def explain_refused_read(path: str, error: Exception) -> None:
    """Raise an error with the reason why a file cannot be opened or read, if it is known.

    :raises NotPermitted: no permission to read the file, or to create the log that it needs.
    :raises DatabaseError: not a file.
    """
    if not is_about_access(error):
        return
    refused = _why_not_read(path)
    reason = refused.strerror if refused else _why_no_log(path)
    if reason:
        code = getattr(error, "sqlite_errorname", "")
        is_right = refused is None or isinstance(refused, PermissionError)
        kind = NotPermitted if is_right else DatabaseError
        raise kind(f"database {show_path(path)!r}: {error}: {reason}", code) from error


def explain_refused_write(connection: Any, error: Exception) -> None:
    """Add the reason why the file cannot be written to the error's message."""
    if not is_about_access(error):
        return
    cursor = connection.cursor()
    cursor.row_factory = None
    path = main_file(cursor)
    reason = _why_not_written(path) or "it was opened with mode=ro or immutable=1"
    error.args = (f"{error}: {reason}",)


def main_file(cursor: Any) -> str:
    """Return the path of a connection's file, without symbolic links."""
    # The main database comes first.
    path: str = cursor.execute("PRAGMA database_list").fetchone()[2]
    return path


def files_open_to_others(path: str) -> Sequence[str]:
    """List the file and its logs, as far as other users of this machine can read or write them.

    SQLite creates the logs with the current permissions of the file.
    """
    files = (f"{path}{suffix}" for suffix in ("", "-journal", "-wal", "-shm"))
    return [file for file in files if _is_open_to_others(file)]


def _is_open_to_others(path: str) -> bool:
    # By path: opening and closing the file here would release the locks of this process on it.
    try:
        return bool(Path(path).stat().st_mode & OTHERS) and not _is_mounted_read_only(path)
    except OSError:
        return False


def deny_others_access_if_empty(path: str) -> None:
    """Remove the permissions of other users from a file of another program, if it is empty."""
    with suppress(OSError, DatabaseError):  # the owner's decision stands
        if Path(path).stat().st_size == 0:
            deny_others_access([path])


def deny_others_access(files: Sequence[str]) -> None:
    """Remove all permissions of other users from these files.

    :raises DatabaseError: this user may not change them.
    """
    for file in files:
        path = Path(file)
        try:
            path.chmod(stat.S_IMODE(path.stat().st_mode) & ~stat.S_IRWXO)
        except FileNotFoundError:
            pass  # the last connection has removed its log
        except OSError as error:
            problem = f"its permissions cannot be changed: {error.strerror}"
            raise DatabaseError(f"database {show_path(file)!r}: {problem}") from error


def is_about_access(error: Exception) -> bool:
    """Whether the file or its log could not be opened or written."""
    name = getattr(error, "sqlite_errorname", None) or ""
    return name.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY"))


def _log_may_have_changes(path: str) -> bool:
    try:
        return Path(f"{path}-wal").stat().st_size > 0
    except OSError:
        return False


def _why_not_read(path: str) -> OSError | None:
    try:
        with Path(path).open("rb"):
            return None
    except OSError as error:
        return error


def _why_no_log(path: str) -> str | None:
    folder = os.path.dirname(path)  # noqa: PTH120 - a string
    if _is_writable(folder):
        return None
    if _log_may_have_changes(path):
        return f"its log may hold changes, but {_obstacle(folder)}; {_CHECKPOINT}"
    return f"it needs a log beside it, but {_obstacle(folder)}; {_READ_ANYWAY}"


def _why_not_written(path: str) -> str | None:
    folder = os.path.dirname(path)  # noqa: PTH120 - a string
    unwritable = next((place for place in (path, folder) if not _is_writable(place)), None)
    return unwritable and _obstacle(unwritable)


def _obstacle(path: str) -> str:
    if _is_mounted_read_only(path):
        return f"{show_path(path)} is on a file system that is mounted read-only"
    return f"{show_path(path)} may not be written to by this user"


def _is_mounted_read_only(path: str) -> bool:
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY)


def _is_writable(path: str) -> bool:
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)
