"""The dialect of MySQL and MariaDB."""

from __future__ import annotations

import json
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import pymysql

from hostmap_sql import sql
from hostmap_sql.concealing import drop_frames
from hostmap_sql.dialects.base import Dialect
from hostmap_sql.dialects.fault import Fault
from hostmap_sql.dialects.mysql import accounts
from hostmap_sql.dialects.mysql import options as mysql_options
from hostmap_sql.dialects.mysql.connection import socket_of
from hostmap_sql.dialects.mysql.connector import Connector, errno, tls_refusal
from hostmap_sql.dialects.mysql.error_codes import FAULTS, READ_ONLY
from hostmap_sql.dialects.mysql.session import (
    is_clustered,
    prepare_external_session,
    why_read_only,
)
from hostmap_sql.dialects.sockets import detach, is_inherited, shut_down
from hostmap_sql.dialects.system_errors import fault_of_opening, fault_of_socket
from hostmap_sql.runtime.deadlines import NoConnectionInTime
from hostmap_sql.runtime.processes import keep_for_ever

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from hostmap_sql.dialects.base import MigrationTools
    from hostmap_sql.dialects.database_url import DatabaseUrl

    PyMySQLConnection = pymysql.Connection[pymysql.cursors.Cursor]


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
        return Connector(url, timeout, self, password)

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
        code = errno(error)
        return None if code is None else str(code)

    def classify(self, error: Exception, *, connecting: bool) -> Fault:
        code = errno(error)
        if tls_refusal(error):
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
        return why_read_only(self.cursor(connection)) if errno(error) == READ_ONLY else None

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


DIALECT = MySQL()
