"""Applying the migrations, with yoyo, on a connection of ours. Needs the extra ``migrate``."""

from __future__ import annotations

import os
import warnings
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from threading import Lock, Thread
from time import monotonic
from typing import TYPE_CHECKING, Any

from yoyo import read_migrations
from yoyo.connections import DatabaseURI
from yoyo.exceptions import LockTimeout

from hostmap_sql.dialects.watch import WATCH
from hostmap_sql.errors import (
    DatabaseError,
    DatabaseUnavailable,
    HostMapError,
    InvalidValue,
    SchemaOutOfDate,
)
from hostmap_sql.leases import LAST_WORDS
from hostmap_sql.schema import migrations_folder, on_disk, unknown_migrations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hostmap_sql.database import Database
    from hostmap_sql.dialects.base import Connection, Cursor, Dialect

# How long to wait for somebody else who is migrating, in seconds.
_LOCK_TIMEOUT = 10

# How long, in seconds, to try to remove yoyo's lock when the connection that took it is lost.
_UNLOCK_TIME = 5

_YOYO_TABLE = "_yoyo_migration"

_MIGRATING = Lock()


@dataclass(frozen=True)
class MigrationStatus:
    """A migration, and whether it is applied."""

    id: str
    applied: bool


class Migrations:
    """The migrations of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        with on_disk(migrations_folder(database.dialect.name)) as folder:
            self._all = read_migrations(folder)
            for migration in self._all:
                migration.load()  # while the folder is there
        if not self._all:
            # yoyo would take an empty or missing folder for "nothing to do".
            raise DatabaseError(f"there are no migrations in {folder}: install the package anew")

    def apply(self) -> tuple[str, ...]:
        """Apply those that are not applied yet, and return their ids."""
        with self._locked_backend() as backend:
            missing = backend.to_apply(self._all)
            for migration in missing:
                with self._explained(migration.id):
                    backend.apply_one(migration)
            return tuple(migration.id for migration in missing)

    def roll_back(self, first: str) -> tuple[str, ...]:
        """Undo one and all after it, the last first, and return their ids."""
        with self._locked_backend() as backend:
            applied = backend.to_rollback(self._all)
            if first not in [migration.id for migration in applied]:
                problem = f"{first!r} is not applied: see `hostmap migrate --status`"
                raise InvalidValue("migration", problem)
            undone = [migration for migration in applied if migration.id >= first]
            for migration in undone:
                with self._explained(migration.id):
                    backend.rollback_one(migration)
            return tuple(migration.id for migration in undone)

    def status(self) -> tuple[MigrationStatus, ...]:
        """All, in their order, and whether each is applied. Writes nothing."""
        try:
            deadline = self._database.deadline()
            with self._database.lease(deadline) as connection:
                applied = self._database.applied_migrations(connection, deadline) or ()
        except SchemaOutOfDate:
            applied = ()  # an SQLite file that is not there yet
        return tuple(MigrationStatus(m.id, m.id in applied) for m in self._all)

    @contextmanager
    def _locked_backend(self) -> Iterator[Any]:
        """A backend of yoyo's, nobody else migrating meanwhile, for the time of a call."""
        deadline = self._database.deadline()
        with self._alone(deadline), self._backend(deadline) as backend:
            with self._explained("yoyo's own tables"):
                backend.init_database()
            with self._lock(backend, deadline):
                # Under the lock: of several at once, one would make yoyo's tables, the others fail.
                with self._explained("yoyo's own tables"):
                    backend.ensure_internal_schema_updated()
                yield backend

    @contextmanager
    def _alone(self, deadline: float) -> Iterator[None]:
        """No other thread of this process migrates: yoyo tells its locks apart by the process."""
        if not _MIGRATING.acquire(timeout=max(0, deadline - monotonic())):
            problem = "another thread of this process is migrating"
            raise DatabaseUnavailable(self._database.name, problem)
        try:
            yield
        finally:
            _MIGRATING.release()

    @contextmanager
    def _backend(self, deadline: float) -> Iterator[Any]:
        """A backend of yoyo's on a connection of ours, which is cut at the deadline."""
        dialect = self._database.dialect
        with (
            self._database.lease(deadline) as connection,
            # Python 3.12 deprecates what sqlite3 does with the datetimes that yoyo binds.
            warnings.catch_warnings(action="ignore", category=DeprecationWarning),
        ):
            self._refuse_newer(connection, deadline)
            uri = DatabaseURI(dialect.name, None, None, None, None, self._database.name, {})
            WATCH.begin(connection, deadline, dialect.cut)
            try:
                yield _backend_on(connection, dialect)(uri, _YOYO_TABLE)
            finally:
                WATCH.end(connection)

    @contextmanager
    def _lock(self, backend: Any, deadline: float) -> Iterator[None]:
        # yoyo looks again after as long a pause at most.
        lock = backend.lock(timeout=max(0.01, min(_LOCK_TIMEOUT, (deadline - monotonic()) / 2)))
        try:
            lock.__enter__()
        except LockTimeout as error:
            problem = "somebody else is migrating, or was killed doing so: see `yoyo break-lock`"
            raise DatabaseUnavailable(self._database.name, problem) from error
        except Exception:
            self._unlock()  # nobody knows whether it was taken
            with self._explained("yoyo's lock"):
                raise
        try:
            yield
        finally:
            try:
                lock.__exit__(None, None, None)
            except Exception:  # noqa: BLE001 - the connection is lost, what counts was raised
                self._unlock()

    def _unlock(self) -> None:
        """Remove yoyo's lock, should it be ours, on another connection.

        The time of the call may be up: it goes on in a thread.
        """
        thread = Thread(target=self._remove_lock, name="hostmap_sql unlocking", daemon=True)
        thread.start()
        thread.join(LAST_WORDS)

    def _remove_lock(self) -> None:
        with suppress(Exception), self._backend(monotonic() + _UNLOCK_TIME) as backend:
            backend._delete_lock_row(os.getpid())  # noqa: SLF001 - break_lock asks nobody whose it is

    def _refuse_newer(self, connection: Connection, deadline: float) -> None:
        applied = self._database.applied_migrations(connection, deadline) or ()
        unknown = unknown_migrations(self._database.dialect.name, applied)
        if unknown:
            raise SchemaOutOfDate(self._database.name, unknown=unknown)

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        """Make of what a migration raises an error that says which, and what the database said."""
        dialect = self._database.dialect
        try:
            yield
        except HostMapError:
            raise
        except Exception as error:
            problem = f"{what} failed: {dialect.describe(error)}"
            if dialect.classify(error, connecting=False).is_transient:
                raise DatabaseUnavailable(self._database.name, problem) from error
            problem = f"{self._database.name}: {problem}"
            raise DatabaseError(problem, dialect.code(error)) from error


def _backend_on(connection: Connection, dialect: Dialect) -> Any:
    """A backend class of yoyo's that runs on this connection and leaves it open."""
    base: Any = dialect.yoyo_backend()

    class Backend(base):  # type: ignore[misc]
        def connect(self, _uri: object) -> Connection:
            return connection

        def cursor(self) -> Cursor:
            # One that gives tuples, whatever a caller's own pool has set.
            return dialect.cursor(connection)

        def begin(self) -> None:
            # After yoyo's BEGIN, SQLite refuses to write if another has written meanwhile.
            self._in_transaction = True
            dialect.begin(self.cursor())

        def copy(self) -> Any:
            # yoyo would open, and close, another connection for each migration.
            return nullcontext(self)

    return Backend


def _in_the_child() -> None:
    global _MIGRATING  # noqa: PLW0603 - a thread of the parent may have held it
    _MIGRATING = Lock()


os.register_at_fork(after_in_child=_in_the_child)
