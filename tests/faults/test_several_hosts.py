"""URLs that name several hosts, some of which hang, refuse or are read-only."""

from __future__ import annotations

import itertools
import socket
from contextlib import ExitStack, contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest

from hostmap_sql import DatabaseUnavailable, connect
from tests.support.pace import PATIENT, SLOWNESS, SOON

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Servers
    from tests.support.backends import Backend


class HangingHost:
    """Accepts connections, and never answers."""

    def __init__(self, server: socket.socket) -> None:
        server.setblocking(False)
        self._server = server
        self.address = f"127.0.0.1:{server.getsockname()[1]}"

    def connections(self) -> int:
        """Count the connections since the last call."""
        with ExitStack() as stack:
            for count in itertools.count():
                try:
                    stack.enter_context(self._server.accept()[0])
                except BlockingIOError:
                    return count
        raise AssertionError


@pytest.fixture
def hanging() -> Iterator[HangingHost]:
    """A host that hangs."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield HangingHost(server)


def url_with(backend: Backend, *hosts: str) -> str:
    """Return the URL of the database, with its own host behind others."""
    login, at, rest = backend.url.partition("@")
    return f"{login}{at}{','.join(hosts)},{rest}"


@pytest.mark.needs("networks")
def test_a_host_that_hangs_takes_only_its_share(backend: Backend, hanging: HangingHost) -> None:
    with connect(url_with(backend, hanging.address), timeout=PATIENT, pool_size=1) as hostmap:
        started = monotonic()
        assert hostmap.hosts.list() == []
        assert monotonic() - started < SOON
        assert hanging.connections() == 1

        backend.end_other_sessions()
        assert hostmap.hosts.list() == []
        assert hanging.connections() == 0  # the host that had answered came first


@pytest.fixture
def twin(own_kind: str, own_backend: Any, servers: Servers) -> Iterator[Backend]:
    """A database of the same name on another server, with the tables."""
    other: Any = servers.factory(own_kind).bare()
    other.query(f"CREATE DATABASE {own_backend.database}")
    twin = type(own_backend)(other.server, own_backend.database)
    twin.hostmap.migrate()
    yield twin
    twin.close()
    other.query(f"DROP DATABASE {own_backend.database}")
    servers.factory(own_kind).drop(other)


@pytest.fixture
def users(own_backend: Backend, twin: Backend) -> Iterator[tuple[str, str]]:
    """The URLs of both for an account that a read-only server does not let write."""
    yield own_backend.url_of_user(), twin.url_of_user()
    own_backend.drop_user()
    twin.drop_user()


def joined(one: str, other: str) -> str:
    """Return a URL with the hosts of both."""
    login, at, rest = one.partition("@")
    host, slash, database = rest.partition("/")
    return f"{login}{at}{host},{other.partition('@')[2].partition('/')[0]}{slash}{database}"


@contextmanager
def read_only(backend: Backend) -> Iterator[None]:
    backend.query("SET GLOBAL read_only = 1")
    try:
        yield
    finally:
        backend.query("SET GLOBAL read_only = 0")


@pytest.mark.parametrize("own_kind", ["mysql", "mariadb"])
def test_writes_find_the_writable_host(
    own_backend: Backend, twin: Backend, users: tuple[str, str]
) -> None:
    with connect(joined(*users), timeout=PATIENT, pool_size=1) as hostmap:
        hostmap.cells.create("here")
        with read_only(own_backend):
            hostmap.cells.create("there")

    assert [cell.name for cell in own_backend.hostmap.cells.list()] == ["here"]
    assert [cell.name for cell in twin.hostmap.cells.list()] == ["there"]


@pytest.mark.parametrize("own_kind", ["mysql", "mariadb"])
def test_reads_go_on_without_a_writable_host(own_backend: Backend, users: tuple[str, str]) -> None:
    own = users[0]
    with read_only(own_backend), connect(joined(own, own), timeout=0.5 * SLOWNESS) as hostmap:
        assert hostmap.cells.list() == []
        with pytest.raises(DatabaseUnavailable):
            hostmap.cells.create("cell1")
