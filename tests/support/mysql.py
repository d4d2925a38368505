"""MySQL and MariaDB: each fresh database is made by the statements that show a migrated one."""

from __future__ import annotations

from contextlib import closing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import pymysql
from pymysql.constants import CLIENT, SERVER_STATUS

from tests.support.backend import FULL_SCAN, PRIMARY_KEY, TABLES, Backend, Factory, new_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from tests.support.backend import Lend
    from tests.support.servers import Server


class MySQLBackend(Backend):
    kind = "mysql"
    dialect_name = "mysql"
    zone_statement = "SELECT @@global.time_zone"
    yoyo_scheme = "mysql"
    driver_error = pymysql.Error
    driver_module = "pymysql"
    passing_failure = pymysql.OperationalError(1213, "Deadlock found when trying to get lock")
    duplicate_code = "1062"
    indexed_text = "transport_url(100)"
    lost_connection = pymysql.OperationalError(2013, "Lost connection to server during query")

    def __init__(self, server: Server, database: str) -> None:
        super().__init__(server.url(database))
        self.server = server
        self.database = database

    def open_raw(self, **arguments: Any) -> Any:
        defaults: dict[str, Any] = {
            "host": self.server.host,
            "port": self.server.port,
            "user": self.server.user,
            "password": self.server.password,
            "database": self.database,
            "autocommit": True,
            "charset": "utf8mb4",
        }
        return pymysql.connect(**(defaults | arguments))

    @property
    def missing_url(self) -> str:
        return self.server.url(f"{self.database}_missing")

    def url_for(self, **parts: Any) -> str:
        return replace(self.server, **parts).url(self.database)

    def own_pools(self) -> Iterator[tuple[Lend, Callable[[Any], object]]]:
        @contextmanager
        def lend() -> Iterator[Any]:
            arguments = {"autocommit": False, "cursorclass": pymysql.cursors.DictCursor}
            with closing(self.open_raw(**arguments)) as connection:
                yield connection

        def mode(connection: Any) -> object:
            in_transaction = connection.server_status & SERVER_STATUS.SERVER_STATUS_IN_TRANS
            cursor = connection.cursor()
            cursor.execute("SELECT @@session.transaction_isolation AS level")
            assert cursor.fetchone() == {"level": "REPEATABLE-READ"}
            return connection.get_autocommit(), in_transaction

        yield lend, mode

    def impatient_connections(self) -> AbstractContextManager[Any]:
        return closing(self.open_raw(init_command="SET innodb_lock_wait_timeout = 1"))

    def end_other_sessions(self) -> int:
        connection = self.open_raw()
        with connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT id FROM information_schema.processlist"
                " WHERE db = %s AND id <> CONNECTION_ID()",
                (self.database,),
            )
            others = [row[0] for row in cursor.fetchall()]
            for number in others:
                cursor.execute("KILL %s", (number,))
        return len(others)

    def _gather_statistics(self, connection: Any) -> None:
        tables = "host_mapping, cell_mapping, host_mapping_change, mapping_changeset"
        connection.cursor().execute(f"ANALYZE TABLE {tables}")

    def _explain(
        self, connection: Any, text: str, parameters: dict[str, Any]
    ) -> Iterator[tuple[str, str]]:
        cursor = connection.cursor(pymysql.cursors.DictCursor)
        # MySQL 9 draws trees unless it is asked for rows; MariaDB draws rows always.
        explain = "EXPLAIN" if self.kind == "mariadb" else "EXPLAIN FORMAT=TRADITIONAL"
        cursor.execute(f"{explain} {text}", parameters)
        for row in cursor.fetchall():
            table = TABLES.get(row["table"], row["table"])
            index = FULL_SCAN if row["type"] == "ALL" else row["key"]
            yield table, PRIMARY_KEY if index == "PRIMARY" else index


class MySQLFactory(Factory):
    kind = "mysql"
    title: ClassVar[str] = "MySQL"
    backend: ClassVar[type[MySQLBackend]] = MySQLBackend

    def __init__(self, server: Server | None) -> None:
        assert server
        self._server = server
        self._connection = pymysql.connect(
            host=server.host,
            port=server.port,
            user=server.user,
            password=server.password,
            charset="utf8mb4",
            autocommit=True,
            client_flag=CLIENT.MULTI_STATEMENTS,
        )
        self._template = self.bare()
        self._template.hostmap.migrate()
        self._template.close()
        self._copy = "".join(f"{statement};" for statement in self._statements_of_copy())

    @property
    def version(self) -> str:
        return f"{self.title} {self._query('SELECT VERSION()')[0][0]}"

    def fresh(self) -> MySQLBackend:
        backend = self.bare()
        # It leaves the database again: what a test ends there is not to be this connection.
        self._query(f"USE {backend.database}; {self._copy} USE information_schema")
        return backend

    def bare(self) -> MySQLBackend:
        database = new_name()
        self._query(f"CREATE DATABASE {database}")
        return self.backend(self._server, database)

    def drop(self, backend: Backend) -> None:
        assert isinstance(backend, MySQLBackend)
        self._query(f"DROP DATABASE IF EXISTS {backend.database}")

    def close(self) -> None:
        self.drop(self._template)
        self._connection.close()

    def _statements_of_copy(self) -> Iterator[str]:
        """What makes, in an empty database, all that is in the template."""
        template = self._template.database
        tables = [row[0] for row in self._query(f"SHOW TABLES IN {template}")]
        yield "SET foreign_key_checks = 0"
        for table in tables:
            yield self._query(f"SHOW CREATE TABLE {template}.{table}")[0][1]
            yield f"INSERT INTO {table} SELECT * FROM {template}.{table}"
        yield "SET foreign_key_checks = 1"

    def _query(self, statements: str) -> Sequence[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(statements)
            rows = cursor.fetchall()
            while cursor.nextset():
                pass
        return rows


class MariaDBBackend(MySQLBackend):
    kind = "mariadb"


class MariaDBFactory(MySQLFactory):
    kind = "mariadb"
    title = "MariaDB"
    backend = MariaDBBackend
