"""Opens connections to PostgreSQL, directly or through a pooler such as PgBouncer.

A pooler refuses the startup options of the library's sessions, or silently drops them. The first
connection of a process shows whether there is one.
"""

from __future__ import annotations

from contextlib import contextmanager
from math import ceil
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from hostmap_sql.concealing import SecretText
from hostmap_sql.dialects import tls
from hostmap_sql.dialects.postgresql.connections import (
    OwnConnection,
    PoolerConnection,
    PoolerCursor,
)
from hostmap_sql.dialects.postgresql.conninfo import (
    conninfo_of,
    own_options,
    servers_of,
    settings_of,
)
from hostmap_sql.dialects.postgresql.driver import (
    Cursor,
    OperationalError,
    ProtocolViolation,
    conninfo_to_dict,
    make_conninfo,
)
from hostmap_sql.dialects.postgresql.green_selector import adapt_to_green_threads
from hostmap_sql.dialects.postgresql.refused_connections import (
    add_missing_sqlstate,
    find_local_fault,
    refusal_finder,
)
from hostmap_sql.dialects.postgresql.session import MARK, READABLE, local_limits, unsuitable
from hostmap_sql.dialects.sockets import shut_down
from hostmap_sql.errors import DatabaseError
from hostmap_sql.runtime.watchdog import TimedCall

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hostmap_sql.dialects.base import Dialect
    from hostmap_sql.dialects.database_url import DatabaseUrl

_ConnectionT = TypeVar("_ConnectionT", bound=OwnConnection)

# The code with which a pooler refuses a startup parameter.
_REFUSED_PARAMETER = "08P01"

# libpq's shortest connect_timeout, in whole seconds. The call itself ends at its own deadline.
_SHORTEST_TIMEOUT = 2

_OPTIONS_PROBLEM = (
    "the session's options were refused, or dropped by a pooler in between: take `options` out of "
    "the URL and PGOPTIONS out of the environment, and write ALTER ROLE ... SET ... instead"
)
_STATEMENT_POOLING_PROBLEM = (
    "the pooler in between ends transactions with each statement: set pool_mode=transaction, or "
    "session, for this database in its configuration"
)

_IS_MARKED = f"SELECT pg_catalog.current_setting('{MARK}', true)"

_SET_READABLE = "; ".join(f"SET {name} = '{value}'" for name, value in READABLE.items()).encode()


class Connector:
    """Opens connections.

    :param timeout: the limit of statements and lock waits on the server, in seconds.
    :raises InvalidValue: the URL has an unusable option.
    """

    def __init__(self, url: DatabaseUrl, timeout: float, dialect: Dialect) -> None:
        self._url = url
        self._dialect = dialect
        self._conninfo = SecretText(conninfo_of(url, timeout))
        self._has_own_options = bool(own_options(url))
        self._refusal_of = refusal_finder(self._conninfo)
        self._servers = servers_of(settings_of(conninfo_to_dict(self._conninfo)))
        self._local_limits = local_limits(timeout)
        self._has_pooler: bool | None = None

    def __call__(self, deadline: float) -> OwnConnection:
        """Open a connection.

        :param deadline: by the monotonic clock.
        :raises DatabaseError: the session cannot be configured as the library needs it.
        """
        try:
            connection = self._open(deadline)
        except OperationalError as error:
            if error.sqlstate != _REFUSED_PARAMETER:
                raise
            message = str(error).strip().partition("\n")[0]
            raise DatabaseError(f"{self._url}: {message}", error.sqlstate) from error
        if problem := unsuitable(connection.pgconn.parameter_status):
            connection.close()
            raise self._error(problem)
        return connection

    def _open(self, deadline: float) -> OwnConnection:
        if self._has_pooler:
            return self._open_through_pooler(deadline)
        try:
            connection = self._connect(self._conninfo, deadline, OwnConnection)
        except OperationalError as error:
            if error.sqlstate == _REFUSED_PARAMETER:
                return self._open_through_pooler(deadline)
            raise
        if self._has_pooler is None:
            with _closed_on_failure(connection, deadline):
                row = connection.execute(_IS_MARKED).fetchone()
            if not (row and row[0]):
                connection.close()
                return self._open_through_pooler(deadline)
        self._has_pooler = False
        return connection

    def _open_through_pooler(self, deadline: float) -> PoolerConnection:
        if self._has_own_options:
            raise self._error(_OPTIONS_PROBLEM)
        connection = self._connect(
            make_conninfo(self._conninfo, options=""),  # overrides the environment's too
            deadline,
            PoolerConnection,
            cursor_factory=PoolerCursor,
            prepare_threshold=None,
        )
        connection.local_limits = self._local_limits
        with _closed_on_failure(connection, deadline):
            cursor = Cursor(connection)
            cursor.execute(_SET_READABLE)
            if not self._has_pooler:
                self._refuse_statement_pooling(cursor)
        self._has_pooler = True
        return connection

    def _connect(
        self,
        conninfo: str,
        deadline: float,
        connection_class: type[_ConnectionT],
        **arguments: Any,
    ) -> _ConnectionT:
        adapt_to_green_threads()
        if "connect_timeout" not in self._url.options:
            arguments["connect_timeout"] = max(_SHORTEST_TIMEOUT, ceil(deadline - monotonic()))
        with tls.translate_refusals(self._url, self._refusal_of, self._dialect.code):
            try:
                return connection_class.connect(conninfo, autocommit=True, **arguments)
            except OperationalError as error:
                local = find_local_fault(self._servers)
                if local is not None:
                    raise self._error(self._dialect.describe(local)) from error
                add_missing_sqlstate(error, conninfo)
                raise

    def _refuse_statement_pooling(self, cursor: Cursor[Any]) -> None:
        try:
            cursor.execute("BEGIN")
        except ProtocolViolation as error:
            raise self._error(_STATEMENT_POOLING_PROBLEM) from error
        cursor.execute("COMMIT")

    def _error(self, problem: str) -> DatabaseError:
        return DatabaseError(f"{self._url}: {problem}")


@contextmanager
def _closed_on_failure(connection: Any, deadline: float) -> Iterator[None]:
    """Run a block until the deadline, and close the connection if it fails."""
    try:
        with TimedCall(connection, deadline, lambda connection: shut_down(connection.fileno)):
            yield
    except BaseException:
        connection.close()
        raise
