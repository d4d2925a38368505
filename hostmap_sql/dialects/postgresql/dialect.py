"""The dialect of PostgreSQL."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

from hostmap_sql import sql
from hostmap_sql.dialects.base import Dialect
from hostmap_sql.dialects.fault import Fault
from hostmap_sql.dialects.postgresql import accounts
from hostmap_sql.dialects.postgresql import options as postgresql_options
from hostmap_sql.dialects.postgresql.commit import commit
from hostmap_sql.dialects.postgresql.connections import (
    ExternalCursor,
    OwnConnection,
    PoolerCursor,
)
from hostmap_sql.dialects.postgresql.connector import Connector
from hostmap_sql.dialects.postgresql.conninfo import OPTIONS
from hostmap_sql.dialects.postgresql.driver import (
    Connection,
    Error,
    OperationalError,
    make_conninfo,
    tuple_row,
)
from hostmap_sql.dialects.postgresql.error_codes import FAULTS, READ_ONLY
from hostmap_sql.dialects.postgresql.green_selector import adapt_to_green_threads
from hostmap_sql.dialects.postgresql.refused_connections import add_missing_sqlstate, refusal_finder
from hostmap_sql.dialects.postgresql.session import qualified, unsuitable, why_read_only
from hostmap_sql.dialects.sockets import detach, is_inherited, shut_down
from hostmap_sql.dialects.system_errors import fault_of_opening
from hostmap_sql.errors import DatabaseError
from hostmap_sql.runtime.deadlines import NoConnectionInTime
from hostmap_sql.runtime.processes import keep_for_ever

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from hostmap_sql.dialects.base import MigrationTools
    from hostmap_sql.dialects.database_url import DatabaseUrl


class PostgreSQL(Dialect):
    """PostgreSQL 14 and later."""

    name = "postgresql"
    driver = "psycopg 3"
    connection_class = Connection
    driver_attribute = "pgconn"
    is_closed = staticmethod(attrgetter("pgconn.status"))  # OK is 0
    url_options = postgresql_options.url_options(OPTIONS)

    def render(self, text: str) -> str:
        return qualified(super().render(text))

    def connector(
        self, url: DatabaseUrl, timeout: float, password: Callable[[], str] | None = None
    ) -> Callable[[float], OwnConnection]:
        return Connector(url, timeout, self, password)

    def is_open(self, connection: Connection[Any]) -> bool:
        return not connection.closed

    def interrupt(self, connection: Connection[Any]) -> None:
        shut_down(connection.fileno)

    def cursor(self, connection: Connection[Any]) -> Any:
        adapt_to_green_threads()  # a program may begin to use them at any time
        if isinstance(connection, OwnConnection):
            return connection.cursor()
        return ExternalCursor(connection, row_factory=tuple_row)

    def disown(self, connection: Connection[Any], lent: bool) -> None:  # noqa: FBT001 - as the base
        detach(connection.fileno())
        if lent:  # a thread of the parent may have locked it in the middle of a call
            keep_for_ever(connection)
        else:
            connection.close()

    def set_mode(self, connection: Connection[Any], mode: Any) -> bool:
        previous = connection.autocommit
        if previous is not mode:
            connection.autocommit = mode
        return previous

    def claim(self, connection: Connection[Any]) -> bool:
        return not is_inherited(connection.fileno())

    def prepare_session(self, connection: Any) -> None:
        if problem := unsuitable(connection.pgconn.parameter_status):
            raise DatabaseError(problem)

    def add_missing_code(self, error: Exception) -> None:
        # Only a failure to connect carries the connection's arguments.
        info = getattr(getattr(error, "pgconn", None), "info", None)
        if not info or not isinstance(error, OperationalError):
            return
        arguments = {one.keyword.decode(): one.val.decode() for one in info if one.val}
        conninfo = make_conninfo(**arguments)
        if refusal_finder(conninfo)(error):
            raise DatabaseError(self.describe(error)) from error
        add_missing_sqlstate(error, conninfo)

    def forget_connection(self, error: Exception) -> None:
        if isinstance(error, Error):
            error._pgconn = None  # noqa: SLF001 - of a failed attempt, with all its arguments

    def begin(self, cursor: Any) -> None:
        _begin(cursor, "BEGIN ISOLATION LEVEL READ COMMITTED")

    def begin_snapshot(self, cursor: Any) -> None:
        _begin(cursor, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")

    def take_revision(self, cursor: Any) -> int | None:
        row = cursor.execute(self.sql[sql.REVISION_TAKE]).fetchone()
        return row and int(row[0])

    def commit(self, connection: Connection[Any]) -> None:
        commit(connection)

    def encode_hosts(self, hosts: Sequence[str]) -> str:
        # An array would take psycopg 1.2 us for each name.
        return "\n".join(hosts)

    def encode_time(self, time: datetime) -> datetime:
        return time

    def code(self, error: Exception) -> str | None:
        return error.sqlstate if isinstance(error, Error) else None

    def classify(self, error: Exception, *, connecting: bool) -> Fault:
        code = self.code(error)
        if code is not None:
            return FAULTS.get(code) or FAULTS.get(code[:2], Fault.UNKNOWN)
        opening = fault_of_opening(error) if connecting else None
        if opening is not None or isinstance(error, NoConnectionInTime):
            return opening or Fault.UNAVAILABLE
        if isinstance(error, OperationalError | OSError):
            # A refused connection has a code: see `add_missing_sqlstate`.
            return Fault.UNAVAILABLE if connecting else Fault.LOST
        return Fault.UNKNOWN

    def why_read_only(self, connection: Any, error: Exception) -> str | None:
        if self.code(error) != READ_ONLY:
            return None
        connection.rollback()  # the failed transaction takes no more statements
        return why_read_only(self.cursor(connection))

    def is_clustered(self, cursor: Any) -> bool:
        (standbys,) = cursor.execute("SHOW synchronous_standby_names").fetchone()
        return bool(standbys)

    def has_table(self, cursor: Any, table: str) -> bool:
        row = cursor.execute("SELECT pg_catalog.to_regclass(%s) IS NOT NULL", (table,)).fetchone()
        return bool(row[0])

    def hidden_schema(self, cursor: Any, table: str) -> str | None:
        return accounts.hidden_schema(cursor, table)

    def readable_columns(self, cursor: Any, table: str) -> frozenset[str] | None:
        if not self.has_table(cursor, table):
            return None
        return accounts.readable_columns(cursor, table)

    def open_schemas(self, cursor: Any) -> Sequence[str]:
        return accounts.open_schemas(cursor)

    def grants(self, cursor: Any, role: str, user: str, *, urls: bool) -> Sequence[str]:
        return [*accounts.grants(cursor, role, user, urls=urls)]

    def yoyo_backend(self) -> Any:
        from yoyo.backends import PostgresqlPsycopgBackend  # noqa: PLC0415 - an extra

        class Backend(PostgresqlPsycopgBackend):  # type: ignore[misc]
            def execute(self, sql: str, params: Any = None) -> Any:
                return super().execute(qualified(sql), params)

        return Backend

    def migration_tools(self) -> MigrationTools:
        from hostmap_sql.dialects.postgresql.migration_support import (  # noqa: PLC0415 - seldom used
            PostgreSQLMigrationTools,
        )

        return PostgreSQLMigrationTools(self)


def _begin(cursor: Any, statement: str) -> None:
    if isinstance(cursor, PoolerCursor):
        cursor.begin(statement)
    else:
        cursor.execute(statement)


adapt_to_green_threads()  # before an external pool connects
DIALECT = PostgreSQL()
