"""One run of migrations: alone, and such that being killed at any moment leaves nothing half done.

Where a transaction undoes DDL too, all of a run is one: yoyo's lock, its tables, the migrations and
the record of them. Nobody ever sees our row of the lock, and no row of a process that was killed
remains. Those who migrate at the same time wait for the transaction.

On MySQL each DDL statement commits. There the row has to be seen, and the session that wrote it
holds one of the server's own locks as well, which ends with it. So who gets that lock, and finds a
row that was written under it, knows that its writer is gone.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Any

from hostmap_sql.dialects.base import Fault
from hostmap_sql.dialects.migration_tools import APPLIED, LOCK_DELETE, LOCK_INSERT, LOCK_ROW
from hostmap_sql.errors import DatabaseError, DatabaseUnavailable, HostMapError
from hostmap_sql.leases import close_quietly
from hostmap_sql.migrating.yoyo_backend import make_tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from collections.abc import Set as AbstractSet
    from typing import Self

    from hostmap_sql.dialects.base import Connection, Dialect
    from hostmap_sql.dialects.migration_tools import MigrationTools

_LOOK = 0.1
"""How soon, in seconds, to look again whether another has finished."""

_PATIENCE = 0.5
"""How long, in seconds, to wait for another's transaction before looking at the time."""

_MOST = 0.9
"""The part of a call's time that may pass in waiting: the rest is to say why it was in vain."""

Row = tuple[int, object]


class Overtaken(Exception):
    """Others have migrated since it was looked which migrations are applied."""


class Run:
    """One run of migrations.

    :param explain: makes of a failure, and of what it is about, an error for the caller.
    :param expected: the migrations that were applied when their list was read.
    :param patience: how long to wait, in seconds, for the lock of a yoyo, which may be dead.
    """

    def __init__(
        self,
        backend: Any,
        tools: MigrationTools,
        explain: Callable[[str, Exception], Exception],
        *,
        expected: AbstractSet[str],
        deadline: float,
        patience: float,
    ) -> None:
        self._backend = backend
        self._connection: Connection = backend.connection
        self._tools = tools
        self._dialect = tools.dialect
        self._explain = explain
        self._expected = expected
        self._deadline = deadline
        self._patience = patience
        self._number = 0
        self._has_session_lock = False
        self._is_locked = False
        self._needs_transaction = False
        self._before = ""
        backend.prepare = self._prepare

    def __enter__(self) -> Self:
        return self

    def __exit__(self, type_: type[BaseException] | None, *_: object) -> None:
        if type_ is not None and not issubclass(type_, Exception):
            close_quietly(self._connection)  # interrupted between a question and its answer
        elif type_ is not None and self._tools.ddl_is_transactional and not self._is_locked:
            self._undo_all()
        else:
            self._end(is_success=type_ is None)

    # --- the migrations -----------------------------------------------------------------------

    def apply(self, migration: Any) -> None:
        """Apply a migration, or only record it, should all that it makes be there already."""
        with self._all_or_nothing(migration):
            if self._is_made(migration):
                self._backend.ensure_internal_schema_updated()
                self._backend.log_migration(migration, "apply")
                self._backend.mark_one(migration, log=False)
            else:
                if migration.id in self._expected:  # the record alone is left of it
                    self._backend.unmark_one(migration, log=False)
                self._backend.apply_one(migration)

    def roll_back(self, migration: Any) -> None:
        """Roll a migration back, or only remove its record, should its table be gone already."""
        with self._all_or_nothing(migration):
            if is_gone(migration, self._dialect, self._connection):
                self._backend.unmark_one(migration)
            else:
                self._backend.rollback_one(migration)

    def break_lock(self) -> Row | None:
        """Remove the lock that another has left behind; return whose it was, and since when.

        :raises DatabaseError: a `hostmap migrate` that has it is running.
        """
        if self._tools.ddl_is_transactional:
            self._begin()
        elif not self._lock_session():
            problem = "a `hostmap migrate` is running: its lock was not removed"
            raise DatabaseError(f"{self._backend.uri.database}: {problem}")
        row = self._row()
        if row is not None:
            self._backend.execute(LOCK_DELETE, {"pid": row[0]})
        return row

    def tidy(self) -> None:
        """Remove the row of a `hostmap migrate` that was killed when all was done."""
        row = self._row()
        if row is not None and row[0] < 0 and self._lock_session():
            self._remove_row()

    def _begin(self) -> None:
        """Begin a transaction, which SQLite refuses while another writes."""
        last = self._last()
        while True:
            try:
                self._tools.begin(self._backend.cursor(), _PATIENCE)
            except Exception as error:
                again = self._dialect.classify(error, connecting=False) is Fault.AGAIN
                if not again or monotonic() >= last:
                    raise
            else:
                return

    def _last(self) -> float:
        """When to wait no longer."""
        now = monotonic()
        return now + (self._deadline - now) * _MOST

    def _is_made(self, migration: Any) -> bool:
        statements = list(_statements(migration))
        cursor = self._backend.cursor()
        return bool(statements) and all(self._tools.made(cursor, text) for text in statements)

    @contextmanager
    def _all_or_nothing(self, migration: Any) -> Iterator[None]:
        """A block that applies or rolls back a migration and records it."""
        self._announce(migration)
        if self._is_locked:  # if not, that comes with the lock
            self._begin_step()
        try:
            yield
            if not self._tools.ddl_is_transactional:
                self._connection.commit()
        except Exception:
            self._undo_step()
            raise

    def _announce(self, migration: Any) -> None:
        """Say which comes next."""
        migration.load()
        self._needs_transaction = bool(migration.use_transactions)
        self._before = f", before {migration.id},"

    def _begin_step(self) -> None:
        if self._tools.ddl_is_transactional:
            self._backend.cursor().execute(self._tools.savepoint)
        elif self._needs_transaction:
            self._dialect.begin(self._backend.cursor())

    def _undo_step(self) -> None:
        if not self._is_locked:
            return
        with suppress(Exception):  # of a connection that is lost, the server undoes all of it
            if self._tools.ddl_is_transactional:
                self._backend.cursor().execute(self._tools.back_to_savepoint)
            else:
                self._connection.rollback()

    # --- the lock -----------------------------------------------------------------------------

    def _prepare(self) -> None:
        """Get ready for the first migration: be alone, with yoyo's tables, and up to date."""
        self._take_lock()
        self._is_locked = True
        if self._tools.ddl_is_transactional:
            self._backend.cursor().execute(self._tools.savepoint)
        with self._explained("yoyo's own tables"):
            try:
                make_tables(self._backend, self._dialect)
                applied = {row[0] for row in self._backend.execute(APPLIED).fetchall()}
            except Exception:
                self._undo_step()
                raise
        if applied != self._expected:
            raise Overtaken
        self._begin_step()

    def _take_lock(self) -> None:
        """Take yoyo's lock.

        :raises DatabaseUnavailable: another had it for too long.
        """
        last = self._last()
        last_for_row = min(last, monotonic() + self._patience)
        while True:
            row: Row | None = None
            with self._explained("yoyo's lock"):
                try:
                    if self._try_lock(min(_PATIENCE, max(_LOOK, last - monotonic()))):
                        return
                except self._backend.driver.IntegrityError:
                    self._undo_all()
                    row = self._row()
            now = monotonic()
            if row is not None and now >= last_for_row:
                raise DatabaseUnavailable(self._backend.uri.database, _whose(row))
            if now >= last:
                problem = "another `hostmap migrate` is running"
                raise DatabaseUnavailable(self._backend.uri.database, problem)
            time.sleep(_LOOK)

    def _try_lock(self, patience: float) -> bool:
        """Take the lock if nobody has it.

        :raises IntegrityError: somebody has it: one of the driver's.
        """
        backend, tools = self._backend, self._tools
        has_table = True
        try:
            if tools.ddl_is_transactional:
                tools.begin(backend.cursor(), patience)
            elif not self._lock_session():
                return False
            has_table = self._dialect.has_table(backend.cursor(), backend.lock_table)
            if not has_table:
                backend.execute(backend.format_sql(backend.create_lock_table_sql))
            if self._has_session_lock:
                self._remove_row()
            now = datetime.now(UTC).replace(tzinfo=None)
            backend.execute(LOCK_INSERT, {"pid": self._number, "now": now})
            if tools.ddl_is_transactional:
                tools.be_patient(backend.cursor())
        except Exception as error:
            self._undo_all()
            if self._dialect.classify(error, connecting=False) is Fault.AGAIN:
                return False
            if not has_table and self._dialect.has_table(backend.cursor(), backend.lock_table):
                return False  # another has just made it
            raise
        return True

    def _lock_session(self) -> bool:
        if not self._number:
            locked = self._tools.lock_session(self._backend.cursor())
            if locked is False:
                return False
            self._has_session_lock = bool(locked)
            # yoyo's numbers are those of processes, and above 0.
            number = self._tools.server_number(self._backend.cursor())
            self._number = -1 - number if locked else os.getpid()
        return True

    def _remove_row(self) -> None:
        """Remove our row, or that of one who had the lock of the session that we have now."""
        self._backend.execute(LOCK_DELETE, {"pid": self._number})

    def _row(self) -> Row | None:
        if not self._dialect.has_table(self._backend.cursor(), self._backend.lock_table):
            return None
        row: Row | None = self._backend.execute(LOCK_ROW).fetchone()
        return row

    def _undo_all(self) -> None:
        if self._tools.ddl_is_transactional:
            try:
                self._connection.rollback()
            except Exception:  # noqa: BLE001 - the server rolls back what is closed
                close_quietly(self._connection)

    def _end(self, *, is_success: bool) -> None:
        """Give the lock back. What was applied before a failure stays applied."""
        try:
            if self._is_locked:
                self._remove_row()
            if self._has_session_lock:
                self._tools.unlock_session(self._backend.cursor())
            if self._tools.ddl_is_transactional:
                self._connection.commit()
        except Exception as error:
            failure = self._explain("the end of the migrations", error)
            # What ends with the session has to end.
            close_quietly(self._connection)
            if is_success:
                raise failure from error

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        try:
            yield
        except HostMapError:
            raise
        except Exception as error:
            raise self._explain(f"{what}{self._before}", error) from error


def is_gone(migration: Any, dialect: Dialect, connection: Connection) -> bool:
    """Whether a table that a migration makes is not there, which a killed rollback leaves."""
    tools = dialect.migration_tools()
    if tools.ddl_is_transactional:
        return False
    cursor = dialect.cursor(connection)
    return any(tools.gone(cursor, text) for text in _statements(migration))


def _statements(migration: Any) -> Iterator[str]:
    """The statements by which a migration is applied."""
    for step in migration.steps:
        text = step.step._apply  # noqa: SLF001 - yoyo has no other way to it
        if isinstance(text, str):
            yield text


def _whose(row: Row) -> str:
    """Who has the lock, and what to do about it."""
    who = "a `hostmap migrate` on another server" if row[0] < 0 else f"process {row[0]}"
    return (
        f"{who} has been migrating since {row[1]} UTC, or was killed doing so: if it is gone, "
        "`hostmap migrate --break-lock` (or `yoyo break-lock`) removes its lock"
    )
