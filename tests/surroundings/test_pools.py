"""External pools: DBUtils, SQLAlchemy, psycopg_pool; and arguments that are no pools."""

from __future__ import annotations

import sqlite3
from contextlib import asynccontextmanager, closing, contextmanager, nullcontext
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

import psycopg
import psycopg2  # type: ignore[import-untyped]
import psycopg_pool
import pytest
import sqlalchemy
from dbutils.persistent_db import PersistentDB  # type: ignore[import-untyped]
from dbutils.pooled_db import PooledDB  # type: ignore[import-untyped]
from dbutils.steady_db import connect as steady  # type: ignore[import-untyped]
from sqlalchemy.orm import sessionmaker
from sqlalchemy.pool import QueuePool

from hostmap_sql import DatabaseUnavailable, HostMap, InvalidValue
from hostmap_sql.schema import known_migrations
from tests.contract.test_connections import answers
from tests.support.faults.proxied import plain

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from tests.conftest import Cells, Servers
    from tests.support.backends import Backend


def pools(backend: Backend) -> Iterator[tuple[str, Any]]:
    """Yield the name of each pool for this database, and the callable that a service would pass."""
    opened = partial(backend.open_raw, **backend.driver.any_thread)
    pool = PooledDB(opened)
    yield "DBUtils", pool.connection
    pool.close()
    pool = PooledDB(opened, reset=False, ping=0)
    yield "DBUtils without ping and reset", pool.connection
    pool.close()
    engine = sqlalchemy.create_engine(f"{backend.sqlalchemy_scheme}://", creator=opened)
    yield "SQLAlchemy engine", lambda: closing(engine.raw_connection())
    engine.dispose()
    queue = QueuePool(opened)
    yield "SQLAlchemy pool", lambda: closing(queue.connect())
    queue.dispose()
    yield from backend.driver_pools()


# --- pools ----------------------------------------------------------------------------------------


def test_all_calls(backend: Backend, cells: Cells) -> None:
    expected = answers(backend.hostmap, cells)
    for name, lend in pools(backend):
        backend.reset(3)
        hostmap = HostMap(lend, backend.dialect_name, author="tester")
        assert answers(hostmap, cells) == expected, name
        assert hostmap.check() == ()
        with hostmap.replica().start(interval=0.05) as replica:
            revision = hostmap.hosts.create("z", cells.two.uuid).revision
            replica.wait_for(revision, timeout=60)
            assert replica.cell_of("z").name == "cell2"


def test_migrations(bare_backend: Backend) -> None:
    bare_backend.hostmap._create_database()
    known = missing = known_migrations(bare_backend.dialect_name)
    for name, lend in pools(bare_backend):
        hostmap = HostMap(lend, bare_backend.dialect_name)
        assert hostmap.migrate() == missing, name
        assert hostmap.migrate() == ()
        assert hostmap.revision() == 0
        missing = hostmap.rollback_migrations(known[-1])
        assert missing == known[-1:]


@pytest.mark.needs("sessions")
def test_lost_connections_are_replaced(backend: Backend, cells: Cells) -> None:
    for name, lend in pools(backend):
        hostmap = HostMap(lend, backend.dialect_name, timeout=60)
        host = f"host of {name}".replace(" ", "-")
        assert hostmap.hosts.list(prefix=host) == [], name
        assert backend.end_other_sessions() >= 1
        hostmap.hosts.create(host, cells.one.uuid)
        assert backend.end_other_sessions() >= 1
        assert hostmap.hosts.get(host).cell == cells.one


@pytest.mark.needs("sessions")
def test_half_a_transaction_is_never_lost_silently(backend: Backend, cells: Cells) -> None:
    """DBUtils would reconnect, and the second half would be committed alone."""

    def lose(hostmap: HostMap) -> None:
        with hostmap.transaction() as tx:
            tx.hosts.create("a", cells.one.uuid)
            assert backend.end_other_sessions() >= 1
            tx.hosts.create("b", cells.one.uuid)

    for name, lend in pools(backend):
        hostmap = HostMap(lend, backend.dialect_name, timeout=60)
        with pytest.raises(DatabaseUnavailable):
            lose(hostmap)
        assert (hostmap.hosts.list(), hostmap.revision()) == ([], 3), name
        assert hostmap.check() == ()


def test_a_closed_connection_does_not_stay_in_the_pool(backend: Backend, cells: Cells) -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    for name, lend in pools(backend):
        hostmap = HostMap(lend, backend.dialect_name, timeout=60)
        database = hostmap._database
        with database.lease() as connection:
            connection.close()
        assert hostmap.revision() == 3, name
        with pytest.raises(KeyboardInterrupt):
            hostmap.run(interrupt)
        assert hostmap.cells.get(cells.one.uuid) == cells.one


def test_a_pool_without_a_free_connection_is_unavailable(backend: Backend, cells: Cells) -> None:
    dbutils = PooledDB(backend.open_raw, maxconnections=1)
    queue = QueuePool(backend.open_raw, pool_size=1, max_overflow=0, timeout=0.05)
    for lend in (dbutils.connection, lambda: closing(queue.connect())):
        hostmap = HostMap(lend, backend.dialect_name, timeout=60)
        with hostmap.transaction() as tx:
            with (
                hostmap.timeout(0.5),
                pytest.raises(DatabaseUnavailable, match=r"tried for 0.5 s"),
            ):
                hostmap.hosts.list()
            tx.cells.update(cells.one.uuid, disabled=True)
        hostmap.cells.update(cells.one.uuid, disabled=False)
    dbutils.close()
    queue.dispose()


# --- unusable arguments ---------------------------------------------------------------------------


@contextmanager
def decorated() -> Iterator[None]:
    yield


def generator() -> Iterator[None]:
    yield


async def coroutine() -> None: ...


@asynccontextmanager
async def asynchronous() -> AsyncIterator[None]:
    yield


def refusal(call: Callable[[], object]) -> str:
    """Assert that a call is refused long before its timeout; return the error's sentence."""
    began = monotonic()
    with pytest.raises(InvalidValue) as caught:
        call()
    assert monotonic() - began < 25
    assert caught.value.field == "connections"
    assert "\n" not in str(caught.value)
    return str(caught.value)


class NoContext:
    """A class whose instances are no context managers."""


def unusable() -> Iterator[tuple[object, str]]:
    """Yield arguments that are no pools, each with a part of the error."""
    opened: list[object] = []

    def creator() -> Any:
        opened.append(0)
        return sqlite3.connect(":memory:")

    engine = sqlalchemy.create_engine("sqlite://", creator=creator)
    pool = psycopg_pool.ConnectionPool("host=db.example", open=False)
    asynchronous_pool = psycopg_pool.AsyncConnectionPool("host=db.example", open=False)
    raw = "closing(engine.raw_connection())"
    yield "postgresql://u:s3cret@db/x", "hostmap_sql.connect(url)"
    yield engine.url, "connect(url.render_as_string(hide_password=False))"
    yield engine, raw
    yield engine.connect, raw
    yield engine.begin, raw
    yield sessionmaker(engine), raw
    yield engine.pool, "closing(pool.connect())"
    yield pool, "HostMap(pool.connection, ...)"
    yield psycopg_pool.ConnectionPool, "pass its method `connection`"
    yield asynchronous_pool, "AsyncHostMap"
    yield asynchronous_pool.connection, "AsyncHostMap"
    yield coroutine, "AsyncHostMap"
    yield asynchronous, "AsyncHostMap"
    yield generator, "@contextlib.contextmanager"
    yield decorated(), "without ()"
    yield PooledDB(creator), "HostMap(pool.connection, ...)"
    yield PersistentDB(creator).connection, "PooledDB"
    yield psycopg.Connection, "without arguments"
    yield NoContext, "class NoContext"
    yield NoContext(), "type NoContext"
    yield None, "type NoneType"
    with closing(sqlite3.connect(":memory:")) as connection:
        yield connection, "a connection itself, of sqlite3"
    assert not opened, "the check must not open connections"


def test_arguments_that_are_no_pools_are_refused() -> None:
    for wrong, part in unusable():
        text = refusal(lambda wrong=wrong: HostMap(wrong, "sqlite"))  # type: ignore[misc]
        assert part in text, text
        assert "s3cret" not in text


def test_callables_that_return_no_connections_are_refused_at_first_use(backend: Backend) -> None:
    engine = sqlalchemy.create_engine(f"{backend.sqlalchemy_scheme}://", creator=backend.open_raw)
    pool = PooledDB(backend.open_raw)
    steadied = steady(backend.open_raw)
    for wrong, part in (
        (lambda: engine.connect(), "closing(engine.raw_connection())"),  # noqa: PLW0108
        (lambda: coroutine(), "AsyncHostMap"),  # noqa: PLW0108
        (lambda: asynchronous(), "AsyncHostMap"),  # noqa: PLW0108
        (lambda: nullcontext(steadied), "PooledDB"),
        (lambda: nullcontext(pool), "lends a connection of dbutils"),
        (lambda: nullcontext(None), "lends something of builtins (builtins.NoneType)"),
        (lambda: None, "the type NoneType"),
        (
            sqlite3.connect,
            "without arguments",
        ),  # written in C, without a signature to check earlier
        (partial(sqlite3.connect, "a", timeout="5"), "(must be real number, not str)"),
    ):
        hostmap = HostMap(wrong, backend.dialect_name)  # type: ignore[arg-type]
        for call in (partial(hostmap.hosts.get, "a"), hostmap.migrate, hostmap.replica):
            text = refusal(call)
            assert part in text, text
    steadied.close()
    pool.close()
    engine.dispose()


@pytest.mark.parametrize("dialect", ["mysql", "postgresql", "sqlite"])
def test_connections_of_other_drivers_are_refused_by_name(dialect: str, backend: Backend) -> None:
    if dialect == backend.dialect_name:
        return
    hostmap = HostMap(lambda: nullcontext(backend.raw()), dialect)
    text = refusal(hostmap.revision)
    driver = backend.driver.module.replace("psycopg", "psycopg 3")
    assert f"lends a connection of {driver} (" in text
    assert f"the dialect {dialect!r} works with" in text


def test_psycopg2_is_refused_by_name(servers: Servers) -> None:
    factory = servers.factory("postgresql")
    backend = factory.fresh()
    url = plain(backend.url)
    engine = sqlalchemy.create_engine(
        "postgresql+psycopg2://", creator=lambda: psycopg2.connect(url)
    )
    for lend in (
        lambda: closing(psycopg2.connect(url)),
        lambda: closing(engine.raw_connection()),
        PooledDB(lambda: psycopg2.connect(url), failures=psycopg2.Error).connection,
    ):
        text = refusal(HostMap(lend, "postgresql").revision)
        assert "of psycopg2 (psycopg2.extensions.connection)" in text
        assert "works with psycopg 3" in text
    engine.dispose()
    backend.close()
    factory.drop(backend)


def test_a_connection_in_use_is_refused(backend: Backend, cells: Cells) -> None:
    """A second call would run inside the open transaction and end it with a ROLLBACK."""
    connection = backend.raw(**backend.driver.any_thread)
    hostmap = HostMap(lambda: nullcontext(connection), backend.dialect_name)
    with hostmap.transaction() as tx:
        tx.hosts.create("a", cells.one.uuid)
        assert "lends the same connection twice at once" in refusal(hostmap.revision)
        tx.hosts.create("b", cells.one.uuid)
    assert hostmap.hosts.get("a").revision == hostmap.hosts.get("b").revision == 4
