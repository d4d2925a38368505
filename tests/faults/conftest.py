"""Fresh databases of the kind that a test names, and servers whose settings it may change."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.support.backends import FACTORIES, Backend, Factory
from tests.support.servers import containers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Servers


def on_one(factory: Factory) -> Iterator[Backend]:
    """Make a fresh database with the tables, and drop it afterwards."""
    backend = factory.fresh()
    yield backend
    backend.close()
    factory.drop(backend)


@pytest.fixture
def stage_backend(kind: str, servers: Servers) -> Iterator[Backend]:
    """A fresh database with the tables, of the kind that the test names."""
    yield from on_one(servers.factory(kind))


class OwnServers:
    """Containers for tests that change settings, each started at its first use."""

    def __init__(self) -> None:
        self._factories: dict[str, Factory] = {}
        self._running = ExitStack()

    def factory(self, kind: str) -> Factory:
        """Return the factory of databases of this kind."""
        if kind not in self._factories:
            with pytest.MonkeyPatch.context() as patch:
                patch.delenv(f"HOSTMAP_TEST_{kind.upper()}_URL", raising=False)
                server = self._running.enter_context(containers.running(kind))
            factory = self._factories[kind] = FACTORIES[kind](server)
            self._running.callback(factory.close)
        return self._factories[kind]

    def stop(self) -> None:
        """Stop all of them."""
        self._running.close()


@pytest.fixture(scope="session")
def own_servers() -> Iterator[OwnServers]:
    """Servers whose settings a test may change and must restore."""
    servers = OwnServers()
    yield servers
    servers.stop()


@pytest.fixture
def own_backend(own_kind: str, own_servers: OwnServers) -> Iterator[Backend]:
    """A fresh database with the tables, on such a server."""
    yield from on_one(own_servers.factory(own_kind))
