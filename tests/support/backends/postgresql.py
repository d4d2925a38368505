"""PostgreSQL: each fresh database is a copy of a template."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg
import psycopg_pool
import pytest
from psycopg import sql
from psycopg.rows import dict_row

from hostmap_sql import HostMap, connect
from tests.support.backends.base import (
    FULL_SCAN,
    PRIMARY_KEY,
    Backend,
    Driver,
    Factory,
    SqlTexts,
    new_name,
)
from tests.support.pace import PATIENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from tests.support.backends.base import Lend
    from tests.support.servers.containers import Server


_EVENTS = ("insert", "update", "delete")
_REFUSE = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'refused %', COALESCE(NEW, OLD) USING DETAIL = COALESCE(NEW, OLD)::text;
END $$"""


def _trigger(kind: str, when: str = "") -> str:
    return f"CREATE {kind} ON cell_mapping {when} FOR EACH ROW EXECUTE FUNCTION refuse()"


class PostgreSQLBackend(Backend):
    kind = "postgresql"
    dialect_name = "postgresql"
    driver = Driver(
        module="psycopg",
        error=psycopg.Error,
        lost_connection=psycopg.OperationalError("server closed the connection unexpectedly"),
        transient_failure=psycopg.errors.SerializationFailure("could not serialize access"),
        database_argument="dbname",
    )
    sql = SqlTexts(
        guards_off=(
            "SET session_replication_role = replica",
            "ALTER TABLE mapping_revision DROP CONSTRAINT mapping_revision_one_row",
        ),
        quoting_triggers={
            **{event: (_REFUSE, _trigger(f"TRIGGER refusing BEFORE {event}")) for event in _EVENTS},
            "commit": (
                _REFUSE,
                _trigger("CONSTRAINT TRIGGER refusing AFTER insert", "INITIALLY DEFERRED"),
            ),
        },
        session_id="SELECT pg_backend_pid()",
        # The zone of other sessions, whatever this one has set.
        time_zone="SELECT reset_val FROM pg_settings WHERE name = 'TimeZone'",
        isolation_level="SELECT current_setting('transaction_isolation')",
        created_at="created_at AT TIME ZONE 'UTC'",
        utc_suffix="+00",
    )
    yoyo_scheme = "postgresql+psycopg"
    sqlalchemy_scheme = "postgresql+psycopg"
    duplicate_code = "23505"

    def __init__(self, server: Server, database: str) -> None:
        super().__init__(server.url(database))
        self.server = server
        self.database = database

    def open_raw(self, **arguments: Any) -> psycopg.Connection[Any]:
        return psycopg.connect(self.url, **({"autocommit": True} | arguments))

    @contextmanager
    def statements_sent(self) -> Iterator[list[str]]:
        execute, commit = psycopg.Cursor.execute, psycopg.Connection.commit
        sent: list[str] = []

        def executed(cursor: Any, query: Any, *arguments: Any, **options: Any) -> Any:
            sent.append(str(query))
            return execute(cursor, query, *arguments, **options)

        def committed(connection: Any) -> None:
            sent.append("COMMIT")
            commit(connection)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(psycopg.Cursor, "execute", executed)
            patch.setattr(psycopg.Connection, "commit", committed)
            yield sent

    def run_script(self, text: str) -> None:
        with self.open_raw() as connection:
            connection.execute(text.encode())

    @property
    def missing_url(self) -> str:
        return self.server.url(f"{self.database}_missing")

    def url_for(self, **parts: Any) -> str:
        return replace(self.server, **parts).url(self.database)

    def url_of_socket(self, folder: str) -> str:
        return f"postgresql://nobody@/{self.database}?host={folder}"

    def url_of_user(self, connections: int | None = None) -> str:
        limit = f"CONNECTION LIMIT {connections or -1}"
        self.query(f"CREATE ROLE {self.database} LOGIN PASSWORD '{self.user_password}' {limit}")
        rights = "SELECT, INSERT, UPDATE, DELETE"
        self.query(f"GRANT {rights} ON ALL TABLES IN SCHEMA public TO {self.database}")
        return self.url_for(user=self.database, password=self.user_password)

    def change_password(self, password: str) -> None:
        self.query(f"ALTER USER {self.database} PASSWORD '{password}'")

    def url_of_account(self, name: str) -> str:
        self.query(f"REVOKE ALL ON DATABASE {self.database} FROM PUBLIC")
        self.query("REVOKE ALL ON SCHEMA public FROM PUBLIC")
        self.query(f"CREATE ROLE {name} LOGIN PASSWORD '{self.account_password}'")
        return self.url_for(user=name, password=self.account_password)

    def drop_account(self, name: str) -> None:
        self.query(f"REASSIGN OWNED BY {name} TO CURRENT_USER")
        self.query(f"DROP OWNED BY {name}")
        self.query(f"DROP ROLE {name}")

    def drop_user(self) -> None:
        self.query(f"DROP OWNED BY {self.database}")
        self.query(f"DROP ROLE {self.database}")

    @contextmanager
    def read_only(self) -> Iterator[HostMap]:
        options = "options=-c%20default_transaction_read_only%3Don"
        with connect(f"{self.url}&{options}", timeout=PATIENT) as hostmap:
            yield hostmap

    def read_only_ways(self) -> Iterator[HostMap]:
        with self.read_only() as hostmap:
            yield hostmap
        setting = "SET default_transaction_read_only = on"

        def lend() -> psycopg.Connection[Any]:
            connection = self.open_raw()
            connection.execute(setting)
            return connection

        yield HostMap(lend, self.dialect_name, timeout=PATIENT)
        url = self.url_of_user()
        for place in ("", f"IN DATABASE {self.database}"):
            self.query(f"ALTER ROLE {self.database} {place} {setting}")
            with connect(url, timeout=PATIENT) as hostmap:
                yield hostmap
            self.query(f"ALTER ROLE {self.database} {place} RESET ALL")
        self.drop_user()

    def own_pools(self) -> Iterator[tuple[Lend, Callable[[Any], object]]]:
        with psycopg_pool.ConnectionPool(
            self.url, min_size=1, max_size=2, kwargs={"row_factory": dict_row}
        ) as pool:
            yield (
                pool.connection,
                lambda c: (
                    c.autocommit,
                    c.info.transaction_status,
                    c.row_factory,
                    c.isolation_level,
                ),
            )

    def driver_pools(self) -> Iterator[tuple[str, Lend]]:
        with psycopg_pool.ConnectionPool(self.url, min_size=1, max_size=4) as pool:
            yield "psycopg_pool", pool.connection

    def impatient_connections(self) -> AbstractContextManager[psycopg.Connection[Any]]:
        return self.open_raw(options="-c lock_timeout=300")

    def definition(self) -> list[tuple[Any, ...]]:
        ours = "NOT LIKE '%yoyo%'"
        return [
            *self.query(
                "SELECT table_name::text, column_name::text, data_type, is_nullable,"
                " character_maximum_length, datetime_precision, collation_name::text"
                " FROM information_schema.columns"
                f" WHERE table_schema = 'public' AND table_name {ours} ORDER BY 1, 2"
            ),
            *self.query(
                "SELECT indexdef FROM pg_indexes"
                f" WHERE schemaname = 'public' AND tablename {ours} ORDER BY 1"
            ),
            *self.query(
                "SELECT conrelid::regclass::text, conname::text, pg_get_constraintdef(oid)"
                " FROM pg_constraint WHERE connamespace = 'public'::regnamespace"
                f" AND conrelid::regclass::text {ours} ORDER BY 1, 2"
            ),
        ]

    def end_other_sessions(self) -> int:
        return len(
            self.query(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )

    def busy_sessions(self) -> int:
        return self._count_sessions("state = 'active'")

    def sessions(self) -> int:
        return self._count_sessions("TRUE")

    def _count_sessions(self, condition: str) -> int:
        statement = (
            "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database()"
            f" AND backend_type = 'client backend' AND pid <> pg_backend_pid() AND {condition}"
        )
        return int(self.query(statement)[0][0])

    def _gather_statistics(self, connection: psycopg.Connection[Any]) -> None:
        connection.execute("ANALYZE")

    def _explain(
        self, connection: psycopg.Connection[Any], text: str, parameters: dict[str, Any]
    ) -> Iterator[tuple[str, str]]:
        cursor = connection.execute(f"EXPLAIN (FORMAT JSON) {text}".encode(), parameters)
        row = cursor.fetchone()
        assert row
        yield from self._scans(row[0][0]["Plan"])

    def _scans(self, node: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        index = node.get("Index Name")
        children = node.get("Plans", ())
        if "Relation Name" in node:
            below = (child["Index Name"] for child in children if "Index Name" in child)
            index = index or next(below, FULL_SCAN)
            table = node["Relation Name"]
            yield table, PRIMARY_KEY if index == f"{table}_pkey" else index
        for child in children:
            yield from self._scans(child)


class PostgreSQLFactory(Factory):
    kind = "postgresql"
    speak_german = "SET lc_messages = 'de_DE.UTF-8'"

    def __init__(self, server: Server | None) -> None:
        assert server
        self._server = server
        self._connection = psycopg.connect(server.url("postgres"), autocommit=True)
        self._template = self.bare()
        self._template.hostmap.migrate()
        self._template.close()

    @property
    def version(self) -> str:
        return f"PostgreSQL {self._connection.info.parameter_status('server_version')}"

    def learn_german(self) -> None:
        # The images contain the messages, but no locale for them.
        assert self._server.container
        command = "localedef --no-archive -i de_DE -f UTF-8 de_DE.UTF-8"
        status, output = self._server.container.exec(command)
        assert status == 0, output

    def fresh(self) -> PostgreSQLBackend:
        return self._new(self._template.database)

    def bare(self) -> PostgreSQLBackend:
        return self._new("template0")

    def _new(self, template: str) -> PostgreSQLBackend:
        database = new_name()
        statement = "CREATE DATABASE {} TEMPLATE {}"
        names = map(sql.Identifier, (database, template))
        self._connection.execute(sql.SQL(statement).format(*names))
        return PostgreSQLBackend(self._server, database)

    def drop(self, backend: Backend) -> None:
        assert isinstance(backend, PostgreSQLBackend)
        name = sql.Identifier(backend.database)
        self._connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))

    def close(self) -> None:
        self.drop(self._template)
        self._connection.close()
