"""One run of migrations, under the lock, that can be killed at any moment without harm."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from hostmap_sql.dialects.migration_support import APPLIED
from hostmap_sql.migrations.yoyo_backend import make_tables
from hostmap_sql.runtime.dbapi import close_quietly

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet
    from typing import Self

    from hostmap_sql.dialects.base import MigrationTools
    from hostmap_sql.migrations.lock import YoyoLock
    from hostmap_sql.runtime.dbapi import Connection, Cursor


class OvertakenError(Exception):
    """Another run has migrated since the list of applied migrations was read."""


class Run:
    """One run of migrations.

    :param applied: the applied migrations, as read before the run.
    """

    def __init__(
        self, backend: Any, tools: MigrationTools, lock: YoyoLock, applied: AbstractSet[str]
    ) -> None:
        self.lock = lock
        self._backend = backend
        self._connection: Connection = backend.connection
        self._tools = tools
        self._applied = applied

    def __enter__(self) -> Self:
        return self

    def __exit__(self, type_: type[BaseException] | None, *_: object) -> None:
        if type_ is not None and not issubclass(type_, Exception):
            close_quietly(self._connection)  # it may be in the middle of a call
        elif type_ is not None and self._tools.ddl_is_transactional and not self.lock.is_held:
            self.lock.roll_back()
        else:
            self._end(is_success=type_ is None)

    def make_yoyo_tables(self) -> None:
        """Create yoyo's own tables, where they are missing.

        :raises OvertakenError: the applied migrations are not the expected ones.
        """
        with self._undone_on_error():
            make_tables(self._backend, self._tools.dialect)
            applied = {row[0] for row in self._backend.execute(APPLIED).fetchall()}
        if applied != self._applied:
            raise OvertakenError

    def apply(self, migration: Any) -> None:
        """Apply a migration, or only record it if everything it creates exists already."""
        with self._step(migration):
            if is_made(migration, self._tools, self._backend.cursor()):
                self._backend.log_migration(migration, "apply")
                self._backend.mark_one(migration, log=False)
            else:
                if migration.id in self._applied:  # a killed rollback has left the record
                    self._backend.unmark_one(migration, log=False)
                self._backend.apply_one(migration)

    def roll_back(self, migration: Any) -> None:
        """Roll a migration back, or only remove its record if its table is gone already."""
        with self._step(migration):
            if is_gone(migration, self._tools, self._backend.cursor()):
                self._backend.unmark_one(migration)
            else:
                self._backend.rollback_one(migration)

    @contextmanager
    def _step(self, migration: Any) -> Iterator[None]:
        """Apply or roll back one migration, and record it: atomically, where DDL can be undone."""
        with self._undone_on_error():
            if migration.use_transactions and not self._tools.ddl_is_transactional:
                self._tools.dialect.begin(self._backend.cursor())
            yield
            if not self._tools.ddl_is_transactional:
                self._connection.commit()

    @contextmanager
    def _undone_on_error(self) -> Iterator[None]:
        if self._tools.ddl_is_transactional:
            self._backend.cursor().execute(self._tools.savepoint)
        try:
            yield
        except Exception:
            with suppress(Exception):  # if the connection is lost, the server rolls back
                if self._tools.ddl_is_transactional:
                    self._backend.cursor().execute(self._tools.back_to_savepoint)
                else:
                    self._connection.rollback()
            raise

    def _end(self, *, is_success: bool) -> None:
        """Release the lock. Migrations that were applied before a failure stay applied."""
        try:
            self.lock.release()
        except Exception:
            close_quietly(self._connection)  # ends the session, and its locks with it
            if is_success:
                raise


def is_made(migration: Any, tools: MigrationTools, cursor: Cursor) -> bool:
    """Whether everything that a migration creates exists, as after a killed run."""
    statements = list(_statements(migration))
    return bool(statements) and all(tools.is_made(cursor, text) for text in statements)


def is_gone(migration: Any, tools: MigrationTools, cursor: Cursor) -> bool:
    """Whether a table that a migration creates is missing, as after a killed rollback."""
    if tools.ddl_is_transactional:
        return False
    return any(tools.is_gone(cursor, text) for text in _statements(migration))


def _statements(migration: Any) -> Iterator[str]:
    """Yield the statements that apply a migration."""
    for step in migration.steps:
        text = step.step._apply  # noqa: SLF001 - yoyo has no public name for it
        if isinstance(text, str):
            yield text
