"""Nodes that turn read-only or end sessions: the library reconnects."""

from __future__ import annotations

import time
from contextlib import closing
from threading import Timer
from typing import TYPE_CHECKING

import pytest

from hostmap_sql import DatabaseUnavailable, HostMap, connect
from tests.faults.provocations.catalog import READ_ONLY
from tests.faults.provocations.stage import database_of
from tests.support.pace import PATIENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.backends import Backend

CELL = "5f7ccc29-a9eb-417c-865e-b9bd78a72dcc"
SECONDS_READ_ONLY = 0.5


@pytest.fixture
def served(own_backend: Backend) -> Iterator[HostMap]:
    """A directory with a cell, used by an account without privileges, not connected yet."""
    own_backend.hostmap.cells.create("cell1", uuid=CELL)
    with connect(own_backend.url_of_user(), timeout=PATIENT) as hostmap:
        yield hostmap
    own_backend.drop_user()


def session(backend: Backend, hostmap: HostMap) -> object:
    """Return the number of the session of the next connection in the pool."""
    with hostmap._database.lease() as connection:
        cursor = backend.dialect.cursor(connection)
        cursor.execute(backend.sql.session_id or "")
        return cursor.fetchone()


@pytest.mark.parametrize(
    ("own_kind", "way"), [(kind, way) for kind, ways in READ_ONLY.items() for way in ways]
)
def test_a_write_reconnects_from_a_read_only_node(
    own_kind: str, way: str, own_backend: Backend, served: HostMap
) -> None:
    begin, end = (
        text.replace("{database}", database_of(own_backend)) for text in READ_ONLY[own_kind][way]
    )
    own_backend.query(begin)
    started = time.monotonic()
    writable = Timer(SECONDS_READ_ONLY, own_backend.query, [end])
    try:
        before = session(own_backend, served)
        assert served.hosts.list() == []
        assert session(own_backend, served) == before  # a lookup does not reconnect
        writable.start()
        assert served.hosts.create("a", CELL).revision == 2
    finally:
        writable.join()

    assert time.monotonic() - started > SECONDS_READ_ONLY
    assert session(own_backend, served) != before
    assert [mapping.host for mapping in served.hosts.list()] == ["a"]


@pytest.mark.parametrize("own_kind", ["mysql", "mariadb"])
def test_a_pool_waits_while_the_sessions_of_a_server_are_read_only(own_backend: Backend) -> None:
    """It may be a step of a switchover. The library's own sessions undo such a default."""
    lend, kind = own_backend.open_raw, own_backend.dialect_name
    pooled = HostMap(lambda: closing(lend()), kind, timeout=SECONDS_READ_ONLY)
    own_backend.query("SET GLOBAL transaction_read_only = ON")
    try:
        assert own_backend.hostmap.cells.create("cell1").revision == 1
        with pytest.raises(DatabaseUnavailable, match=r"\(tried for "):
            pooled.cells.create("cell2")
    finally:
        own_backend.query("SET GLOBAL transaction_read_only = OFF")
    assert pooled.cells.create("cell2").revision == 2


@pytest.mark.needs("sessions")
def test_an_ended_idle_session_is_replaced(backend: Backend) -> None:
    before = session(backend, backend.hostmap)
    assert backend.end_other_sessions() == 1

    assert backend.hostmap.cells.create("cell1").revision == 1
    assert session(backend, backend.hostmap) != before
