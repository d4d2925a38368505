"""URLs that name several hosts, some of which hang, refuse or are read-only."""

from __future__ import annotations

import itertools
import socket
from contextlib import ExitStack
from time import monotonic
from typing import TYPE_CHECKING

import pytest

from hostmap_sql import connect
from tests.support.pace import PATIENT, SOON

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.backends import Backend

pytestmark = pytest.mark.needs("several hosts")


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


def test_a_host_that_hangs_takes_only_its_share(backend: Backend, hanging: HangingHost) -> None:
    with connect(url_with(backend, hanging.address), timeout=PATIENT, pool_size=1) as hostmap:
        started = monotonic()
        assert hostmap.hosts.list() == []
        assert monotonic() - started < SOON
        assert hanging.connections() == 1

        backend.end_other_sessions()
        assert hostmap.hosts.list() == []
        assert hanging.connections() == 0  # the host that had answered came first
