"""Opens connections to MySQL and MariaDB: to one host, or to the writable one of several."""

from __future__ import annotations

import socket
import ssl
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING, Any

import pymysql
from pymysql.constants import CLIENT, CR

from hostmap_sql.concealing import SecretBytes
from hostmap_sql.dialects import tls
from hostmap_sql.dialects.host_order import HostOrder, share_of_time
from hostmap_sql.dialects.mysql import options as mysql_options
from hostmap_sql.dialects.mysql.authentication import UnsafeRequestError
from hostmap_sql.dialects.mysql.connection import Connection, socket_of
from hostmap_sql.dialects.mysql.session import is_read_only, session_setter
from hostmap_sql.dialects.passwords import MISSING_PROBLEM, PasswordMissing, PasswordRefused
from hostmap_sql.dialects.sockets import keep_alive
from hostmap_sql.dialects.url_options import refuse_second_password
from hostmap_sql.errors import DatabaseError, InvalidValue
from hostmap_sql.runtime.dbapi import close_quietly
from hostmap_sql.runtime.deadlines import NoConnectionInTime
from hostmap_sql.runtime.watchdog import TimedCall

if TYPE_CHECKING:
    from collections.abc import Callable

    from hostmap_sql.dialects.base import Dialect
    from hostmap_sql.dialects.database_url import DatabaseUrl


# The shortest connect_timeout, in seconds, that PyMySQL accepts.
_SHORTEST_TIMEOUT = 0.001

# The server accepts the session, then ends it at its first statement, each time.
_INIT_CONNECT_FAILED = 1184
_INIT_CONNECT_PROBLEM = (
    "the server's init_connect fails for this user: see SELECT @@init_connect, and the server's "
    "log for the reason"
)

# The codes of a user who needs a password: MySQL's two, of which MariaDB has one.
_ACCESS_DENIED = (1045, 1698)


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
        self._timeout = timeout
        self._dialect = dialect
        self._password = password
        # Once: building a TLS context takes 20 ms.
        hosts = [replace(url, hosts=(host,)) for host in url.hosts]
        self._arguments = [driver_arguments(one) for one in hosts or [url]]
        arguments = self._arguments[0]
        if not arguments["database"]:
            problem = "names no database: write it after the host, as in mysql://user@host/name"
            raise InvalidValue("database URL", problem)
        if password is not None and arguments["password"]:
            refuse_second_password()
        self._has_password = bool(arguments["password"])
        limits = [arguments.pop("connect_timeout", 0) for arguments in self._arguments]
        self._connect_timeout = limits[0] or timeout
        self._hosts = HostOrder(range(len(self._arguments)))
        self._set_session = session_setter(timeout)

    def __call__(self, deadline: float) -> Connection:
        """Open a connection.

        :param deadline: by the monotonic clock.
        """
        if len(self._arguments) == 1:
            return self._open(0, deadline)
        return self._open_writable(deadline)

    def _open_writable(self, deadline: float) -> Connection:
        """Connect to the first host that takes writes; if none does, to the first that answers."""
        spare = None
        failure: Exception | None = None
        for host in self._hosts:
            now = monotonic()
            if now >= deadline:
                break
            until = min(deadline, now + share_of_time(len(self._arguments), deadline - now))
            try:
                connection = self._open(host, until)
                with TimedCall(connection, until, self._dialect.interrupt):
                    is_spare = is_read_only(connection.cursor())
            except Exception as error:  # noqa: BLE001 - the next host may be the right one
                # A retry helps if it helps with any of the hosts.
                if failure is None or not self._is_transient(failure):
                    failure = error
                if monotonic() >= until:
                    self._hosts.add_hang(host)
                continue
            if not is_spare:
                self._hosts.add_success(host)
                if spare is not None:
                    close_quietly(spare)
                return connection
            if spare is None:
                spare = connection
            else:
                close_quietly(connection)
        if spare is None:
            raise failure or NoConnectionInTime("the time was up before a host was tried")
        return spare

    def _is_transient(self, failure: Exception) -> bool:
        is_translated = isinstance(failure, DatabaseError)
        return not is_translated and self._dialect.classify(failure, connecting=True).is_transient

    def _open(self, host: int, deadline: float) -> Connection:
        connection = Connection(**self._arguments[host], defer_connect=True)
        if self._password is not None:
            connection.password = SecretBytes(self._password().encode())
        left = min(self._connect_timeout, deadline - monotonic())
        connection.connect_timeout = max(_SHORTEST_TIMEOUT, left)
        # connect_timeout covers only the first packet, the watchdog all of them.
        try:
            with TimedCall(connection, deadline, self._dialect.interrupt):
                with tls.translate_refusals(self._url, tls_refusal, self._dialect.code):
                    connection.connect()
                _keep_alive(connection, self._timeout)
                self._set_session(connection)
        except BaseException as error:
            close_quietly(connection)
            self._explain(error)
            raise
        return connection

    def _explain(self, error: BaseException) -> None:
        """Raise an error with the reason for a failure to connect, if the driver's hides it."""
        if isinstance(error, UnsafeRequestError):
            raise PasswordRefused(f"{self._url}: {error}") from error
        code = errno(error)
        if code in _ACCESS_DENIED and self._url.is_isolated and not self._has_password:
            raise PasswordMissing(f"{self._url}: {MISSING_PROBLEM}", str(code)) from error
        if code == _INIT_CONNECT_FAILED:
            raise DatabaseError(f"{self._url}: {_INIT_CONNECT_PROBLEM}", str(code)) from error


def driver_arguments(url: DatabaseUrl) -> dict[str, Any]:
    """Return the arguments of PyMySQL's `connect`."""
    return {
        "program_name": "hostmap_sql",
        **mysql_options.arguments(url),
        "charset": "utf8mb4",
        "autocommit": True,
        # An UPDATE counts matched rows, as on the other databases, not changed ones.
        "client_flag": CLIENT.FOUND_ROWS,
    }


def errno(error: BaseException) -> int | None:
    """Return the number of an error of the driver; None if it has none."""
    code = error.args[0] if isinstance(error, pymysql.Error) and error.args else None
    return code if isinstance(code, int) else None


def tls_refusal(error: Exception) -> tls.Refusal | None:
    """Return why a connection fails the TLS policy; None if it does not."""
    if errno(error) == CR.CR_SSL_CONNECTION_ERROR:
        return tls.Refusal.NOT_OFFERED
    reason = getattr(error, "original_exception", None)
    return tls.Refusal.of(reason) if isinstance(reason, ssl.SSLCertVerificationError) else None


def _keep_alive(connection: Connection, timeout: float) -> None:
    """Make the system detect a dead connection, such as one that a firewall has dropped."""
    own = socket_of(connection)
    for option, value in keep_alive(timeout).items():
        number = getattr(socket, option.upper(), None)  # some systems lack some
        if number is not None and own.family != socket.AF_UNIX:
            own.setsockopt(socket.IPPROTO_TCP, number, value)
