"""The dialect of MySQL and MariaDB."""

from __future__ import annotations

import json
import socket
import ssl
from contextlib import suppress
from operator import attrgetter
from time import monotonic
from typing import TYPE_CHECKING, Any

import pymysql
from pymysql.constants import CLIENT, CR

from hostmap_sql import sql
from hostmap_sql.concealing import SecretBytes, drop_frames
from hostmap_sql.dialects import tls
from hostmap_sql.dialects.base import Dialect
from hostmap_sql.dialects.fault import Fault
from hostmap_sql.dialects.mysql import accounts
from hostmap_sql.dialects.mysql import options as mysql_options
from hostmap_sql.dialects.mysql.authentication import UnsafeRequestError
from hostmap_sql.dialects.mysql.connection import Connection, socket_of
from hostmap_sql.dialects.mysql.error_codes import FAULTS, READ_ONLY
from hostmap_sql.dialects.mysql.session import (
    is_clustered,
    prepare_external_session,
    session_setter,
    why_read_only,
)
from hostmap_sql.dialects.passwords import MISSING_PROBLEM, PasswordMissing, PasswordRefused
from hostmap_sql.dialects.sockets import detach, is_inherited, keep_alive, shut_down
from hostmap_sql.dialects.system_errors import fault_of_opening, fault_of_socket
from hostmap_sql.dialects.url_options import refuse_second_password
from hostmap_sql.errors import DatabaseError, InvalidValue
from hostmap_sql.runtime.deadlines import NoConnectionInTime
from hostmap_sql.runtime.processes import keep_for_ever
from hostmap_sql.runtime.watchdog import TimedCall

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from hostmap_sql.dialects.base import MigrationTools
    from hostmap_sql.dialects.database_url import DatabaseUrl

    PyMySQLConnection = pymysql.Connection[pymysql.cursors.Cursor]


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


class MySQL(Dialect):
    """MySQL 8.0 and later, MariaDB 10.6 and later."""

    name = "mysql"
    driver = "PyMySQL"
    connection_class = pymysql.connections.Connection
    driver_attribute = "_sock"
    is_closed = staticmethod(attrgetter("is_closed"))
    url_options = mysql_options.URL_OPTIONS
    in_hosts = "IN %(hosts)s"
    in_numbers = "IN %(numbers)s"
    # JSON is twice as fast as rows of VALUES. Without the character set, MariaDB would use the
    # database's, and write "?" for characters that it lacks.
    hosts_table = (
        "JSON_TABLE(%(hosts)s, '$[*]'"
        " COLUMNS (host VARCHAR(255) CHARACTER SET utf8mb4 PATH '$')) AS hosts"
    )
    overrides = {  # noqa: RUF012 - a ClassVar of the base
        # There is no RETURNING: the OK of the UPDATE returns LAST_INSERT_ID(n).
        sql.REVISION_TAKE: """
UPDATE mapping_revision SET revision = LAST_INSERT_ID(revision + 1) WHERE id = 1""",
    }

    def connector(
        self, url: DatabaseUrl, timeout: float, password: Callable[[], str] | None = None
    ) -> Callable[[float], PyMySQLConnection]:
        arguments = _arguments(url)  # once: building a TLS context takes 20 ms
        if not arguments["database"]:
            problem = "names no database: write it after the host, as in mysql://user@host/name"
            raise InvalidValue("database URL", problem)
        if password is not None and arguments["password"]:
            refuse_second_password()
        connect_timeout = arguments.pop("connect_timeout", 0) or timeout
        set_session = session_setter(timeout)

        def open_connection(deadline: float) -> PyMySQLConnection:
            connection = Connection(**arguments, defer_connect=True)
            if password is not None:
                connection.password = SecretBytes(password().encode())
            left = min(connect_timeout, deadline - monotonic())
            connection.connect_timeout = max(_SHORTEST_TIMEOUT, left)
            # connect_timeout covers only the first packet, the watchdog all of them.
            try:
                with TimedCall(connection, deadline, self.interrupt):
                    with tls.translate_refusals(url, _tls_refusal, self.code):
                        connection.connect()
                    _keep_alive(connection, timeout)
                    set_session(connection)
            except BaseException as error:
                with suppress(pymysql.Error):
                    connection.close()
                _explain(url, error, has_password=bool(arguments["password"]))
                raise
            return connection

        return open_connection

    def is_open(self, connection: PyMySQLConnection) -> bool:
        return bool(connection.open)

    def interrupt(self, connection: Any) -> None:
        own = getattr(connection, "handshake_socket", None) or socket_of(connection)
        shut_down(own.fileno)

    def cursor(self, connection: PyMySQLConnection) -> pymysql.cursors.Cursor:
        return connection.cursor(pymysql.cursors.Cursor)

    def disown(self, connection: Any, lent: bool) -> None:  # noqa: FBT001 - as the base
        detach(socket_of(connection).fileno())
        if lent:  # a thread of the parent may have locked it in the middle of a call
            keep_for_ever(connection)
        else:
            connection.close()

    def set_mode(self, connection: PyMySQLConnection, mode: Any) -> bool:
        previous: bool = connection.get_autocommit()
        if previous is not mode:
            connection.autocommit(mode)
        return previous

    def claim(self, connection: Any) -> bool:
        return not is_inherited(socket_of(connection).fileno())

    def prepare_session(self, connection: PyMySQLConnection) -> None:
        prepare_external_session(connection, self.cursor(connection))

    def forget_connection(self, error: Exception) -> None:
        reason = getattr(error, "original_exception", None)
        if isinstance(reason, Exception):
            drop_frames(reason)

    def begin(self, cursor: Any) -> None:
        # The REPEATABLE READ of an external pool works as well: its snapshot begins with the
        # first SELECT, after the revision's row is locked.
        cursor.execute("BEGIN")

    def begin_snapshot(self, cursor: Any) -> None:
        # Only for the next transaction: READ COMMITTED takes a snapshot for each statement.
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")

    def take_revision(self, cursor: Any) -> int | None:
        return cursor.lastrowid if cursor.execute(self.sql[sql.REVISION_TAKE]) else None

    def commit(self, connection: PyMySQLConnection) -> None:
        connection.commit()

    def encode_hosts(self, hosts: Sequence[str]) -> object:
        return hosts

    def encode_hosts_table(self, hosts: Sequence[str]) -> object:
        return json.dumps(hosts, ensure_ascii=False)

    def encode_time(self, time: datetime) -> datetime:
        return time.replace(tzinfo=None)

    def code(self, error: Exception) -> str | None:
        code = _errno(error)
        return None if code is None else str(code)

    def classify(self, error: Exception, *, connecting: bool) -> Fault:
        code = _errno(error)
        if _tls_refusal(error):
            return Fault.PERMANENT
        if isinstance(error, NoConnectionInTime):
            return Fault.UNAVAILABLE
        reason = getattr(error, "original_exception", None)
        if connecting and isinstance(reason, OSError):
            return fault_of_socket(reason)
        opening = fault_of_opening(error) if connecting else None
        if opening is not None:
            return opening
        if code is not None:
            fault = FAULTS.get(code, Fault.UNKNOWN)
        elif isinstance(error, pymysql.err.InternalError | OSError):
            fault = Fault.LOST  # "Packet sequence number wrong" and the like have no code
        else:
            fault = Fault.UNKNOWN
        return Fault.UNAVAILABLE if connecting and fault is Fault.LOST else fault

    def describe(self, error: Exception) -> str:
        if not isinstance(error, pymysql.Error):
            return super().describe(error)
        message = error.args[-1] if error.args else ""
        return str(message).strip().partition("\n")[0] or type(error).__name__

    def why_read_only(self, connection: Any, error: Exception) -> str | None:
        return why_read_only(self.cursor(connection)) if _errno(error) == READ_ONLY else None

    def is_clustered(self, cursor: Any) -> bool:
        return is_clustered(cursor)

    def has_table(self, cursor: Any, table: str) -> bool:
        cursor.execute(
            "SELECT COUNT(*) FROM information_schema.tables"
            " WHERE table_schema = DATABASE() AND table_name = %s",
            (table,),
        )
        if cursor.fetchone()[0]:
            return True
        # The catalogue hides tables on which the account has no right: then this one is refused.
        try:
            cursor.execute(f"SELECT 1 FROM {table} LIMIT 0")
        except pymysql.Error as error:
            if self.classify(error, connecting=False) is Fault.NO_TABLE:
                return False
            raise
        return True

    def readable_columns(self, cursor: Any, table: str) -> frozenset[str] | None:
        columns = accounts.readable_columns(cursor, table)
        try:
            return columns if columns or self.has_table(cursor, table) else None
        except pymysql.Error as error:
            if self.classify(error, connecting=False) is Fault.NOT_PERMITTED:
                return columns
            raise

    def grants(self, cursor: Any, role: str, user: str, *, urls: bool) -> Sequence[str]:
        return [*accounts.grants(cursor, role, user, urls=urls)]

    def column_charset(self, cursor: Any, table: str, column: str) -> str | None:
        cursor.execute(
            "SELECT character_set_name FROM information_schema.columns"
            " WHERE table_schema = DATABASE() AND table_name = %s AND column_name = %s",
            (table, column),
        )
        row = cursor.fetchone()
        return row and str(row[0])

    def yoyo_backend(self) -> Any:
        from yoyo.backends import MySQLBackend  # noqa: PLC0415 - an extra

        class Backend(MySQLBackend):  # type: ignore[misc]
            # yoyo reads the database's name from a URL, which an external pool does not have.
            list_tables_sql = (
                "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()"
            )

        return Backend

    def migration_tools(self) -> MigrationTools:
        from hostmap_sql.dialects.mysql.migration_support import MySQLMigrationTools  # noqa: PLC0415

        return MySQLMigrationTools(self)


def _errno(error: BaseException) -> int | None:
    code = error.args[0] if isinstance(error, pymysql.Error) and error.args else None
    return code if isinstance(code, int) else None


def _explain(url: DatabaseUrl, error: BaseException, *, has_password: bool) -> None:
    """Raise an error with the reason for a failure to connect, if the driver's error hides it."""
    if isinstance(error, UnsafeRequestError):
        raise PasswordRefused(f"{url}: {error}") from error
    code = _errno(error)
    if code in _ACCESS_DENIED and url.is_isolated and not has_password:
        raise PasswordMissing(f"{url}: {MISSING_PROBLEM}", str(code)) from error
    if code == _INIT_CONNECT_FAILED:
        raise DatabaseError(f"{url}: {_INIT_CONNECT_PROBLEM}", str(code)) from error


def _tls_refusal(error: Exception) -> tls.Refusal | None:
    if _errno(error) == CR.CR_SSL_CONNECTION_ERROR:
        return tls.Refusal.NOT_OFFERED
    reason = getattr(error, "original_exception", None)
    return tls.Refusal.of(reason) if isinstance(reason, ssl.SSLCertVerificationError) else None


def _arguments(url: DatabaseUrl) -> dict[str, Any]:
    """Return the arguments of PyMySQL's `connect`."""
    return {
        "program_name": "hostmap_sql",
        **mysql_options.arguments(url),
        "charset": "utf8mb4",
        "autocommit": True,
        # An UPDATE counts matched rows, as on the other databases, not changed ones.
        "client_flag": CLIENT.FOUND_ROWS,
    }


def _keep_alive(connection: PyMySQLConnection, timeout: float) -> None:
    """Make the system detect a dead connection, such as one that a firewall has dropped."""
    own = socket_of(connection)
    for option, value in keep_alive(timeout).items():
        number = getattr(socket, option.upper(), None)  # some systems lack some
        if number is not None and own.family != socket.AF_UNIX:
            own.setsockopt(socket.IPPROTO_TCP, number, value)


DIALECT = MySQL()
