"""Every statement in sessions with hostile defaults: the answers equal those of SQLite."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager, nullcontext
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest

from hostmap_sql import DatabaseError, HostMap, connect
from tests.support.backends import FACTORIES
from tests.support.backends.base import new_name
from tests.support.backends.postgresql import PostgreSQLBackend
from tests.support.every_call import answers, every_call
from tests.support.pace import PATIENT, SOON
from tests.support.servers import containers
from tests.surroundings.hostile import HOSTILE, IMPOSTORS, POSTGRESQL, Defaults

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.conftest import Servers
    from tests.support.backends import Backend
    from tests.support.backends.mysql import MySQLBackend, MySQLFactory

TIMEOUT = PATIENT
PASSWORD = "of the tests"


def differences(found: Mapping[str, object], expected: Mapping[str, object]) -> list[object]:
    """Return the calls whose answers differ, with both answers."""
    assert found.keys() == expected.keys()
    return [(name, found[name], expected[name]) for name in found if found[name] != expected[name]]


def assert_refused(hostmap: HostMap, problem: str) -> None:
    """Assert that calls fail long before the timeout, with one sentence that states the problem."""
    started = monotonic()
    for call in (lambda: hostmap.hosts.get("a"), lambda: hostmap.cells.create("a")):
        with pytest.raises(DatabaseError, match=problem) as caught:
            call()
        assert caught.type is DatabaseError
        assert "\n" not in str(caught.value)
    assert monotonic() - started < SOON


# --- MySQL, MariaDB -------------------------------------------------------------------------------


class Hostile:
    """A server whose global defaults a test may change."""

    def __init__(self, factory: MySQLFactory) -> None:
        self.factory = factory
        self.kind = factory.kind
        self.definition = factory._template.definition()

    @contextmanager
    def database(self, defaults: Defaults) -> Iterator[MySQLBackend]:
        """Set the defaults for a block, and give an empty database of a user to whom they apply."""
        query = self.factory._query
        backend = self.factory.bare()
        name = backend.database
        query(f"ALTER DATABASE {name} CHARACTER SET {defaults.character_set}")
        query(f"CREATE USER '{name}' IDENTIFIED BY '{PASSWORD}'")
        query(f"GRANT ALL ON {name}.* TO '{name}'")
        backend.url = backend.url_for(user=name, password=PASSWORD)
        try:
            with self._globals({**defaults.server, "init_connect": defaults.init_connect}):
                yield backend
        finally:
            backend.close()
            query(f"DROP USER '{name}'")
            self.factory.drop(backend)

    def definition_of(self, backend: MySQLBackend) -> list[tuple[Any, ...]]:
        """Return the definitions of the tables, read in a session without the defaults."""
        tables = (row[0] for row in self.definition)
        query = self.factory._query
        return [query(f"SHOW CREATE TABLE {backend.database}.{table}")[0] for table in tables]

    @contextmanager
    def _globals(self, settings: Mapping[str, str | int]) -> Iterator[None]:
        cursor = self.factory._connection.cursor()
        before = {name: self.factory._query(f"SELECT @@GLOBAL.{name}")[0][0] for name in settings}
        try:
            for name, value in settings.items():
                cursor.execute(f"SET GLOBAL {name} = %s", (value,))
            yield
        finally:
            for name, value in before.items():
                cursor.execute(f"SET GLOBAL {name} = %s", (value,))


@pytest.fixture(scope="module", params=HOSTILE)
def hostile(request: pytest.FixtureRequest) -> Iterator[Hostile]:
    # MariaDB has no binary log by default.
    with containers.running(request.param, options=("--log-bin=log", "--server-id=1")) as own:
        factory: Any = FACTORIES[request.param](own)
        yield Hostile(factory)
        factory.close()


def test_the_answers_of_mysql_and_mariadb_equal_those_of_sqlite(
    hostile: Hostile, expected: dict[str, object], subtests: pytest.Subtests
) -> None:
    for name, defaults in HOSTILE[hostile.kind].items():
        with (
            subtests.test(name),
            hostile.database(defaults) as backend,
            connect(backend.url, timeout=TIMEOUT, author="tester") as hostmap,
        ):
            assert differences(answers(hostmap), expected) == []
            assert hostmap.rollback_migrations(hostmap.migration_status()[-1].id)
            assert hostmap.migrate()
            assert hostile.definition_of(backend) == hostile.definition


def test_a_failing_init_connect_is_reported(hostile: Hostile) -> None:
    defaults = Defaults(init_connect="SELECT * FROM nowhere.at_all")
    with hostile.database(defaults) as backend, connect(backend.url, timeout=TIMEOUT) as hostmap:
        assert_refused(hostmap, "the server's init_connect fails for this user")


def test_external_sessions_that_wrongly_report_autocommit(hostile: Hostile) -> None:
    with hostile.database(Defaults({"autocommit": 0})) as backend:
        backend.connect(timeout=TIMEOUT).migrate()
        with closing(backend.open_raw(autocommit=True)) as connection:
            hostmap = HostMap(lambda: nullcontext(connection), "mysql")
            hostmap.cells.create("cell1")
            assert hostmap.cells.list()

            cursor = connection.cursor()
            cursor.execute(
                "SELECT COUNT(*) FROM information_schema.innodb_trx"
                " WHERE trx_mysql_thread_id = CONNECTION_ID()"
            )
            assert cursor.fetchall() == ((0,),)


# --- PostgreSQL -----------------------------------------------------------------------------------


@contextmanager
def database_of_role(
    servers: Servers, settings: Mapping[str, str], creation: str = ""
) -> Iterator[PostgreSQLBackend]:
    """Create an empty database for a block, and a role with these settings, which its URL names."""
    factory: Any = servers.factory("postgresql")
    run = factory._connection.execute
    name = new_name()
    run(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
    run(f"CREATE DATABASE {name} OWNER {name} TEMPLATE template0 {creation}")
    for setting, value in settings.items():
        run(f"ALTER ROLE {name} IN DATABASE {name} SET {setting} = {value}")
    backend = PostgreSQLBackend(factory._server, name)
    backend.query(f"CREATE SCHEMA elsewhere AUTHORIZATION {name}")
    backend.query(f"ALTER SCHEMA public OWNER TO {name}")
    own_url = backend.url
    backend.url = backend.url_for(user=name, password=PASSWORD)
    try:
        yield backend
    finally:
        backend.close()
        backend.url = own_url
        factory.drop(backend)
        run(f"DROP ROLE {name}")


def test_the_answers_of_postgresql_equal_those_of_sqlite(
    servers: Servers, expected: dict[str, object], subtests: pytest.Subtests
) -> None:
    for name, settings in POSTGRESQL.items():
        with (
            subtests.test(name),
            database_of_role(servers, settings) as backend,
            connect(backend.url, timeout=TIMEOUT, author="tester") as hostmap,
        ):
            assert differences(answers(hostmap), expected) == []
            assert hostmap.rollback_migrations(hostmap.migration_status()[-1].id)
            assert hostmap.migrate()


def test_operators_and_functions_of_other_users_are_ignored(
    servers: Servers, expected: dict[str, object]
) -> None:
    settings = {"search_path": "public, pg_catalog"}
    with (
        database_of_role(servers, settings) as backend,
        connect(backend.url, timeout=TIMEOUT, author="tester") as hostmap,
    ):
        hostmap.migrate()
        for statement in IMPOSTORS:
            backend.query(statement)
        assert backend.query("SELECT count('a'::varchar), 'a'::varchar = 'a'::varchar") == [
            (7, False)
        ]
        assert differences(every_call(hostmap), expected) == []


@pytest.mark.parametrize("encoding", ["LATIN1", "EUC_JP", "SQL_ASCII"])
def test_a_database_in_another_encoding_is_refused(servers: Servers, encoding: str) -> None:
    creation = f"ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'"
    with database_of_role(servers, {}, creation) as backend:
        assert_refused(
            backend.connect(timeout=TIMEOUT), f"the database's encoding is {encoding}, which"
        )


def test_a_read_only_role_reads_and_its_writes_are_refused(
    servers: Servers,
) -> None:
    with database_of_role(servers, {}) as backend:
        hostmap = backend.connect(timeout=TIMEOUT)
        hostmap.migrate()
        cell = hostmap.cells.create("cell1")
        hostmap.hosts.create("a", cell.uuid)
        backend.query(
            f"ALTER ROLE {backend.database} IN DATABASE {backend.database}"
            " SET default_transaction_read_only = on"
        )
        reader = backend.connect(timeout=TIMEOUT)

        assert reader.hosts.get("a").cell == cell
        started = monotonic()
        for call in (lambda: reader.hosts.delete("a"), lambda: reader.history.prune(1)):
            with pytest.raises(DatabaseError, match="default_transaction_read_only is on for"):
                call()
        assert monotonic() - started < SOON


# --- SQLite ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["UTF-16le", "UTF-16be"])
def test_a_file_in_another_encoding_is_refused(servers: Servers, encoding: str) -> None:
    factory = servers.factory("sqlite")
    backend = factory.bare()
    backend.query("SELECT 1")  # makes the file
    connection = backend.raw()
    connection.execute(f"PRAGMA encoding = '{encoding}'")
    connection.execute("CREATE TABLE other (a)")
    hostmap = backend.connect(timeout=TIMEOUT)
    assert_refused(hostmap, f"the file stores text in {encoding}, which")
    backend.close()
    factory.drop(backend)


# --- external pools ------------------------------------------------------------------------------


class BytesConnection(sqlite3.Connection):
    """A connection that returns text as bytes."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.text_factory = bytes


UNFIT: Mapping[str, Sequence[tuple[dict[str, Any], str]]] = {
    "mysql": [
        ({"charset": "latin1"}, "the character set of the pool's connections is 'latin1'"),
        ({"init_command": "SET character_set_results = latin1"}, "the character_set_results of"),
        ({"init_command": "SET completion_type = 'CHAIN'"}, "the completion_type of"),
        ({"init_command": "SET sql_select_limit = 10"}, "the sql_select_limit of"),
        ({"init_command": "SET max_sort_length = 64"}, "the max_sort_length of"),
    ],
    "postgresql": [
        ({"options": "-c DateStyle=SQL,DMY"}, "the session's DateStyle is 'SQL, DMY'"),
        ({"client_encoding": "LATIN1"}, "the session's client_encoding is LATIN1"),
    ],
    "sqlite": [({"factory": BytesConnection}, "the text_factory of the pool's connections is not")],
}


def test_external_sessions_with_unfit_settings_are_refused(backend: Backend) -> None:
    for arguments, problem in UNFIT[backend.dialect_name]:
        with closing(backend.open_raw(**arguments)) as connection:
            hostmap = HostMap(lambda: nullcontext(connection), backend.dialect_name)
            assert_refused(hostmap, problem)


def test_pragmas_of_an_external_pool_change_no_answer(
    servers: Servers, expected: dict[str, object]
) -> None:
    factory = servers.factory("sqlite")
    backend = factory.fresh()

    @contextmanager
    def lend() -> Iterator[sqlite3.Connection]:
        with closing(backend.open_raw()) as connection:
            for pragma in (
                "case_sensitive_like = ON",
                "recursive_triggers = ON",
                "reverse_unordered_selects = ON",
                "full_column_names = ON",
                "automatic_index = OFF",
                "cell_size_check = ON",
                "trusted_schema = OFF",
            ):
                connection.execute(f"PRAGMA {pragma}")
            yield connection

    assert differences(every_call(HostMap(lend, "sqlite", author="tester")), expected) == []
    backend.close()
    factory.drop(backend)
