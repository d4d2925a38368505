"""`Maintenance`: the methods of `HostMap` for operators."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostmap_sql.directory.cell_without_urls import refuse_without_urls
from hostmap_sql.directory.consistency_check import check
from hostmap_sql.directory.file_mode import deny_others_access
from hostmap_sql.directory.secrets import unsealed
from hostmap_sql.errors import DatabaseError
from hostmap_sql.secret_arguments import hide_arguments_of
from hostmap_sql.validation import valid_flag

if TYPE_CHECKING:
    from collections.abc import Callable

    from hostmap_sql.directory.finding import Finding
    from hostmap_sql.engine.database import Database
    from hostmap_sql.migrations.migrator import Migrations
    from hostmap_sql.models import MigrationLock, MigrationStatus


@hide_arguments_of()
class Maintenance:
    """Checks a directory, and migrates it."""

    _database: Database
    _create_database: Callable[[], object]

    def check(self, *, limit: int = 1000, require_sealed: bool = False) -> tuple[Finding, ...]:
        """Check the directory for faults, and return them: none, if all is well.

        It checks the schema, the record of changes, orphaned rows, and that mappings and record
        agree. It reads one snapshot, without blocking writers, and changes nothing.

        :param limit: the most findings of a kind; if there are more, a last one says so.
        :param require_sealed: also find URLs in clear text, except references.
        :raises InvalidValue: an argument cannot be used, or `require_sealed` is given to a
            directory with ``urls=False``.
        :raises SchemaOutOfDate: the database has no directory.

        >>> hostmap.check()
        ()
        """
        if valid_flag(require_sealed, "require_sealed"):
            refuse_without_urls(self._database, "require sealed URLs")
        found = check(self._database, limit)
        if require_sealed and all(finding.kind != "schema" for finding in found):
            found += tuple(unsealed(self._database, limit))
        return found

    def fix_file_mode(self) -> tuple[str, ...]:
        """Remove other users' access to an SQLite file and its logs; return the changed files.

        :raises DatabaseError: this user may not change their permissions.

        >>> hostmap.fix_file_mode()
        ()
        """
        return deny_others_access(self._database)

    def migrate(self) -> tuple[str, ...]:
        """Create or upgrade the tables, and return the migrations that were applied.

        Needs the extra ``migrate``. An SQLite file that does not exist is created, readable by its
        owner only. Of several concurrent calls, one migrates and the others wait; after a killed
        call, the next one completes its work. If no migration is missing, it locks and
        writes nothing, so an account with read access can call it.

        :raises DatabaseError: a migration failed. The message is the database's own, with the
            remedy if it is known.
        :raises DatabaseUnavailable: another client was migrating until the timeout, or the
            connection was lost.
        :raises SchemaOutOfDate: the tables are of a newer version of the library.

        >>> hostmap.migrate()
        ()
        """
        self._create_database()
        return self._migrations().apply()

    def rollback_migrations(self, first: str) -> tuple[str, ...]:
        """Roll back a migration and all after it; return their ids. THEIR TABLES' DATA IS LOST.

        :param first: the id of the oldest migration to roll back.
        :raises InvalidValue: there is no such migration, or it is not applied.

        >>> hostmap.rollback_migrations("0007-cell-mapping-change")
        ('0007-cell-mapping-change',)
        """
        return self._migrations().roll_back(first)

    def migration_status(self) -> tuple[MigrationStatus, ...]:
        """Return all migrations in order, each with whether it is applied.

        >>> all(migration.applied for migration in hostmap.migration_status())
        True
        """
        return self._migrations().status()

    def break_migration_lock(self) -> MigrationLock | None:
        """Remove the lock of a migration that was killed; return it, or None if there is none.

        Needed only after a killed ``yoyo apply``, or on MySQL and MariaDB after a killed `migrate`
        that was connected to another server of the cluster: other locks of `migrate` end with their
        connections. First make sure that no ``yoyo apply`` is running: its lock looks the same.

        :raises DatabaseError: a `migrate` is running; its lock stays.

        >>> hostmap.break_migration_lock() is None
        True
        """
        return self._migrations().break_lock()

    def _migrations(self) -> Migrations:
        # Lazy, because yoyo is an extra that services do not need.
        try:
            from hostmap_sql.migrations.migrator import Migrations  # noqa: PLC0415
        except ModuleNotFoundError as error:
            problem = "migrations need yoyo: install it with `pip install 'hostmap-sql[migrate]'`"
            raise DatabaseError(problem) from error
        return Migrations(self._database)
