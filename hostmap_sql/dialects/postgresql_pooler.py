"""Poolers between us and PostgreSQL: PgBouncer and its like, found out and lived with.

A pooler refuses the options that our sessions begin with, or drops them in silence; and with each
transaction another session of the server's may be behind it. Nobody has to say that there is one:
the first connection of a process tells.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.pq import TransactionStatus

from hostmap_sql.dialects.postgresql_session import (
    MARK,
    READABLE,
    local_limits,
    unfit,
)
from hostmap_sql.dialects.sockets import shut_down
from hostmap_sql.dialects.watch import WATCH
from hostmap_sql.errors import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self

    from hostmap_sql.database_url import DatabaseUrl

# The code by which a pooler refuses a parameter of a session.
_REFUSED_PARAMETER = "08P01"

_OWN_OPTIONS = (
    "the session's options were refused, or dropped by a pooler in between: take `options` out of "
    "the URL and PGOPTIONS out of the environment, and write ALTER ROLE ... SET ... instead"
)
_STATEMENT_POOLING = (
    "the pooler in between ends transactions with each statement: set pool_mode=transaction, or "
    "session, for this database in its configuration"
)


class PoolerConnection(psycopg.Connection[Any]):
    """One through a pooler: the server's session may be another's with each transaction.

    So each transaction sets its limits for itself, and a statement outside of one is sent together
    with them, in one round trip. Nothing is prepared: the next session would not know of it.
    """

    local_limits: str


class PoolerCursor(psycopg.Cursor[Any]):
    """A cursor of such a connection."""

    def begin(self, beginning: str) -> None:
        """Begin a transaction, and set its limits, in one round trip."""
        connection: Any = self.connection
        psycopg.Cursor.execute(self, f"{beginning}; {connection.local_limits}".encode())

    def execute(self, query: Any, params: Any = None, **options: Any) -> Self:
        connection: Any = self.connection
        if connection.pgconn.transaction_status != TransactionStatus.IDLE:
            return super().execute(query, params, **options)
        with connection.pipeline():  # as one transaction: at its end the limits are gone
            psycopg.Cursor(connection).execute(connection.local_limits)
            return super().execute(query, params, **options)


class Opener:
    """Connects, and finds out, once, whether directly or through a pooler.

    :param conninfo: with the options of our sessions.
    :param has_own_options: whether some of them are the operator's.
    :param connect: connects to a conninfo, until a deadline, with these other arguments.
    :param through_pooler: the class of connections through a pooler.
    """

    def __init__(
        self,
        url: DatabaseUrl,
        *,
        conninfo: str,
        has_own_options: bool,
        timeout: float,
        connect: Callable[..., Any],
        through_pooler: type[PoolerConnection],
    ) -> None:
        self._url = url
        self._with_options = conninfo
        self._plain = make_conninfo(conninfo, options="")  # nor those of the environment
        self._has_own_options = has_own_options
        self._local_limits = local_limits(timeout)
        self._connect = connect
        self._through_pooler = through_pooler
        self._has_pooler: bool | None = None

    def __call__(self, deadline: float) -> Any:
        """Open a connection.

        :raises DatabaseError: its session cannot be one of ours.
        """
        try:
            connection = self._opened(deadline)
        except psycopg.OperationalError as error:
            if error.sqlstate != _REFUSED_PARAMETER:
                raise
            refused = str(error).strip().partition("\n")[0]
            raise DatabaseError(f"{self._url}: {refused}", error.sqlstate) from error
        if problem := unfit(connection.pgconn.parameter_status):
            connection.close()
            raise self._refusal(problem)
        return connection

    def _opened(self, deadline: float) -> Any:
        if self._has_pooler:
            return self._opened_through_pooler(deadline)
        try:
            connection = self._connect(self._with_options, deadline)
        except psycopg.OperationalError as error:
            if error.sqlstate == _REFUSED_PARAMETER:
                return self._opened_through_pooler(deadline)
            raise
        if self._has_pooler is None:
            with _closed_if_in_vain(connection, deadline):
                row = connection.execute(_IS_MARKED).fetchone()
            if not row[0]:
                connection.close()
                return self._opened_through_pooler(deadline)
        self._has_pooler = False
        return connection

    def _opened_through_pooler(self, deadline: float) -> Any:
        if self._has_own_options:
            raise self._refusal(_OWN_OPTIONS)
        connection = self._connect(
            self._plain,
            deadline,
            connection_class=self._through_pooler,
            cursor_factory=PoolerCursor,
            prepare_threshold=None,
        )
        connection.local_limits = self._local_limits
        with _closed_if_in_vain(connection, deadline):
            cursor = psycopg.Cursor(connection)
            cursor.execute(_READABLE)
            if not self._has_pooler:
                self._try_transaction(cursor)
        self._has_pooler = True
        return connection

    def _try_transaction(self, cursor: psycopg.Cursor[Any]) -> None:
        try:
            cursor.execute("BEGIN")
        except psycopg.errors.ProtocolViolation as error:
            raise self._refusal(_STATEMENT_POOLING) from error
        cursor.execute("COMMIT")

    def _refusal(self, problem: str) -> DatabaseError:
        return DatabaseError(f"{self._url}: {problem}")


_IS_MARKED = f"SELECT pg_catalog.current_setting('{MARK}', true)"  # asks whether it has arrived

_READABLE = "; ".join(f"SET {name} = '{value}'" for name, value in READABLE.items()).encode()


@contextmanager
def _closed_if_in_vain(connection: Any, deadline: float) -> Iterator[None]:
    """A block that ends at the deadline, without the connection if it fails."""
    WATCH.begin(connection, deadline, lambda connection: shut_down(connection.fileno))
    try:
        yield
    except BaseException:
        connection.close()
        raise
    finally:
        WATCH.end(connection)
