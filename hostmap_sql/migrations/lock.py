"""yoyo's lock, taken so that a killed process never blocks the next run.

Where DDL is transactional, a run is one transaction: the row of the lock, yoyo's tables, the
migrations and their records. No other session sees the row, and a killed process leaves none.
Concurrent runs wait for the transaction.

On MySQL each DDL statement commits, so the row is visible. There the session that inserts it also
holds a lock of the server, which ends with the session. If a run gets the session lock and
finds a row that was inserted under it, the session that inserted the row has ended.
"""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Any

from hostmap_sql.concealing import raise_alone
from hostmap_sql.dialects.fault import Fault
from hostmap_sql.dialects.migration_support import LOCK_DELETE, LOCK_INSERT, LOCK_ROW
from hostmap_sql.errors import DatabaseError, DatabaseUnavailable
from hostmap_sql.runtime.dbapi import close_quietly

if TYPE_CHECKING:
    from hostmap_sql.dialects.base import MigrationTools

_POLL_INTERVAL = 0.1
"""How long, in seconds, to sleep between two attempts."""

_STATEMENT_TIMEOUT = 0.5
"""How long, in seconds, one attempt waits for the transaction of another run."""

_WAITING_SHARE = 0.9
"""The share of a call's time that it may spend waiting; the rest is for reporting the failure."""

Row = tuple[int, object]
"""The owner, and the time in UTC. yoyo writes its process id, the library a negative number."""


class _LockHeldError(Exception):
    """Another run or a `yoyo apply` holds the lock. `row` is its row; None if it is not visible."""

    def __init__(self, row: Row | None = None) -> None:
        super().__init__()
        self.row = row


class YoyoLock:
    """yoyo's lock on one database, for one connection.

    :param row_timeout: how long, in seconds, to wait for a `yoyo apply`, which may be dead.
    """

    def __init__(
        self, backend: Any, tools: MigrationTools, *, deadline: float, row_timeout: float
    ) -> None:
        self.is_held = False
        self._backend = backend
        self._tools = tools
        self._dialect = tools.dialect
        self._deadline = deadline
        self._row_timeout = row_timeout
        self._owner = os.getpid()
        self._has_session_lock = False

    def acquire(self) -> None:
        """Take the lock, waiting for other runs.

        :raises DatabaseUnavailable: another run, or a `yoyo apply`, held it for too long.
        """
        last = self._last_moment()
        last_for_row = min(last, monotonic() + self._row_timeout)
        while True:
            try:
                self._insert_row(min(_STATEMENT_TIMEOUT, max(_POLL_INTERVAL, last - monotonic())))
            except _LockHeldError as error:
                now = monotonic()
                if error.row is not None and now >= last_for_row:
                    problem = _describe_owner(error.row)
                    raise_alone(DatabaseUnavailable(self._backend.uri.database, problem))
                if now >= last:
                    problem = "another `hostmap migrate` is running"
                    raise_alone(DatabaseUnavailable(self._backend.uri.database, problem))
                time.sleep(_POLL_INTERVAL)
            else:
                self.is_held = True
                return

    def release(self) -> None:
        """Release the lock, if it is held, and commit."""
        if self.is_held:
            self._delete_row(self._owner)
        if self._has_session_lock and self._tools.session_lock:
            self._tools.session_lock.release(self._backend.cursor())
        if self._tools.ddl_is_transactional:
            self._backend.connection.commit()

    def break_(self) -> Row | None:
        """Delete the row of another run or a `yoyo apply`, and return it; None if there is none.

        :raises DatabaseError: a `hostmap migrate` that holds the lock is running.
        """
        if self._tools.ddl_is_transactional:
            self._begin()
        else:
            try:
                self._lock_session()
            except _LockHeldError:
                problem = "a `hostmap migrate` is running: its lock was not removed"
                raise DatabaseError(f"{self._backend.uri.database}: {problem}") from None
        row = self._row()
        if row is not None:
            self._delete_row(row[0])
        return row

    def remove_orphan(self) -> None:
        """Delete the row of a `hostmap migrate` that was killed after its last migration."""
        row = self._row()
        if row is not None and row[0] < 0:
            self._lock_session()
            self._delete_row(self._owner)

    def roll_back(self) -> None:
        """End the transaction of a run that does not hold the lock. Never fails."""
        if self._tools.ddl_is_transactional:
            try:
                self._backend.connection.rollback()
            except Exception:  # noqa: BLE001 - the server rolls back a closed connection
                close_quietly(self._backend.connection)

    def _begin(self) -> None:
        """Begin a transaction, retrying while SQLite refuses because another one writes."""
        last = self._last_moment()
        while True:
            try:
                self._tools.begin(self._backend.cursor(), _STATEMENT_TIMEOUT)
            except Exception as error:
                if not self._is_transient(error) or monotonic() >= last:
                    raise
            else:
                return

    def _insert_row(self, timeout: float) -> None:
        """Try once to take the lock.

        :raises _LockHeldError: another run or a `yoyo apply` holds it.
        """
        backend, tools = self._backend, self._tools
        has_table = True
        try:
            if tools.ddl_is_transactional:
                tools.begin(backend.cursor(), timeout)
            else:
                self._lock_session()
            has_table = self._has_table()
            if not has_table:
                backend.execute(backend.format_sql(backend.create_lock_table_sql))
            if self._has_session_lock:
                self._delete_row(self._owner)  # of a session that has ended
            now = datetime.now(UTC).replace(tzinfo=None)
            backend.execute(LOCK_INSERT, {"pid": self._owner, "now": now})
            if tools.ddl_is_transactional:
                tools.restore_lock_timeout(backend.cursor())
        except _LockHeldError:
            raise
        except Exception as error:
            self.roll_back()
            if self._is_transient(error) or (not has_table and self._has_table()):
                raise _LockHeldError from error  # in the latter case, another run made the table
            if isinstance(error, backend.driver.IntegrityError):
                raise _LockHeldError(self._row()) from error
            raise

    def _lock_session(self) -> None:
        """Take the lock of the server that ends with the session, where there are such locks.

        :raises _LockHeldError: another session holds it.
        """
        lock = self._tools.session_lock
        if self._has_session_lock or lock is None:
            return
        is_locked = lock.acquire(self._backend.cursor())
        if is_locked is False:
            raise _LockHeldError
        if is_locked:
            self._has_session_lock = True
            self._owner = -1 - lock.server_number(self._backend.cursor())

    def _delete_row(self, owner: int) -> None:
        self._backend.execute(LOCK_DELETE, {"pid": owner})

    def _row(self) -> Row | None:
        if not self._has_table():
            return None
        row: Row | None = self._backend.execute(LOCK_ROW).fetchone()
        return row

    def _has_table(self) -> bool:
        return self._dialect.has_table(self._backend.cursor(), self._backend.lock_table)

    def _is_transient(self, error: Exception) -> bool:
        return self._dialect.classify(error, connecting=False) in (
            Fault.CONFLICT,
            Fault.RETRY,
        )

    def _last_moment(self) -> float:
        """Return the time at which to stop waiting."""
        now = monotonic()
        return now + (self._deadline - now) * _WAITING_SHARE


def _describe_owner(row: Row) -> str:
    """Describe the owner of the lock, and how to remove the lock."""
    owner = "a `hostmap migrate` on another server" if row[0] < 0 else f"process {row[0]}"
    return (
        f"{owner} has been migrating since {row[1]} UTC, or was killed doing so: if it is gone, "
        "`hostmap migrate --break-lock` (or `yoyo break-lock`) removes its lock"
    )
