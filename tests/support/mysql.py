"""MySQL and MariaDB: each fresh database is made by the statements of the migrations."""

from __future__ import annotations

from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pymysql
import pytest
from pymysql.constants import CLIENT, SERVER_STATUS

from hostmap_sql import HostMap
from tests.support.backend import FULL_SCAN, PRIMARY_KEY, TABLES, Backend, Factory, new_name
from tests.support.schemas import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from tests.support.backend import Lend
    from tests.support.servers import Server


MIGRATIONS = Path(__file__).parents[2] / "migrations" / "mysql"


class MySQLBackend(Backend):
    kind = "mysql"
    dialect_name = "mysql"
    zone_statement = "SELECT @@global.time_zone"
    session_statement = "SELECT CONNECTION_ID()"
    isolation_statement = "SELECT @@session.transaction_isolation"
    yoyo_scheme = "mysql"
    sqlalchemy_scheme = "mysql+pymysql"
    driver_error = pymysql.Error
    driver_module = "pymysql"
    passing_failure = pymysql.OperationalError(1213, "Deadlock found when trying to get lock")
    duplicate_code = "1062"
    guards_off = (
        "SET foreign_key_checks = 0",
        "ALTER TABLE mapping_revision DROP CONSTRAINT mapping_revision_one_row",
    )
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

    @contextmanager
    def statements_sent(self) -> Iterator[list[str]]:
        connection_class: Any = pymysql.connections.Connection
        send = connection_class._execute_command
        sent: list[str] = []

        def noted(connection: Any, command: int, sql: str | bytes) -> None:
            sent.append(sql if isinstance(sql, str) else sql.decode(errors="replace"))
            send(connection, command, sql)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(connection_class, "_execute_command", noted)
            yield sent

    def run_script(self, text: str) -> None:
        flags = CLIENT.MULTI_STATEMENTS
        with self.open_raw(client_flag=flags) as connection, connection.cursor() as cursor:
            cursor.execute(text)
            while cursor.nextset():
                pass

    @property
    def missing_url(self) -> str:
        return self.server.url(f"{self.database}_missing")

    def url_for(self, **parts: Any) -> str:
        return replace(self.server, **parts).url(self.database)

    def url_of_socket(self, folder: str) -> str:
        return f"mysql://nobody@localhost/{self.database}?unix_socket={folder}/mysqld.sock"

    def url_of_user(self, connections: int | None = None) -> str:
        limit = f"WITH MAX_USER_CONNECTIONS {connections or 0}"
        self.query(f"CREATE USER '{self.database}' IDENTIFIED BY '{self.user_password}' {limit}")
        self.query(
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON {self.database}.* TO '{self.database}'"
        )
        return self.url_for(user=self.database, password=self.user_password)

    def drop_user(self) -> None:
        self.query(f"DROP USER '{self.database}'")

    @contextmanager
    def read_only(self) -> Iterator[HostMap]:
        # A server's own mode is for all of its users, so it is the session's.
        arguments = {"init_command": "SET SESSION TRANSACTION READ ONLY"}
        lend = partial(self.open_raw, **arguments)
        yield HostMap(lambda: closing(lend()), self.dialect_name, timeout=120)

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

    def tables(self) -> dict[str, Table]:
        names = {row[0] for row in self.query("SHOW TABLES") if "yoyo" not in row[0]}
        return {name: self._table(name) for name in names}

    def _table(self, name: str) -> Table:
        here = f"table_schema = '{self.database}' AND table_name = '{name}'"
        described = self.query(
            f"SELECT column_name, is_nullable FROM information_schema.columns WHERE {here}"
        )
        indexes: dict[tuple[str, int], list[str]] = {}
        for index, other, column in self.query(
            "SELECT index_name, non_unique, column_name FROM information_schema.statistics"
            f" WHERE {here} ORDER BY index_name, seq_in_index"
        ):
            indexes.setdefault((index, other), []).append(column)
        primary = indexes.pop(("PRIMARY", 0))
        foreign = self.query(
            "SELECT column_name, referenced_table_name, referenced_column_name"
            " FROM information_schema.key_column_usage"
            f" WHERE {here} AND referenced_table_name IS NOT NULL"
        )
        return Table(
            tuple(sorted((column, nullable == "YES") for column, nullable in described)),
            tuple(primary),
            frozenset(tuple(cs) for (_, other), cs in indexes.items() if not other),
            frozenset(tuple(cs) for (_, other), cs in indexes.items() if other),
            frozenset((row[0], row[1], row[2]) for row in foreign),
        )

    def definition(self) -> list[tuple[Any, ...]]:
        return [self.query(f"SHOW CREATE TABLE {name}")[0] for name in sorted(self.tables())]

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

    def busy_sessions(self) -> int:
        return self._count_sessions("command <> 'Sleep'")

    def sessions(self) -> int:
        return self._count_sessions("TRUE")

    def _count_sessions(self, condition: str) -> int:
        statement = (
            "SELECT COUNT(*) FROM information_schema.processlist"
            f" WHERE db = '{self.database}' AND id <> CONNECTION_ID() AND {condition}"
        )
        return int(self.query(statement)[0][0])

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
    speak_german = "SET lc_messages = 'de_DE'"
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
        for path in sorted(MIGRATIONS.glob("*.sql")):
            if not path.name.endswith(".rollback.sql"):
                yield path.read_text().rstrip().removesuffix(";")
        template = self._template.database
        for table in ("_yoyo_log", "_yoyo_migration", "_yoyo_version", "yoyo_lock"):
            yield self._query(f"SHOW CREATE TABLE {template}.{table}")[0][1]
            yield f"INSERT INTO {table} SELECT * FROM {template}.{table}"

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
