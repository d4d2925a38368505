"""MySQL and MariaDB, through PyMySQL. The only module that imports it."""

from __future__ import annotations

import json
import socket
import ssl
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from time import monotonic
from typing import TYPE_CHECKING, Any

import pymysql
from pymysql.constants import CLIENT, CR

from hostmap_sql.dialects import mysql_options, tls
from hostmap_sql.dialects.base import Dialect, Fault
from hostmap_sql.dialects.mysql_faults import FAULTS
from hostmap_sql.dialects.mysql_session import refuse_unfit, session_setter
from hostmap_sql.dialects.opening import NoConnectionInTime
from hostmap_sql.dialects.process import keep_for_ever
from hostmap_sql.dialects.sockets import detach, is_parents, keep_alive, shut_down
from hostmap_sql.dialects.system_faults import fault_of_opening, fault_of_socket
from hostmap_sql.dialects.watch import WATCH
from hostmap_sql.errors import DatabaseError, InvalidValue
from hostmap_sql.statements import Statement

if TYPE_CHECKING:
    # Its stubs know the cursor's class as a parameter of the connection's.
    from collections.abc import Callable, Sequence

    from hostmap_sql.database_url import DatabaseUrl
    from hostmap_sql.dialects.migration_tools import MigrationTools

    PyMySQLConnection = pymysql.Connection[pymysql.cursors.Cursor]


# The shortest time, in seconds, that PyMySQL is given to connect: it refuses none.
_SHORTEST = 0.001


# The server takes the session, and ends it at its first statement: it will do so each time.
_INIT_CONNECT_FAILED = 1184
_ITS_INIT_CONNECT = (
    "the server's init_connect fails for this user: see SELECT @@init_connect, and the server's "
    "log for the reason"
)


# For servers that may do without TLS, and whose certificate nobody looks at.
_UNVERIFIED = cache(tls.Terms("prefer", None).context)


class _NoServer(Exception):
    """What answers is none of these servers: it will be none the next time."""


class _Connection(pymysql.Connection):
    """One that shares this context, for PyMySQL would make another, and that can be cut early."""

    handshaking: socket.socket | None = None

    def _get_server_information(self) -> None:
        try:
            super()._get_server_information()  # type: ignore[misc]
        except (pymysql.err.OperationalError, OSError):
            raise
        except Exception as error:  # PyMySQL fails to read it, in many ways
            problem = "what answers there is no MySQL or MariaDB: check the host and the port"
            raise _NoServer(problem) from error

    def _request_authentication(self) -> None:
        # Its own socket is of no use to others from the beginning of a TLS handshake to its end.
        with _socket(self).dup() as self.handshaking:
            super()._request_authentication()  # type: ignore[misc]
        self.handshaking = None

    def _create_ssl_ctx(self, options: dict[str, Any] | ssl.SSLContext) -> ssl.SSLContext:
        if not options:
            return _UNVERIFIED()
        own: ssl.SSLContext = super()._create_ssl_ctx(options)  # type: ignore[misc]
        return own


class MySQL(Dialect):
    """MySQL 8.0 and later, MariaDB 10.6 and later."""

    name = "mysql"
    driver = "PyMySQL"
    connection_class = pymysql.connections.Connection
    driver_attribute = "_sock"
    url_options = mysql_options.URL_OPTIONS
    in_hosts = "IN %(hosts)s"
    in_numbers = "IN %(numbers)s"
    # The server reads it twice as fast as rows of VALUES. Without its character set, MariaDB would
    # take the database's, and write "?" for what that lacks.
    hosts_table = (
        "JSON_TABLE(%(hosts)s, '$[*]'"
        " COLUMNS (host VARCHAR(255) CHARACTER SET utf8mb4 PATH '$')) AS hosts"
    )
    overrides = {  # noqa: RUF012 - a ClassVar of the base
        # No RETURNING: LAST_INSERT_ID(n) sends n back with the OK of the UPDATE.
        Statement.REVISION_TAKE: """
UPDATE mapping_revision SET revision = LAST_INSERT_ID(revision + 1) WHERE id = 1""",
    }

    def opener(self, url: DatabaseUrl, timeout: float) -> Callable[[float], PyMySQLConnection]:
        arguments = _arguments(url)  # once: making a TLS context takes 20 ms
        if not arguments["database"]:
            problem = "names no database: write it behind the host, as in mysql://user@host/name"
            raise InvalidValue("database URL", problem)
        patience = arguments.pop("connect_timeout", 0) or timeout
        set_session = session_setter(timeout)

        def open_connection(deadline: float) -> PyMySQLConnection:
            left = max(_SHORTEST, min(patience, deadline - monotonic()))
            connection = _Connection(**arguments, connect_timeout=left, defer_connect=True)
            # That time-out is for the first packet alone: the watch sees to all of it.
            WATCH.begin(connection, deadline, self.cut)
            try:
                with tls.refusals(url, _tls_refusal, self.code):
                    connection.connect()
                _keep_alive(connection, timeout)
                set_session(connection)
            except BaseException as error:
                with suppress(pymysql.Error):
                    connection.close()
                if isinstance(error, pymysql.Error) and _errno(error) == _INIT_CONNECT_FAILED:
                    raise DatabaseError(f"{url}: {_ITS_INIT_CONNECT}", self.code(error)) from error
                raise
            finally:
                WATCH.end(connection)
            return connection

        return open_connection

    def is_open(self, connection: PyMySQLConnection) -> bool:
        return bool(connection.open)

    def cut(self, connection: Any) -> None:
        own = getattr(connection, "handshaking", None) or _socket(connection)
        shut_down(own.fileno)

    def disown(self, connection: Any, lent: bool) -> None:  # noqa: FBT001 - as the base
        detach(_socket(connection).fileno())
        if lent:  # a thread that is not here may have been in the middle of a call, and locked it
            keep_for_ever(connection)
        else:
            connection.close()

    def is_parents(self, connection: Any) -> bool:
        return is_parents(_socket(connection).fileno())

    def yoyo_backend(self) -> Any:
        from yoyo.backends import MySQLBackend  # noqa: PLC0415 - an extra

        class Backend(MySQLBackend):  # type: ignore[misc]
            # yoyo takes the database's name from a URL, which a caller's own pool does not tell.
            list_tables_sql = (
                "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()"
            )

        return Backend

    def migration_tools(self) -> MigrationTools:
        from hostmap_sql.dialects.mysql_migrating import MySQLMigrating  # noqa: PLC0415

        return MySQLMigrating(self)

    def set_mode(self, connection: PyMySQLConnection, mode: Any) -> bool:
        was: bool = connection.get_autocommit()
        if was is not mode:
            connection.autocommit(mode)
        return was

    def refuse_unfit(self, connection: PyMySQLConnection) -> None:
        refuse_unfit(connection, self.cursor(connection))

    def cursor(self, connection: PyMySQLConnection) -> pymysql.cursors.Cursor:
        return connection.cursor(pymysql.cursors.Cursor)

    def begin(self, cursor: Any) -> None:
        # REPEATABLE READ, a caller's own pool may have it, is as good: the snapshot begins with the
        # first SELECT, after the revision's row was taken.
        cursor.execute("BEGIN")

    def begin_snapshot(self, cursor: Any) -> None:
        # For the next transaction alone: READ COMMITTED would take a snapshot for each statement.
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")

    def take_revision(self, cursor: Any) -> int | None:
        return cursor.lastrowid if cursor.execute(self.sql[Statement.REVISION_TAKE]) else None

    def encode_hosts(self, hosts: Sequence[str]) -> object:
        return hosts

    def encode_hosts_table(self, hosts: Sequence[str]) -> object:
        return json.dumps(hosts, ensure_ascii=False)

    def encode_time(self, time: datetime) -> datetime:
        return time.replace(tzinfo=None)

    def decode_time(self, value: datetime) -> datetime:
        return datetime.combine(value, value.time(), UTC)  # in a quarter of the time of replace()

    def code(self, error: Exception) -> str | None:
        code = _errno(error)
        return None if code is None else str(code)

    def classify(self, error: Exception, *, connecting: bool) -> Fault:
        code = _errno(error)
        if _tls_refusal(error):
            return Fault.PERMANENT
        if isinstance(error, NoConnectionInTime):
            return Fault.WAIT
        reason = getattr(error, "original_exception", None)
        if connecting and isinstance(reason, OSError):
            return fault_of_socket(reason)
        opening = fault_of_opening(error) if connecting else None
        if opening is not None:
            return opening
        if code is not None:
            fault = FAULTS.get(code, Fault.UNLISTED)
        elif isinstance(error, pymysql.err.InternalError | OSError):
            fault = Fault.LOST  # "Packet sequence number wrong" and its like have no code
        else:
            fault = Fault.UNLISTED
        return Fault.WAIT if connecting and fault is Fault.LOST else fault

    def describe(self, error: Exception) -> str:
        if not isinstance(error, pymysql.Error):
            return super().describe(error)
        message = error.args[-1] if error.args else ""
        return str(message).strip().partition("\n")[0] or type(error).__name__

    def has_table(self, cursor: Any, table: str) -> bool:
        cursor.execute(
            "SELECT COUNT(*) FROM information_schema.tables"
            " WHERE table_schema = DATABASE() AND table_name = %s",
            (table,),
        )
        return bool(cursor.fetchone()[0])

    def column_charset(self, cursor: Any, table: str, column: str) -> str | None:
        cursor.execute(
            "SELECT character_set_name FROM information_schema.columns"
            " WHERE table_schema = DATABASE() AND table_name = %s AND column_name = %s",
            (table, column),
        )
        row = cursor.fetchone()
        return row and str(row[0])


def _errno(error: Exception) -> int | None:
    code = error.args[0] if isinstance(error, pymysql.Error) and error.args else None
    return code if isinstance(code, int) else None


def _tls_refusal(error: Exception) -> tls.Refusal | None:
    if _errno(error) == CR.CR_SSL_CONNECTION_ERROR:
        return tls.Refusal.NOT_OFFERED
    reason = getattr(error, "original_exception", None)
    return tls.Refusal.of(reason) if isinstance(reason, ssl.SSLCertVerificationError) else None


def _arguments(url: DatabaseUrl) -> dict[str, Any]:
    """What PyMySQL's `connect` takes, for a URL."""
    return {
        "program_name": "hostmap_sql",
        **mysql_options.arguments(url),
        "charset": "utf8mb4",
        "autocommit": True,
        # rows matched, not rows changed: as the other databases count
        "client_flag": CLIENT.FOUND_ROWS,
    }


def _socket(connection: Any) -> socket.socket:
    own: socket.socket = connection._sock  # noqa: SLF001 - there is no other way to it
    return own


def _keep_alive(connection: PyMySQLConnection, timeout: float) -> None:
    """Have the system find out that the other end is gone: a firewall has forgotten it, say."""
    own = _socket(connection)
    for option, value in keep_alive(timeout).items():
        number = getattr(socket, option.upper(), None)  # not every system has all of them
        if number is not None and own.family != socket.AF_UNIX:
            own.setsockopt(socket.IPPROTO_TCP, number, value)


DIALECT = MySQL()
