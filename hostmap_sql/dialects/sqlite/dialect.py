"""The dialect of SQLite. The only module that imports sqlite3."""

from __future__ import annotations

import json
import os
import re
import shlex
import sqlite3
import threading
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from hostmap_sql import sql
from hostmap_sql.concealing import HiddenFrames, SecretText
from hostmap_sql.dialects.base import Dialect
from hostmap_sql.dialects.fault import Fault
from hostmap_sql.dialects.sqlite.error_codes import CODES, FAULTS
from hostmap_sql.dialects.sqlite.files import (
    deny_others_access,
    deny_others_access_if_empty,
    explain_refused_read,
    explain_refused_write,
    files_open_to_others,
    is_about_access,
    main_file,
    refuse_unseen_changes,
)
from hostmap_sql.dialects.system_errors import fault_of_opening
from hostmap_sql.errors import DatabaseError, InvalidValue
from hostmap_sql.masking import shows_path
from hostmap_sql.quoting import show_option, show_path
from hostmap_sql.runtime import green_threads
from hostmap_sql.runtime.deadlines import NoConnectionInTime
from hostmap_sql.runtime.processes import is_running, keep_for_ever, own_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from hostmap_sql.dialects.base import MigrationTools
    from hostmap_sql.dialects.database_url import DatabaseUrl

# SQLite's own wait for a lock, in seconds, which cannot be interrupted. Longer waits are retries.
_BUSY_TIMEOUT = 0.1

# The value of a connection's `autocommit`, since Python 3.12, if `isolation_level` counts.
_LEGACY = getattr(sqlite3, "LEGACY_TRANSACTION_CONTROL", -1)

# How long, in seconds, to wait for the close of a parent's connection: a thread that exists only in
# the parent may have locked it.
_CLOSING_TIME = 1.0

# The files of connections that were in use in the parent when this process was forked.
_in_use_at_fork: set[str] = set()

# An SQL function that returns the id of the process that claimed a connection of an external pool,
# because sqlite3's connections have no weak references.
_CLAIMED_BY = "hostmap_sql_claimed_by"

_OPTIONS = ("mode", "immutable", "vfs")
_MODES = ("rw", "ro", "rwc")
_PLACEHOLDER = re.compile(r"%\((\w+)\)s")


class _NoFile(FileNotFoundError):
    """The file of the database does not exist."""


class _Connection(sqlite3.Connection):
    """A connection that the library opened."""

    path: str
    """The file."""

    is_closed = False

    def close(self) -> None:
        super().close()
        self.is_closed = True


class SQLite(Dialect):
    """SQLite 3.37 and later, in a file."""

    name = "sqlite"
    driver = "Python's own sqlite3"
    has_server = False
    connection_class = sqlite3.Connection
    driver_attribute = "in_transaction"
    is_closed = staticmethod(attrgetter("is_closed"))
    longest_pause = 0.02  # there is no server to overload, and a lock has no queue
    autocommit = (_LEGACY, None)
    in_hosts = "IN (SELECT value FROM json_each(%(hosts)s))"
    in_numbers = "IN (SELECT value FROM json_each(%(numbers)s))"
    hosts_table = "(SELECT value AS host FROM json_each(%(hosts)s)) AS hosts"
    overrides = {  # noqa: RUF012 - a ClassVar of the base
        # BEGIN IMMEDIATE takes the lock.
        sql.REVISION_LOCK: sql.REVISION_GET.text,
    }

    def render(self, text: str) -> str:
        return _PLACEHOLDER.sub(r":\1", super().render(text))

    def connector(
        self,
        url: DatabaseUrl,
        timeout: float,  # noqa: ARG002 - a file has no server that could end a statement
        password: Callable[[], str] | None = None,
    ) -> Callable[[float], sqlite3.Connection]:
        path = _path(url)
        if password is not None:
            raise InvalidValue("password", "has no effect on an SQLite file: leave it out")
        options = {"mode": "rw"} | dict(url.options)

        def open_connection(_deadline: float) -> sqlite3.Connection:
            if not Path(path).exists():
                raise _NoFile(show_path(path))
            _refuse_file_in_use_at_fork(path)
            refuse_unseen_changes(path, options)
            try:
                return _open(url, path, options)
            except sqlite3.OperationalError as error:
                explain_refused_read(path, error)
                raise

        return open_connection

    def creator(self, url: DatabaseUrl) -> Callable[[], None]:
        path = _path(url)

        def create() -> None:
            with HiddenFrames():
                create_file()

        def create_file() -> None:
            # Only the owner can read it, because it will hold passwords.
            try:
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            except FileExistsError:
                deny_others_access_if_empty(path)
            except OSError as error:
                problem = (
                    f"names a file that cannot be created: {show_path(path)}: {error.strerror}"
                )
                raise InvalidValue("database URL", problem) from error

        return create

    def is_open(self, connection: sqlite3.Connection) -> bool:
        try:
            connection.in_transaction  # noqa: B018 - raises if closed
        except sqlite3.ProgrammingError:
            return False
        return True

    def interrupt(self, connection: sqlite3.Connection) -> None:
        connection.interrupt()

    def cursor(self, connection: sqlite3.Connection) -> sqlite3.Cursor:
        cursor = connection.cursor()
        cursor.row_factory = None
        return cursor

    def disown(self, connection: sqlite3.Connection, lent: bool) -> None:  # noqa: FBT001 - as the base
        # While it is open, SQLite takes the parent's locks for its own, and locks nothing for other
        # connections here: the parent could then remove the log that those write to.
        if not (lent and connection.in_transaction):
            closing = threading.Thread(target=connection.close, daemon=True)
            closing.start()
            closing.join(_CLOSING_TIME)
            if not closing.is_alive():
                return
        # A close would end the parent's transaction, so it must never be collected.
        keep_for_ever(connection)
        if isinstance(connection, _Connection):
            _in_use_at_fork.add(connection.path)

    def set_mode(self, connection: Any, mode: Any) -> Any:
        previous = (getattr(connection, "autocommit", _LEGACY), connection.isolation_level)
        if previous != mode:
            control, connection.isolation_level = mode
            if previous[0] != control:
                connection.autocommit = True  # ends the transaction that False keeps open
                connection.autocommit = control
        return previous

    def claim(self, connection: sqlite3.Connection) -> bool:
        own = own_id()
        try:
            (owner,) = self.cursor(connection).execute(f"SELECT {_CLAIMED_BY}()").fetchone()
        except sqlite3.OperationalError:  # no such function
            connection.create_function(_CLAIMED_BY, 0, lambda: own)
            return True
        return bool(owner == own or not is_running(owner))

    def prepare_session(self, connection: Any) -> None:
        if connection.text_factory is not str:
            raise DatabaseError(
                "the text_factory of the pool's connections is not str: leave it at its default"
            )

    def begin(self, cursor: Any) -> None:
        cursor.execute("BEGIN IMMEDIATE")

    def begin_snapshot(self, cursor: Any) -> None:
        cursor.execute("BEGIN")
        # The first read takes the snapshot.
        cursor.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()

    def take_revision(self, cursor: Any) -> int | None:
        try:
            row = cursor.execute(self.sql[sql.REVISION_TAKE]).fetchone()
        except sqlite3.OperationalError as error:
            explain_refused_write(cursor.connection, error)
            raise
        return row and int(row[0])

    def commit(self, connection: sqlite3.Connection) -> None:
        connection.commit()

    def encode_hosts(self, hosts: Sequence[str]) -> object:
        return json.dumps(hosts, ensure_ascii=False)

    def encode_numbers(self, numbers: Sequence[int]) -> object:
        return json.dumps([*numbers])

    def encode_time(self, time: datetime) -> str:
        return time.replace(tzinfo=None).isoformat(" ", "microseconds")

    def code(self, error: Exception) -> str | None:
        name = getattr(error, "sqlite_errorname", None)
        if name == "unknown":  # an extended code that is newer than Python
            name = CODES.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)
        return name

    def classify(self, error: Exception, *, connecting: bool) -> Fault:
        if isinstance(error, _NoFile):
            return Fault.NO_TABLE
        opening = fault_of_opening(error) if connecting else None
        if opening is not None:
            return opening
        if isinstance(error, NoConnectionInTime):
            return Fault.UNAVAILABLE
        # An extended code is the name of a primary code and one more word: SQLITE_BUSY_SNAPSHOT.
        code = self.code(error) or ""
        primary = "_".join(code.split("_")[:2])
        return FAULTS.get(code) or FAULTS.get(primary, Fault.UNKNOWN)

    def has_table(self, cursor: Any, table: str) -> bool:
        cursor.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (table,))
        return cursor.fetchone() is not None

    def files_open_to_others(self, cursor: Any) -> Sequence[str]:
        path = main_file(cursor)
        return files_open_to_others(path) if path else ()  # an external pool may be in memory

    def deny_others_access(self, files: Sequence[str]) -> None:
        deny_others_access(files)

    def readable_columns(self, cursor: Any, table: str) -> frozenset[str] | None:
        rows = cursor.execute("SELECT name FROM pragma_table_info(?)", (table,)).fetchall()
        return frozenset(row[0] for row in rows) or None

    def grants(self, cursor: Any, role: str, user: str, *, urls: bool) -> Sequence[str]:  # noqa: ARG002
        # Rights on a file are rights on all tables. The logs get the same mode.
        path = shlex.quote(main_file(cursor))
        account = shlex.quote(user)
        if role == "lookup":
            return [f"chgrp {account} {path}", f"chmod 640 {path}"]
        return [f"chown {account} {path}", f"chmod 600 {path}"]

    def yoyo_backend(self) -> Any:
        from yoyo.backends import SQLiteBackend  # noqa: PLC0415 - an extra

        return SQLiteBackend

    def migration_tools(self) -> MigrationTools:
        from hostmap_sql.dialects.sqlite.migration_support import SQLiteMigrationTools  # noqa: PLC0415

        return SQLiteMigrationTools(self)


def _refuse_file_in_use_at_fork(path: str) -> None:
    if path in _in_use_at_fork:
        problem = (
            "this process was forked while its parent was in the middle of a call or a "
            "transaction, whose locks SQLite takes for this process's own: "
            "fork when nothing is under way"
        )
        raise DatabaseError(f"{show_path(path)}: {problem}")


def _open(url: DatabaseUrl, path: str, options: Mapping[str, str]) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{quote(path)}?{urlencode(options)}",
        uri=True,
        # SQLite's wait would block all green threads, so there each wait is a retry.
        timeout=0 if green_threads.are_in_use() else _BUSY_TIMEOUT,
        isolation_level=None,
        check_same_thread=False,  # only one thread at a time uses it
        factory=_Connection,
    )
    try:
        connection.path = path
        _refuse_other_encodings(connection, url)
        connection.execute("PRAGMA foreign_keys = ON")
        _enable_write_ahead_log(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _path(url: DatabaseUrl) -> str:
    if url.hosts or url.user:
        problem = "names a host: write sqlite:///relative.db or sqlite:////absolute.db"
        raise InvalidValue("database URL", problem)
    if not url.database or url.database == ":memory:" or url.options.get("mode") == "memory":
        problem = "names no file: each thread would have its own database in memory"
        raise InvalidValue("database URL", problem)
    unknown = sorted(set(url.options) - set(_OPTIONS))
    if unknown:
        problem = f"has {show_option(unknown[0])}, which is not one of {', '.join(_OPTIONS)}"
        raise InvalidValue("database URL", problem)
    mode = url.options.get("mode", "rw")
    if mode not in _MODES:
        problem = f"has a mode that is not one of {', '.join(_MODES)}"
        raise InvalidValue("database URL", problem)
    path = str(Path(url.database).absolute())  # the process may change its directory later
    return path if shows_path(path) else SecretText(path)


def _refuse_other_encodings(connection: sqlite3.Connection, url: DatabaseUrl) -> None:
    # SQLite compares bytes, which only in UTF-8 sort like the characters.
    (encoding,) = connection.execute("PRAGMA encoding").fetchone()
    if encoding != "UTF-8":
        raise DatabaseError(
            f"{url}: the file stores text in {encoding}, which sorts names differently: "
            "use a file that was created with PRAGMA encoding = 'UTF-8', which is the default"
        )


def _enable_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Set the file's journal mode to WAL, in which readers never wait for a writer."""
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        # 16 MB. With SQLite's own 1,000 pages, bulk calls would copy the same pages from the log
        # into the file again and again.
        connection.execute("PRAGMA wal_autocheckpoint = 4000")
    except sqlite3.OperationalError as error:
        # The file is read-only, or in a transaction: it works without WAL, but readers wait.
        # If it cannot be read either, because its log is missing, this read raises.
        if is_about_access(error):
            connection.execute("SELECT 1 FROM sqlite_master").fetchone()


DIALECT = SQLite()
