"""SQLite, through the module that comes with Python. The only module that imports it."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import threading
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from hostmap_sql.dialects import green
from hostmap_sql.dialects.base import Dialect, Fault
from hostmap_sql.dialects.opening import NoConnectionInTime
from hostmap_sql.dialects.process import is_running, keep_for_ever, own_id
from hostmap_sql.dialects.sqlite_faults import CODES, FAULTS
from hostmap_sql.dialects.sqlite_files import (
    explain_refused_read,
    explain_refused_write,
    is_about_access,
    refuse_unseen_changes,
)
from hostmap_sql.dialects.system_faults import fault_of_opening
from hostmap_sql.errors import DatabaseError, InvalidValue
from hostmap_sql.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hostmap_sql.database_url import DatabaseUrl
    from hostmap_sql.dialects.migration_tools import MigrationTools

# How long, in seconds, SQLite itself waits for a lock, and nothing can interrupt it. Then it is for
# us to try again, until the time of the call is up.
_PATIENCE = 0.1

# What `autocommit` of a connection says, since Python 3.12, if `isolation_level` counts.
_LEGACY = getattr(sqlite3, "LEGACY_TRANSACTION_CONTROL", -1)

# How long, in seconds, closing a parent's connection may take: a thread that is not here may have
# been in the middle of a call, and have locked it.
_CLOSING_TIME = 1.0

# The files of connections that a parent was using when this process was forked.
_HALF_INHERITED: set[str] = set()

# The function by which a connection of a caller's own tells the process that first used it: there
# can be no weak reference to one.
_FIRST_USER = "hostmap_sql_first_user"

_OPTIONS = ("mode", "immutable", "vfs")
_MODES = ("rw", "ro", "rwc")
_PLACEHOLDER = re.compile(r"%\((\w+)\)s")


class _NoFile(FileNotFoundError):
    """The file of the database is not there."""


class _Connection(sqlite3.Connection):
    """One that knows its file."""

    path: str


class SQLite(Dialect):
    """SQLite 3.37 and later, in a file."""

    name = "sqlite"
    driver = "Python's own sqlite3"
    connection_class = sqlite3.Connection
    driver_attribute = "in_transaction"
    longest_pause = 0.02  # there is no server to be spared, and who waits for a lock is in no queue
    autocommit = (_LEGACY, None)
    in_hosts = "IN (SELECT value FROM json_each(%(hosts)s))"
    in_numbers = "IN (SELECT value FROM json_each(%(numbers)s))"
    overrides = {  # noqa: RUF012 - a ClassVar of the base
        # BEGIN IMMEDIATE has taken the lock.
        Statement.REVISION_LOCK: Statement.REVISION_GET.value,
    }
    hosts_table = "(SELECT value AS host FROM json_each(%(hosts)s)) AS hosts"

    def adapted(self, sql: str) -> str:
        return _PLACEHOLDER.sub(r":\1", super().adapted(sql))

    def opener(self, url: DatabaseUrl, timeout: float) -> Callable[[float], sqlite3.Connection]:  # noqa: ARG002
        path = _path(url)
        options = {"mode": "rw"} | dict(url.options)

        def open_connection(_deadline: float) -> sqlite3.Connection:
            if not Path(path).exists():
                raise _NoFile(path)
            _refuse_half_inherited(path)
            refuse_unseen_changes(path, options)
            try:
                return _opened(url, path, options)
            except sqlite3.OperationalError as error:
                explain_refused_read(path, error)
                raise

        return open_connection

    def is_open(self, connection: sqlite3.Connection) -> bool:
        try:
            connection.in_transaction  # noqa: B018 - raises if closed
        except sqlite3.ProgrammingError:
            return False
        return True

    def cut(self, connection: sqlite3.Connection) -> None:
        connection.interrupt()

    def disown(self, connection: sqlite3.Connection, lent: bool) -> None:  # noqa: FBT001 - as the base
        # SQLite takes the parent's locks for ours as long as it is open, and locks nothing for
        # another connection: the parent could remove the log into which that one writes.
        if not (lent and connection.in_transaction):
            closing = threading.Thread(target=connection.close, daemon=True)
            closing.start()
            closing.join(_CLOSING_TIME)
            if not closing.is_alive():
                return
        # Ending a transaction would end the parent's, so it must not even be collected.
        keep_for_ever(connection)
        if isinstance(connection, _Connection):
            _HALF_INHERITED.add(connection.path)

    def is_parents(self, connection: sqlite3.Connection) -> bool:
        own = own_id()
        try:
            (first,) = self.cursor(connection).execute(f"SELECT {_FIRST_USER}()").fetchone()
        except sqlite3.OperationalError:  # it does not know the function
            connection.create_function(_FIRST_USER, 0, lambda: own)
            return False
        return bool(first != own and is_running(first))

    def creator(self, url: DatabaseUrl) -> Callable[[], None]:
        path = _path(url)

        def create() -> None:
            # Only its owner may read it: it will hold passwords.
            try:
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            except FileExistsError:
                return
            except OSError as error:
                problem = f"names a file that cannot be made: {path}: {error.strerror}"
                raise InvalidValue("database URL", problem) from error

        return create

    def yoyo_backend(self) -> Any:
        from yoyo.backends import SQLiteBackend  # noqa: PLC0415 - an extra

        return SQLiteBackend

    def migration_tools(self) -> MigrationTools:
        from hostmap_sql.dialects.sqlite_migrating import SQLiteMigrating  # noqa: PLC0415

        return SQLiteMigrating(self)

    def set_mode(self, connection: Any, mode: Any) -> Any:
        was = (getattr(connection, "autocommit", _LEGACY), connection.isolation_level)
        if was != mode:
            control, connection.isolation_level = mode
            if was[0] != control:
                connection.autocommit = True  # ends the transaction that False keeps open
                connection.autocommit = control
        return was

    def refuse_unfit(self, connection: Any) -> None:
        if connection.text_factory is not str:
            raise DatabaseError(
                "the text_factory of the pool's connections is not str: leave it at its default"
            )

    def cursor(self, connection: sqlite3.Connection) -> sqlite3.Cursor:
        cursor = connection.cursor()
        cursor.row_factory = None
        return cursor

    def begin(self, cursor: Any) -> None:
        cursor.execute("BEGIN IMMEDIATE")

    def begin_snapshot(self, cursor: Any) -> None:
        cursor.execute("BEGIN")
        # The snapshot is that of the first read, whatever it reads.
        cursor.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()

    def take_revision(self, cursor: Any) -> int | None:
        try:
            row = cursor.execute(self.sql[Statement.REVISION_TAKE]).fetchone()
        except sqlite3.OperationalError as error:
            explain_refused_write(cursor.connection, error)
            raise
        return row and int(row[0])

    def encode_hosts(self, hosts: Sequence[str]) -> object:
        return json.dumps(hosts, ensure_ascii=False)

    def encode_numbers(self, numbers: Sequence[int]) -> object:
        return json.dumps([*numbers])

    def encode_time(self, time: datetime) -> str:
        return time.replace(tzinfo=None).isoformat(" ", "microseconds")

    def decode_time(self, value: str) -> datetime:
        return datetime.fromisoformat(value + "+00:00")

    def code(self, error: Exception) -> str | None:
        name = getattr(error, "sqlite_errorname", None)
        if name == "unknown":  # of an extended code, it may be younger than Python
            name = CODES.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)
        return name

    def classify(self, error: Exception, *, connecting: bool) -> Fault:
        if isinstance(error, _NoFile):
            return Fault.NO_TABLE
        opening = fault_of_opening(error) if connecting else None
        if opening is not None:
            return opening
        if isinstance(error, NoConnectionInTime):
            return Fault.WAIT
        # An extended code is its code's name and one more word: SQLITE_BUSY_SNAPSHOT.
        code = self.code(error) or ""
        family = "_".join(code.split("_")[:2])
        return FAULTS.get(code) or FAULTS.get(family, Fault.UNLISTED)

    def has_table(self, cursor: Any, table: str) -> bool:
        cursor.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (table,))
        return cursor.fetchone() is not None


def _refuse_half_inherited(path: str) -> None:
    if path in _HALF_INHERITED:
        problem = (
            "this process was forked while its parent was in the middle of a call or a "
            "transaction, whose locks SQLite takes for this process's own: "
            "fork when nothing is under way"
        )
        raise DatabaseError(f"{path}: {problem}")


def _opened(url: DatabaseUrl, path: str, options: Mapping[str, str]) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{quote(path)}?{urlencode(options)}",
        uri=True,
        # Green threads would all wait: better try again, with pauses that give way.
        timeout=0 if green.are_in_use() else _PATIENCE,
        isolation_level=None,
        check_same_thread=False,  # lent to one thread at a time
        factory=_Connection,
    )
    try:
        connection.path = path
        _refuse_other_encodings(connection, url)
        connection.execute("PRAGMA foreign_keys = ON")
        _let_readers_and_writers_be(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _path(url: DatabaseUrl) -> str:
    if url.hosts or url.user:
        problem = "names a host: write sqlite:///relative.db or sqlite:////absolute.db"
        raise InvalidValue("database URL", problem)
    if not url.database or url.database == ":memory:" or url.options.get("mode") == "memory":
        problem = "names no file: a database in memory would be another one for each thread"
        raise InvalidValue("database URL", problem)
    unknown = sorted(set(url.options) - set(_OPTIONS))
    if unknown:
        problem = f"has the option {unknown[0]!r}, which is not one of {', '.join(_OPTIONS)}"
        raise InvalidValue("database URL", problem)
    mode = url.options.get("mode", "rw")
    if mode not in _MODES:
        problem = f"has the mode {mode!r}, which is not one of {', '.join(_MODES)}"
        raise InvalidValue("database URL", problem)
    return str(Path(url.database).absolute())  # from where the process is now


def _refuse_other_encodings(connection: sqlite3.Connection, url: DatabaseUrl) -> None:
    # It compares bytes, which only in UTF-8 are in the order of the characters they stand for.
    (encoding,) = connection.execute("PRAGMA encoding").fetchone()
    if encoding != "UTF-8":
        raise DatabaseError(
            f"{url}: the file keeps its text in {encoding}, in which names are not in order: "
            "use a file that was made with PRAGMA encoding = 'UTF-8', which is the default"
        )


def _let_readers_and_writers_be(connection: sqlite3.Connection) -> None:
    """Set write-ahead logging: readers never wait for a writer. The file remembers it."""
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        # Pages go from the log back into the file after so many, 16 MB. By SQLite's own 1,000 a
        # bulk call would write the same page back again and again.
        connection.execute("PRAGMA wal_autocheckpoint = 4000")
    except sqlite3.OperationalError as error:
        # A read-only file, or somebody in a transaction: it works all the same, but they wait;
        # unless it cannot be read either, for want of its log.
        if is_about_access(error):
            connection.execute("SELECT 1 FROM sqlite_master").fetchone()


DIALECT = SQLite()
