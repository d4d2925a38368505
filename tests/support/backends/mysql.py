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
from tests.support.backends.base import (
    FULL_SCAN,
    PRIMARY_KEY,
    TABLES,
    Backend,
    Driver,
    Factory,
    SqlTexts,
    new_name,
)
from tests.support.pace import PATIENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from tests.support.backends.base import Lend
    from tests.support.servers.containers import Server


MIGRATIONS = Path(__file__).parents[3] / "migrations" / "mysql"


def _trigger(event: str, row: str) -> str:
    return f"""
CREATE TRIGGER refusing BEFORE {event} ON cell_mapping FOR EACH ROW
BEGIN
    DECLARE quoted VARCHAR(128) DEFAULT LEFT({row}.transport_url, 128);
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = quoted;
END"""


class MySQLBackend(Backend):
    kind = "mysql"
    dialect_name = "mysql"
    driver = Driver(
        module="pymysql",
        error=pymysql.Error,
        lost_connection=pymysql.OperationalError(2013, "Lost connection to server during query"),
        transient_failure=pymysql.OperationalError(1213, "Deadlock found when trying to get lock"),
    )
    sql = SqlTexts(
        guards_off=(
            "SET foreign_key_checks = 0",
            "ALTER TABLE mapping_revision DROP CONSTRAINT mapping_revision_one_row",
        ),
        quoting_triggers={
            "insert": (_trigger("INSERT", "NEW"),),
            "update": (_trigger("UPDATE", "OLD"),),
            "delete": (_trigger("DELETE", "OLD"),),
            "commit": (_trigger("INSERT", "NEW"),),  # no trigger waits for it
        },
        session_id="SELECT CONNECTION_ID()",
        time_zone="SELECT @@global.time_zone",
        isolation_level="SELECT @@session.transaction_isolation",
        indexed_url="transport_url(100)",
    )
    yoyo_scheme = "mysql"
    sqlalchemy_scheme = "mysql+pymysql"
    duplicate_code = "1062"

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

    def change_password(self, password: str) -> None:
        self.query(f"ALTER USER '{self.database}' IDENTIFIED BY '{password}'")

    def url_of_account(self, name: str) -> str:
        self.query(f"CREATE USER '{name}' IDENTIFIED BY '{self.account_password}'")
        return self.url_for(user=name, password=self.account_password)

    def drop_account(self, name: str) -> None:
        self.query(f"DROP USER '{name}'")

    def drop_user(self) -> None:
        self.query(f"DROP USER '{self.database}'")

    @contextmanager
    def read_only(self) -> Iterator[HostMap]:
        # Only the session is read-only: the server's own mode would affect other tests.
        arguments = {"init_command": "SET SESSION TRANSACTION READ ONLY"}
        lend = partial(self.open_raw, **arguments)
        yield HostMap(lambda: closing(lend()), self.dialect_name, timeout=PATIENT)

    def read_only_ways(self) -> Iterator[HostMap]:
        with self.read_only() as hostmap:
            yield hostmap
        # The library's own sessions undo the default of the server and of init_connect.
        only = "transaction_read_only" if self.kind == "mysql" else "tx_read_only"
        lend = partial(self.open_raw, init_command=f"SET {only} = 1", autocommit=False)
        yield HostMap(lambda: closing(lend()), self.dialect_name, timeout=PATIENT)

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
        # MySQL 9 prints trees by default; MariaDB knows rows only.
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
        # Leave the database, so that a test that ends all sessions there spares this connection.
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
        """Yield the statements that copy the template into an empty database."""
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
