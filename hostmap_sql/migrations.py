"""Applying the migrations, with yoyo, on a connection of ours. Needs the extra ``migrate``."""

from __future__ import annotations

import warnings
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from yoyo import read_migrations

from hostmap_sql.dialects.base import Fault
from hostmap_sql.dialects.watch import WATCH
from hostmap_sql.errors import (
    DatabaseError,
    DatabaseUnavailable,
    HostMapError,
    InvalidValue,
    SchemaOutOfDate,
)
from hostmap_sql.migrating.run import Overtaken, Run, is_gone
from hostmap_sql.migrating.yoyo_backend import backend_on
from hostmap_sql.schema import migrations_folder, on_disk, unknown_migrations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from collections.abc import Set as AbstractSet

    from hostmap_sql.database import Database
    from hostmap_sql.dialects.base import Connection

# How long to wait, in seconds, for a yoyo that is migrating, or was killed doing so.
_LOCK_TIMEOUT = 10


@dataclass(frozen=True)
class MigrationStatus:
    """A migration, and whether it is applied."""

    id: str
    applied: bool


@dataclass(frozen=True)
class MigrationLock:
    """A lock that kept others from migrating.

    `pid` is the number of the process that took it, on its own machine or in its container, None if
    that was a ``hostmap migrate`` on MySQL or MariaDB. `taken_at` is when, None if nobody wrote it.
    """

    pid: int | None
    taken_at: datetime | None


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

        def missing(applied: AbstractSet[str], connection: Connection) -> list[Any]:
            there = [m for m in self._all if m.id in applied]
            # Killed in a rollback on MySQL: the table has gone, the record of it has not.
            again = [m for m in there[-1:] if is_gone(m, self._database.dialect, connection)]
            return again + [m for m in self._all if m.id not in applied]

        return self._migrate(missing, lambda run: run.apply)

    def roll_back(self, first: str) -> tuple[str, ...]:
        """Undo one and all after it, the last first, and return their ids."""

        def undone(applied: AbstractSet[str], _: Connection) -> list[Any]:
            if first not in {m.id for m in self._all if m.id in applied}:
                problem = f"{first!r} is not applied: see `hostmap migrate --status`"
                raise InvalidValue("migration", problem)
            return [m for m in reversed(self._all) if m.id in applied and m.id >= first]

        return self._migrate(undone, lambda run: run.roll_back)

    def status(self) -> tuple[MigrationStatus, ...]:
        """All, in their order, and whether each is applied. Writes nothing."""
        try:
            deadline = self._database.deadline()
            with self._database.lease(deadline) as connection:
                applied = self._database.applied_migrations(connection, deadline) or ()
        except SchemaOutOfDate:
            applied = ()  # an SQLite file that is not there yet
        return tuple(MigrationStatus(m.id, m.id in applied) for m in self._all)

    def break_lock(self) -> MigrationLock | None:
        """Remove the lock of others, and return whose it was; None if there is none."""
        deadline = self._database.deadline()
        with (
            self._database.lease(deadline) as connection,
            self._run(connection, set(), deadline) as run,
            self._explained(connection, "breaking the lock"),
        ):
            row = run.break_lock()
        if row is None:
            return None
        pid, time = row
        taken_at = None if time is None else datetime.fromisoformat(str(time)).replace(tzinfo=UTC)
        return MigrationLock(pid if pid > 0 else None, taken_at)

    def _migrate(
        self,
        chosen: Callable[[AbstractSet[str], Connection], list[Any]],
        way: Callable[[Run], Callable[[Any], None]],
    ) -> tuple[str, ...]:
        """Go a way, there or back, with the migrations that are chosen of those applied."""
        deadline = self._database.deadline()
        with self._database.lease(deadline) as connection:
            while True:
                applied = self._applied(connection, deadline)
                migrations = chosen(applied, connection)
                if not migrations:  # which needs no lock, and no right to write
                    with suppress(Exception), self._run(connection, applied, deadline) as run:
                        run.tidy()
                    return ()
                try:
                    with self._run(connection, applied, deadline) as run:
                        for migration in migrations:
                            with self._explained(connection, migration.id):
                                way(run)(migration)
                except Overtaken:
                    continue
                return tuple(migration.id for migration in migrations)

    def _applied(self, connection: Connection, deadline: float) -> set[str]:
        applied = self._database.applied_migrations(connection, deadline) or set()
        unknown = unknown_migrations(self._database.dialect.name, applied)
        if unknown:
            raise SchemaOutOfDate(self._database.name, unknown=unknown)
        return applied

    @contextmanager
    def _run(
        self, connection: Connection, applied: AbstractSet[str], deadline: float
    ) -> Iterator[Run]:
        """A run for a block, which is cut at the deadline."""
        database = self._database
        tools = database.dialect.migration_tools()
        # Python 3.12 deprecates what sqlite3 does with the datetimes that yoyo binds.
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
            WATCH.begin(connection, deadline, database.dialect.cut)
            try:
                with Run(
                    backend_on(connection, database.dialect, database.name),
                    tools,
                    lambda what, error: self._explanation(connection, what, error),
                    expected=applied,
                    deadline=deadline,
                    patience=_LOCK_TIMEOUT,
                ) as run:
                    yield run
            finally:
                WATCH.end(connection)

    @contextmanager
    def _explained(self, connection: Connection, what: str) -> Iterator[None]:
        """Make of what a migration raises an error that says which, and what the database said."""
        try:
            yield
        except (HostMapError, Overtaken):
            raise
        except Exception as error:
            raise self._explanation(connection, what, error) from error

    def _explanation(self, connection: Connection, what: str, error: Exception) -> HostMapError:
        """The error that says what failed, why in the database's own words, and what to do."""
        name, dialect = self._database.name, self._database.dialect
        problem = f"{what} failed: {dialect.describe(error)}"
        fault, code = dialect.classify(error, connecting=False), dialect.code(error)
        advice = None
        with suppress(Exception):  # the connection is lost
            advice = dialect.migration_tools().advise(dialect.cursor(connection), code)
        if advice:
            problem = f"{problem}: {advice}"
        # Of a server that does not write there is no other to be had in a run.
        if fault.is_transient and fault is not Fault.RECONNECT:
            return DatabaseUnavailable(name, problem)
        return DatabaseError(f"{name}: {problem}", code)
