"""Opens connections to PostgreSQL, directly or through a pooler such as PgBouncer.

A pooler refuses the startup options of the library's sessions, or silently drops them. The first
connection of a process shows whether there is one.
"""

from __future__ import annotations

from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from hostmap_sql.concealing import SecretText
from hostmap_sql.dialects import tls
from hostmap_sql.dialects.host_order import HostOrder, share_of_time
from hostmap_sql.dialects.passwords import MISSING_PROBLEM, PasswordMissing, PasswordRefused
from hostmap_sql.dialects.postgresql.connections import (
    OwnConnection,
    PoolerConnection,
    PoolerCursor,
)
from hostmap_sql.dialects.postgresql.conninfo import (
    NO_CLEAR_TEXT,
    conninfo_of,
    names_password,
    own_options,
)
from hostmap_sql.dialects.postgresql.driver import (
    ConnectionTimeout,
    Cursor,
    OperationalError,
    ProtocolViolation,
    conninfo_to_dict,
    make_conninfo,
)
from hostmap_sql.dialects.postgresql.green_selector import adapt_to_green_threads
from hostmap_sql.dialects.postgresql.refused_connections import (
    add_missing_sqlstate,
    asks_for_clear_text,
    find_local_fault,
    refusal_finder,
)
from hostmap_sql.dialects.postgresql.servers import servers_of, settings_of
from hostmap_sql.dialects.postgresql.session import MARK, READABLE, local_limits, unsuitable
from hostmap_sql.dialects.sockets import shut_down
from hostmap_sql.dialects.url_options import refuse_second_password
from hostmap_sql.errors import DatabaseError
from hostmap_sql.runtime.watchdog import TimedCall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from hostmap_sql.dialects.base import Dialect
    from hostmap_sql.dialects.database_url import DatabaseUrl
    from hostmap_sql.dialects.postgresql.servers import Server

# Hashable, unlike a dict.
_Arguments = tuple[tuple[str, Any], ...]

_ConnectionT = TypeVar("_ConnectionT", bound=OwnConnection)

# The code with which a pooler refuses a startup parameter.
_REFUSED_PARAMETER = "08P01"

_OPTIONS_PROBLEM = (
    "the session's options were refused, or dropped by a pooler in between: take `options` out of "
    "the URL and PGOPTIONS out of the environment, and write ALTER ROLE ... SET ... instead"
)
_STATEMENT_POOLING_PROBLEM = (
    "the pooler in between ends transactions with each statement: set pool_mode=transaction, or "
    "session, for this database in its configuration"
)

_CLEAR_TEXT_PROBLEM = (
    "the server asks for the password in clear text, without verified TLS: spell out "
    "sslmode=verify-full, or require_auth=password, in the URL"
)

_IS_MARKED = f"SELECT pg_catalog.current_setting('{MARK}', true)"

_SET_READABLE = "; ".join(f"SET {name} = '{value}'" for name, value in READABLE.items()).encode()


class Connector:
    """Opens connections.

    :param timeout: the limit of statements and lock waits on the server, in seconds.
    :param password: returns the password of each new connection; None if the URL has it.
    :raises InvalidValue: the URL has an unusable option, or names a password too.
    """

    def __init__(
        self,
        url: DatabaseUrl,
        timeout: float,
        dialect: Dialect,
        password: Callable[[], str] | None = None,
    ) -> None:
        self._url = url
        self._dialect = dialect
        self._password = password
        self._conninfo = SecretText(conninfo_of(url, timeout))
        if password is not None and names_password(self._conninfo):
            refuse_second_password()
        self._has_own_options = bool(own_options(url))
        self._refusal_of = refusal_finder(self._conninfo)
        given = conninfo_to_dict(self._conninfo)
        settings = settings_of(given)
        self._servers = servers_of(settings)
        self._hosts = HostOrder(_arguments_of_each(self._servers, settings, given))
        self._refuses_clear_text = NO_CLEAR_TEXT in str(given.get("require_auth"))
        self._local_limits = local_limits(timeout)
        self._has_pooler: bool | None = None

    def __call__(self, deadline: float) -> OwnConnection:
        """Open a connection.

        :param deadline: by the monotonic clock.
        :raises DatabaseError: the session cannot be configured as the library needs it.
        """
        conninfo = self._conninfo
        if self._password is not None:
            conninfo = SecretText(make_conninfo(conninfo, password=self._password()))
        try:
            connection = self._open(conninfo, deadline)
        except OperationalError as error:
            if error.sqlstate != _REFUSED_PARAMETER:
                raise
            message = str(error).strip().partition("\n")[0]
            raise DatabaseError(f"{self._url}: {message}", error.sqlstate) from error
        if problem := unsuitable(connection.pgconn.parameter_status):
            connection.close()
            raise self._error(problem)
        return connection

    def _open(self, conninfo: str, deadline: float) -> OwnConnection:
        if self._has_pooler:
            return self._open_through_pooler(conninfo, deadline)
        try:
            connection = self._connect(conninfo, deadline, OwnConnection)
        except OperationalError as error:
            if error.sqlstate == _REFUSED_PARAMETER:
                return self._open_through_pooler(conninfo, deadline)
            raise
        if self._has_pooler is None:
            with _closed_on_failure(connection, deadline):
                row = connection.execute(_IS_MARKED).fetchone()
            if not (row and row[0]):
                connection.close()
                return self._open_through_pooler(conninfo, deadline)
        self._has_pooler = False
        return connection

    def _open_through_pooler(self, conninfo: str, deadline: float) -> PoolerConnection:
        if self._has_own_options:
            raise self._error(_OPTIONS_PROBLEM)
        connection = self._connect(
            SecretText(make_conninfo(conninfo, options="")),  # overrides the environment's too
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
        with tls.translate_refusals(self._url, self._refusal_of, self._dialect.code):
            try:
                return self._connect_in_turn(conninfo, deadline, connection_class, **arguments)
            except OperationalError as error:
                local = find_local_fault(self._servers)
                if local is not None:
                    raise self._error(self._dialect.describe(local)) from error
                add_missing_sqlstate(error, conninfo)
                self._explain_passwords(error, conninfo)
                raise

    def _connect_in_turn(
        self,
        conninfo: str,
        deadline: float,
        connection_class: type[_ConnectionT],
        **arguments: Any,
    ) -> _ConnectionT:
        """Connect to the first host that accepts. Each may take its share of the time."""
        late = ConnectionTimeout("the time was up before a host was tried")
        refusal = None
        for host in self._hosts:
            left = deadline - monotonic()
            if left <= 0:
                break
            if "connect_timeout" not in self._url.options:
                arguments["connect_timeout"] = share_of_time(len(self._servers), left)
            try:
                connection = connection_class.connect(
                    conninfo, autocommit=True, **arguments, **dict(host)
                )
            except ConnectionTimeout as error:
                self._hosts.add_hang(host)
                late = error
            except OperationalError as error:
                refusal = error
            else:
                self._hosts.add_success(host)
                return connection
        raise refusal or late

    def _explain_passwords(self, error: OperationalError, conninfo: str) -> None:
        """Raise an error with the reason if libpq failed because it sent the server no password."""
        if error.sqlstate is not None or isinstance(error, ConnectionTimeout):
            return
        if error.pgconn and error.pgconn.needs_password:
            raise PasswordMissing(f"{self._url}: {MISSING_PROBLEM}") from error
        if self._refuses_clear_text and asks_for_clear_text(conninfo):
            raise PasswordRefused(f"{self._url}: {_CLEAR_TEXT_PROBLEM}") from error

    def _refuse_statement_pooling(self, cursor: Cursor[Any]) -> None:
        try:
            cursor.execute("BEGIN")
        except ProtocolViolation as error:
            raise self._error(_STATEMENT_POOLING_PROBLEM) from error
        cursor.execute("COMMIT")

    def _error(self, problem: str) -> DatabaseError:
        return DatabaseError(f"{self._url}: {problem}")


def _arguments_of_each(
    servers: Sequence[Server], settings: Mapping[str, str], given: Mapping[str, Any]
) -> Sequence[_Arguments]:
    """Return, for each host, the arguments that select it alone.

    No arguments if only libpq's own order is right: that of a single host, a random one, or one in
    which all standbys come first.
    """
    # `settings` has an invalid one.
    wanted = settings_of(given, invalid="load_balance_hosts").get("target_session_attrs")
    if (
        len(servers) == 1
        or settings.get("load_balance_hosts") == "random"
        or wanted == "prefer-standby"
    ):
        return [()]
    has_addresses = bool(settings.get("hostaddr"))
    return [
        (
            ("host", server.name),
            ("port", server.port),
            *([("hostaddr", server.address)] if has_addresses else []),
        )
        for server in servers
    ]


@contextmanager
def _closed_on_failure(connection: Any, deadline: float) -> Iterator[None]:
    """Run a block until the deadline, and close the connection if it fails."""
    try:
        with TimedCall(connection, deadline, lambda connection: shut_down(connection.fileno)):
            yield
    except BaseException:
        connection.close()
        raise
