"""A server for one test alone, which may pause, disconnect, kill and restart it."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from docker.errors import APIError  # type: ignore[import-untyped]

from tests.support.backends import FACTORIES
from tests.support.servers import containers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.backends import Backend
    from tests.support.servers.containers import Server


class DedicatedServer:
    """A container with a server and one database."""

    def __init__(self, server: Server) -> None:
        assert server.container
        self._container = server.container.get_wrapped_container()
        self._container.reload()
        (self._network,) = self._container.attrs["NetworkSettings"]["Networks"]
        self._server = server
        self._factory: Any = FACTORIES[server.kind](server)
        fresh: Any = self._factory.fresh()
        self._database: str = fresh.database

    def backend(self) -> Backend:
        """Return the database, at the server's present address."""
        backend: Backend = type(self._factory._template)(self._server, self._database)
        return backend

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Suspend its processes for a block. Its kernel still accepts connections."""
        for last in (False, False, True):
            try:
                self._container.pause()
                break
            except APIError:  # on a busy machine it may be "unable to freeze"
                if last:
                    raise
        try:
            yield
        finally:
            self._container.unpause()

    @contextmanager
    def disconnected(self) -> Iterator[None]:
        """Take it off its network for a block."""
        network = self._container.client.networks.get(self._network)
        network.disconnect(self._container)
        try:
            yield
        finally:
            network.connect(self._container)
            self._find()
            # A failed ARP request makes others fail with "no route" for a second.
            seconds = containers.SECONDS_TO_ANSWER
            containers.await_answer(self._server, seconds, "back on its network")

    def restart(self) -> None:
        """Kill it and start it again, without waiting until it answers."""
        self._container.kill("SIGKILL")
        self._container.wait(timeout=60)
        self._container.start()
        self._find()

    @property
    def address(self) -> tuple[str, int]:
        """Its present address."""
        return self._server.host, self._server.port

    def _find(self) -> None:
        self._container.reload()
        network = self._container.attrs["NetworkSettings"]["Networks"][self._network]
        self._server = replace(self._server, host=str(network["IPAddress"]))

    def close(self) -> None:
        with suppress(Exception):  # it may have been killed
            self._factory._connection.close()


@contextmanager
def dedicated_server(kind: str) -> Iterator[DedicatedServer]:
    """Run a container with a server for a block, even if the run uses servers of the user's."""
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv(f"HOSTMAP_TEST_{kind.upper()}_URL", raising=False)
            server = stack.enter_context(containers.running(kind, durable=True))
        own = DedicatedServer(server)
        stack.callback(own.close)
        yield own
