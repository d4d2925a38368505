"""Fresh databases of the kind that a test names, and servers that it may tamper with."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.support import servers as running_servers
from tests.support.backends import FACTORIES, Backend, Factory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Servers


def on_one(factory: Factory) -> Iterator[Backend]:
    """A fresh database with the tables."""
    backend = factory.fresh()
    yield backend
    backend.close()
    factory.drop(backend)


@pytest.fixture
def stage_backend(kind: str, servers: Servers) -> Iterator[Backend]:
    """A fresh database with the tables, of the kind that the test names."""
    yield from on_one(servers.factory(kind))


class OwnServers:
    """Servers of the tests' own, whatever servers the run is pointed at. Started when asked for."""

    def __init__(self) -> None:
        self._factories: dict[str, Factory] = {}
        self._running = ExitStack()

    def factory(self, kind: str) -> Factory:
        """The factory of databases on it."""
        if kind not in self._factories:
            with pytest.MonkeyPatch.context() as patch:
                patch.delenv(f"HOSTMAP_TEST_{kind.upper()}_URL", raising=False)
                server = self._running.enter_context(running_servers.running(kind))
            factory = self._factories[kind] = FACTORIES[kind](server)
            self._running.callback(factory.close)
        return self._factories[kind]

    def stop(self) -> None:
        """Stop all of them."""
        self._running.close()


@pytest.fixture(scope="session")
def own_servers() -> Iterator[OwnServers]:
    """Servers whose settings a test may change, if it sets them back."""
    servers = OwnServers()
    yield servers
    servers.stop()


@pytest.fixture
def own_backend(own_kind: str, own_servers: OwnServers) -> Iterator[Backend]:
    """A fresh database with the tables, on a server of the tests' own."""
    yield from on_one(own_servers.factory(own_kind))
