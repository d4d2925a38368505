"""PostgreSQL, through psycopg."""

from __future__ import annotations

from datetime import UTC, datetime
from math import ceil
from time import monotonic
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import waiting
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import tuple_row

from hostmap_sql.dialects import postgresql_options, tls
from hostmap_sql.dialects.base import Dialect, Fault
from hostmap_sql.dialects.opening import NoConnectionInTime
from hostmap_sql.dialects.postgresql_conninfo import (
    OPTIONS,
    conninfo_of,
    own_options,
    servers_of,
    settings_of,
)
from hostmap_sql.dialects.postgresql_faults import FAULTS
from hostmap_sql.dialects.postgresql_pooler import Opener, PoolerConnection, PoolerCursor
from hostmap_sql.dialects.postgresql_refusals import complete, refusal_finder
from hostmap_sql.dialects.postgresql_session import (
    qualified,
    refuse_read_only,
    unfit,
)
from hostmap_sql.dialects.postgresql_waiting import see_to_green_threads
from hostmap_sql.dialects.process import keep_for_ever
from hostmap_sql.dialects.sockets import detach, is_parents, local_fault, shut_down
from hostmap_sql.dialects.system_faults import fault_of_opening
from hostmap_sql.errors import DatabaseError
from hostmap_sql.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hostmap_sql.database_url import DatabaseUrl
    from hostmap_sql.dialects.base import Parameters
    from hostmap_sql.dialects.migration_tools import MigrationTools


class _Connection(psycopg.Connection[Any]):
    """A connection with settings of ours, which a caller's own has not."""


class _PoolerConnection(_Connection, PoolerConnection):
    """One of ours through a pooler."""


class PostgreSQL(Dialect):
    """PostgreSQL 14 and later."""

    name = "postgresql"
    driver = "psycopg 3"
    connection_class = psycopg.Connection
    driver_attribute = "pgconn"
    url_options = postgresql_options.url_options(OPTIONS)

    def adapted(self, sql: str) -> str:
        return qualified(super().adapted(sql))

    def opener(self, url: DatabaseUrl, timeout: float) -> Callable[[float], Any]:
        conninfo = conninfo_of(url, timeout)
        refusal_of = refusal_finder(conninfo)
        servers = servers_of(settings_of(conninfo_to_dict(conninfo)))
        own = "connect_timeout" in url.options

        def connect(
            conninfo: str,
            deadline: float,
            connection_class: type[_Connection] = _Connection,
            **arguments: Any,
        ) -> _Connection:
            see_to_green_threads(waiting)
            # In whole seconds, from two on: who waits for it has left by then.
            left = max(2, ceil(deadline - monotonic()))
            patience: dict[str, Any] = {} if own else {"connect_timeout": left}
            with tls.refusals(url, refusal_of, self.code):
                try:
                    return connection_class.connect(
                        conninfo, autocommit=True, **patience, **arguments
                    )
                except psycopg.OperationalError as error:
                    local = local_fault(servers)
                    if local is not None:
                        raise DatabaseError(f"{url}: {self.describe(local)}") from error
                    complete(error, conninfo)
                    raise

        return Opener(
            url,
            conninfo=conninfo,
            has_own_options=bool(own_options(url)),
            timeout=timeout,
            connect=connect,
            through_pooler=_PoolerConnection,
        )

    def is_open(self, connection: psycopg.Connection[Any]) -> bool:
        return not connection.closed

    def cut(self, connection: psycopg.Connection[Any]) -> None:
        shut_down(connection.fileno)

    def disown(self, connection: psycopg.Connection[Any], lent: bool) -> None:  # noqa: FBT001 - as the base
        detach(connection.fileno())
        if lent:  # a thread that is not here may have been in the middle of a call, and locked it
            keep_for_ever(connection)
        else:
            connection.close()

    def is_parents(self, connection: psycopg.Connection[Any]) -> bool:
        return is_parents(connection.fileno())

    def yoyo_backend(self) -> Any:
        from yoyo.backends import PostgresqlPsycopgBackend  # noqa: PLC0415 - an extra

        return PostgresqlPsycopgBackend

    def migration_tools(self) -> MigrationTools:
        from hostmap_sql.dialects.postgresql_migrating import PostgreSQLMigrating  # noqa: PLC0415

        return PostgreSQLMigrating(self)

    def set_mode(self, connection: psycopg.Connection[Any], mode: Any) -> bool:
        was = connection.autocommit
        if was is not mode:
            connection.autocommit = mode
        return was

    def refuse_unfit(self, connection: Any) -> None:
        if problem := unfit(connection.pgconn.parameter_status):
            raise DatabaseError(problem)

    def cursor(self, connection: psycopg.Connection[Any]) -> Any:
        see_to_green_threads(waiting)  # they may have come after the connection
        return connection.cursor(row_factory=tuple_row)

    def execute(self, cursor: Any, sql: str, parameters: Parameters) -> None:
        # Of a statement that is repeated the server keeps the plan: made for few rows it reads all
        # of the table, and that for each of many hosts once many rows have come. A caller's own
        # connection may do so; there it is planned each time.
        if "hosts" in parameters and not isinstance(cursor.connection, _Connection):
            cursor.execute(sql, parameters, prepare=False)
        else:
            cursor.execute(sql, parameters)

    def begin(self, cursor: Any) -> None:
        refuse_read_only(cursor, cursor.connection.pgconn.parameter_status)
        _begin(cursor, "BEGIN ISOLATION LEVEL READ COMMITTED")

    def begin_snapshot(self, cursor: Any) -> None:
        _begin(cursor, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")

    def take_revision(self, cursor: Any) -> int | None:
        row = cursor.execute(self.sql[Statement.REVISION_TAKE]).fetchone()
        return row and int(row[0])

    def encode_hosts(self, hosts: Sequence[str]) -> str:
        # Not as an array: psycopg would take 1.2 us for each name.
        return "\n".join(hosts)

    def encode_time(self, time: datetime) -> datetime:
        return time

    def decode_time(self, value: datetime) -> datetime:
        return value.astimezone(UTC)

    def code(self, error: Exception) -> str | None:
        return error.sqlstate if isinstance(error, psycopg.Error) else None

    def complete(self, error: Exception) -> None:
        # Only of an attempt to connect it says with what that was made.
        info = getattr(getattr(error, "pgconn", None), "info", None)
        if not info or not isinstance(error, psycopg.OperationalError):
            return
        said = {one.keyword.decode(): one.val.decode() for one in info if one.val}
        conninfo = make_conninfo(**said)
        if refusal_finder(conninfo)(error):
            raise DatabaseError(self.describe(error)) from error
        complete(error, conninfo)

    def classify(self, error: Exception, *, connecting: bool) -> Fault:
        code = self.code(error)
        if code is not None:
            return FAULTS.get(code) or FAULTS.get(code[:2], Fault.UNLISTED)
        opening = fault_of_opening(error) if connecting else None
        if opening is not None or isinstance(error, NoConnectionInTime):
            return opening or Fault.WAIT
        if isinstance(error, psycopg.OperationalError | OSError):
            # What is refused while connecting has a code: see `complete`.
            return Fault.WAIT if connecting else Fault.LOST
        return Fault.UNLISTED

    def has_table(self, cursor: Any, table: str) -> bool:
        row = cursor.execute("SELECT pg_catalog.to_regclass(%s) IS NOT NULL", (table,)).fetchone()
        return bool(row[0])


def _begin(cursor: Any, beginning: str) -> None:
    if isinstance(cursor, PoolerCursor):
        cursor.begin(beginning)
    else:
        cursor.execute(beginning)


see_to_green_threads(waiting)  # before a pool of a caller's own connects
DIALECT = PostgreSQL()
