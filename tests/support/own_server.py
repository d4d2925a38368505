"""A server of a test's own, which it may pause, take off its network, kill and start again."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from docker.errors import APIError  # type: ignore[import-untyped]

from tests.support import servers as running_servers
from tests.support.backends import FACTORIES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.backends import Backend
    from tests.support.servers import Server


class OwnServer:
    """A container with a server, and one database on it."""

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
        """The database, where the server is now."""
        backend: Backend = type(self._factory._template)(self._server, self._database)
        return backend

    @contextmanager
    def paused(self) -> Iterator[None]:
        """A block in which its processes stand still. Its system still accepts connections."""
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
        """A block in which it is not on its network."""
        network = self._container.client.networks.get(self._network)
        network.disconnect(self._container)
        try:
            yield
        finally:
            network.connect(self._container)
            self._find()
            # Who asked in vain for its hardware address makes others hear "no route" for a second.
            seconds = running_servers.SECONDS_TO_ANSWER
            running_servers.await_answer(self._server, seconds, "back on its network")

    def restart(self) -> None:
        """Kill it in the middle of whatever it does, and start it again, without waiting for it."""
        self._container.kill("SIGKILL")
        self._container.wait(timeout=60)
        self._container.start()
        self._find()

    @property
    def address(self) -> tuple[str, int]:
        """Where it is now."""
        return self._server.host, self._server.port

    def _find(self) -> None:
        self._container.reload()
        network = self._container.attrs["NetworkSettings"]["Networks"][self._network]
        self._server = replace(self._server, host=str(network["IPAddress"]))

    def close(self) -> None:
        with suppress(Exception):  # it may have been killed since
            self._factory._connection.close()


@contextmanager
def own_server(kind: str) -> Iterator[OwnServer]:
    """A server of this kind for a block, whatever servers the run is pointed at."""
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv(f"HOSTMAP_TEST_{kind.upper()}_URL", raising=False)
            server = stack.enter_context(running_servers.running(kind, durable=True))
        own = OwnServer(server)
        stack.callback(own.close)
        yield own
