"""Applies the migrations with yoyo, on a connection of the library. Needs the extra ``migrate``."""

from __future__ import annotations

import time
import warnings
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Any

from yoyo import read_migrations

from hostmap_sql.concealing import raise_alone
from hostmap_sql.dialects.fault import Fault
from hostmap_sql.engine.schema_check import applied_migrations
from hostmap_sql.errors import (
    DatabaseError,
    DatabaseUnavailable,
    HostMapError,
    InvalidValue,
    NotPermitted,
    SchemaOutOfDate,
)
from hostmap_sql.migrations.lock import YoyoLock
from hostmap_sql.migrations.run import OvertakenError, Run, is_gone
from hostmap_sql.migrations.yoyo_backend import backend_on
from hostmap_sql.models import MigrationLock, MigrationStatus
from hostmap_sql.quoting import mask_name
from hostmap_sql.runtime.watchdog import TimedCall, timed_call
from hostmap_sql.schema import migrations_folder, on_disk, unknown_migrations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from collections.abc import Set as AbstractSet

    from hostmap_sql.engine.database import Database
    from hostmap_sql.runtime.dbapi import Connection

_LOCK_TIMEOUT = 10
"""How long, in seconds, to wait for the lock of a `yoyo apply`, which may be dead."""

_REMEDY = "`hostmap grants --role owner` prints the statements to run"

_LEASE_PAUSE = 0.05
"""How long, in seconds, to sleep before trying again to open a locked SQLite file."""


class Migrations:
    """The migrations of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tools = database.dialect.migration_tools()
        with on_disk(migrations_folder(database.dialect.name)) as folder:
            self._all = read_migrations(folder)
            for migration in self._all:
                migration.load()  # while the folder exists
        if not self._all:
            # yoyo would take an empty or missing folder for "nothing to do".
            raise DatabaseError(f"there are no migrations in {folder}: reinstall the package")

    def apply(self) -> tuple[str, ...]:
        """Apply the migrations that are not applied yet, and return their ids."""

        def missing(applied: AbstractSet[str], connection: Connection) -> list[Any]:
            recorded = [m for m in self._all if m.id in applied]
            # On MySQL a killed rollback may have dropped the table and left the record.
            cursor = self._database.dialect.cursor(connection)
            lost = [m for m in recorded[-1:] if is_gone(m, self._tools, cursor)]
            return lost + [m for m in self._all if m.id not in applied]

        return self._migrate(missing, Run.apply)

    def roll_back(self, first: str) -> tuple[str, ...]:
        """Roll back a migration and all after it, the last first, and return their ids.

        :raises InvalidValue: the migration is not applied.
        """

        def undone(applied: AbstractSet[str], _: Connection) -> list[Any]:
            if first not in {m.id for m in self._all if m.id in applied}:
                problem = f"{mask_name(first)!r} is not applied: see `hostmap migrate --status`"
                raise InvalidValue("migration", problem)
            return [m for m in reversed(self._all) if m.id in applied and m.id >= first]

        return self._migrate(undone, Run.roll_back)

    def status(self) -> tuple[MigrationStatus, ...]:
        """List all migrations in order, and whether each is applied. Writes nothing."""
        try:
            deadline = self._database.deadline()
            with self._lease(deadline) as connection:
                self._refuse_foreign_tables(connection, deadline)
                applied = applied_migrations(self._database, connection, deadline) or ()
        except SchemaOutOfDate:
            applied = ()  # the SQLite file does not exist yet
        return tuple(MigrationStatus(m.id, m.id in applied) for m in self._all)

    def break_lock(self) -> MigrationLock | None:
        """Remove the lock of another process and return it; None if there is none."""
        deadline = self._database.deadline()
        with self._lease(deadline) as connection:
            self._refuse_foreign_tables(connection, deadline)
            with (
                self._explained(connection, "breaking the lock"),
                self._run(connection, set(), deadline) as run,
            ):
                row = run.lock.break_()
        if row is None:
            return None
        pid, since = row
        taken_at = None if since is None else datetime.fromisoformat(str(since)).replace(tzinfo=UTC)
        return MigrationLock(pid if pid > 0 else None, taken_at)

    def _migrate(
        self,
        choose: Callable[[AbstractSet[str], Connection], list[Any]],
        step: Callable[[Run, Any], None],
    ) -> tuple[str, ...]:
        """Apply or roll back the migrations that `choose` picks, given those that are applied."""
        deadline = self._database.deadline()
        with self._lease(deadline) as connection:
            while True:
                applied = self._applied(connection, deadline)
                migrations = choose(applied, connection)
                if not migrations:  # needs neither the lock nor the right to write
                    with suppress(Exception), self._run(connection, applied, deadline) as run:
                        run.lock.remove_orphan()
                    return ()
                try:
                    self._migrate_once(connection, applied, deadline, migrations, step)
                except OvertakenError:
                    continue
                return tuple(migration.id for migration in migrations)

    def _migrate_once(
        self,
        connection: Connection,
        applied: AbstractSet[str],
        deadline: float,
        migrations: list[Any],
        step: Callable[[Run, Any], None],
    ) -> None:
        """Take the lock, then apply or roll back these migrations.

        :raises OvertakenError: another run has migrated first.
        """
        first = f"before {migrations[0].id},"
        with (
            self._explained(connection, "the end of the migrations"),
            self._run(connection, applied, deadline) as run,
        ):
            with self._explained(connection, f"yoyo's lock, {first}"):
                run.lock.acquire()
            with self._explained(connection, f"yoyo's own tables, {first}"):
                run.make_yoyo_tables()
            for migration in migrations:
                with self._explained(connection, migration.id):
                    step(run, migration)

    @contextmanager
    def _lease(self, deadline: float) -> Iterator[Connection]:
        """Lease a connection for a block, retrying while another client creates the SQLite file."""
        with ExitStack() as stack:
            while True:
                try:
                    connection = stack.enter_context(self._database.lease(deadline))
                except DatabaseUnavailable as error:
                    cause = error.__cause__
                    is_locked = isinstance(cause, Exception) and (
                        self._database.dialect.classify(cause, connecting=True) is Fault.RETRY
                    )
                    if not is_locked or monotonic() + _LEASE_PAUSE >= deadline:
                        raise
                    time.sleep(_LEASE_PAUSE)
                else:
                    break
            yield connection

    def _refuse_foreign_tables(self, connection: Connection, deadline: float) -> None:
        database = self._database
        with timed_call(database.translator, connection, deadline):
            self._tools.refuse_foreign_tables(database.make_cursor(connection))

    def _applied(self, connection: Connection, deadline: float) -> set[str]:
        self._refuse_foreign_tables(connection, deadline)
        applied = applied_migrations(self._database, connection, deadline) or set()
        unknown = unknown_migrations(self._database.dialect.name, applied)
        if unknown:
            raise SchemaOutOfDate(self._database.name, unknown=unknown)
        return applied

    @contextmanager
    def _run(
        self, connection: Connection, applied: AbstractSet[str], deadline: float
    ) -> Iterator[Run]:
        """Provide a run for a block, and interrupt it at the deadline."""
        database, tools = self._database, self._tools
        backend = backend_on(connection, database.dialect, database.name)
        lock = YoyoLock(backend, tools, deadline=deadline, row_timeout=_LOCK_TIMEOUT)
        with (
            # Python 3.12 deprecates how sqlite3 adapts the datetimes that yoyo binds.
            warnings.catch_warnings(action="ignore", category=DeprecationWarning),
            TimedCall(connection, deadline, database.dialect.interrupt),
            Run(backend, tools, lock, applied) as run,
        ):
            yield run

    @contextmanager
    def _explained(self, connection: Connection, what: str) -> Iterator[None]:
        """Translate an exception to an error with the failed step and the database's message."""
        try:
            yield
        except (HostMapError, OvertakenError):
            raise
        except Exception as error:  # noqa: BLE001 - raised as its translation
            failure = self._explanation(connection, what, error)
            raise_alone(failure, self._database.translator.cause(error, None))

    def _explanation(self, connection: Connection, what: str, error: Exception) -> HostMapError:
        """Make the error: the failed step, the database's message and, if known, the remedy."""
        name, dialect = self._database.name, self._database.dialect
        problem = f"{what} failed: {dialect.describe(error)}"
        fault, code = dialect.classify(error, connecting=False), dialect.code(error)
        advice = self._tools.advice.get(code or "")
        with suppress(Exception):  # the connection may be lost or closed
            advice = self._tools.advise(dialect.cursor(connection), code)
        if advice:
            problem = f"{problem}: {advice}"
        # RECONNECT is for a read-only server: a run has no other connection.
        if fault.is_transient and fault is not Fault.RECONNECT:
            return DatabaseUnavailable(name, problem)
        problem = f"{name}: {problem}"
        if fault in (Fault.NOT_PERMITTED, Fault.READ_ONLY):
            return NotPermitted(problem, code, remedy=None if advice else _REMEDY)
        return DatabaseError(problem, code)
