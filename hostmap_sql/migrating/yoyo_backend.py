"""yoyo on a connection of ours, and the tables that it keeps its record in."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from yoyo import internalmigrations
from yoyo.connections import DatabaseURI
from yoyo.internalmigrations import v2

from hostmap_sql.dialects.migration_tools import RECORD, RECORD_DROP, SCHEMA_VERSION
from hostmap_sql.errors import DatabaseError

if TYPE_CHECKING:
    from hostmap_sql.dialects.base import Connection, Cursor, Dialect

YOYO_TABLE = "_yoyo_migration"

_NEWEST = 2
"""The version of yoyo's tables that `make_tables` makes."""


def backend_on(connection: Connection, dialect: Dialect, database: str) -> Any:
    """A backend of yoyo's that runs on this connection, leaves it open, and begins nothing.

    Which statements make a transaction is for us to say: yoyo records a migration in another one
    than it is applied in, and to be killed in between leaves what can never be applied again.
    """
    base: Any = dialect.yoyo_backend()

    class Backend(base):  # type: ignore[misc]
        prepare: Any = None
        """Is called once, before the first migration is applied or rolled back."""

        def connect(self, _uri: object) -> Connection:
            return connection

        def cursor(self) -> Cursor:
            # One that gives tuples, whatever a caller's own pool has set.
            return dialect.cursor(connection)

        def transaction(
            self,
            rollback_on_exit: bool = False,  # noqa: ARG002, FBT001, FBT002 - yoyo's own
        ) -> AbstractContextManager[None]:
            return nullcontext()

        def disable_transactions(self) -> AbstractContextManager[None]:
            return nullcontext()

        def copy(self) -> Any:
            # yoyo would open, and close, another connection for each migration.
            return nullcontext(self)

        def ensure_internal_schema_updated(self) -> None:
            prepare, self.prepare = self.prepare, None
            if prepare is not None:
                prepare()

    uri = DatabaseURI(dialect.name, None, None, None, None, database, {})
    return Backend(uri, YOYO_TABLE)


def make_tables(backend: Any, dialect: Dialect) -> None:
    """Make those of yoyo's tables that are not there, whoever was killed while he made them.

    yoyo itself goes by way of its first version, and can resume that nowhere.
    """
    _upgrade(backend, dialect)
    makers = {
        YOYO_TABLE: v2.create_migration_table,
        backend.log_table: v2.create_log_table,
        backend.version_table: v2.create_version_table,
    }
    for table, make in makers.items():
        if not dialect.has_table(backend.cursor(), table):
            make(backend)
    newest = backend.execute(SCHEMA_VERSION).fetchone()[0]
    if newest is None:
        internalmigrations.mark_schema_version(backend, _NEWEST)
    elif newest > _NEWEST:
        raise DatabaseError(
            f"yoyo's tables are of its version {newest}, and the yoyo that is installed knows only "
            f"version {_NEWEST}: pip install --upgrade yoyo-migrations"
        )


def _upgrade(backend: Any, dialect: Dialect) -> None:
    """Bring a table of yoyo's first version to today's; remove it if nothing is in it."""
    has_table = dialect.has_table
    if not has_table(backend.cursor(), YOYO_TABLE):
        return
    rows = backend.execute(RECORD)
    columns, first = [column[0] for column in rows.description], rows.fetchone()
    if "migration_hash" in columns:
        return
    if first is None:
        backend.execute(RECORD_DROP)
    else:
        internalmigrations.upgrade(backend)
