"""A server that is paused, disconnected, or killed and restarted."""

from __future__ import annotations

from collections import deque
from contextlib import ExitStack, contextmanager
from time import monotonic, sleep
from typing import TYPE_CHECKING

import pytest

from hostmap_sql import HostMap, connect
from tests.support.faults.proxied import plain, url_through
from tests.support.faults.proxy import Proxy
from tests.support.pace import PATIENT, SOON
from tests.support.servers.containers import KINDS
from tests.support.servers.dedicated import dedicated_server
from tests.support.stopwatch import CALLS, CELL, time_calls

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.servers.dedicated import DedicatedServer

pytestmark = pytest.mark.proof

RECOVERY = 2 * PATIENT
"""The timeout of a caller that waits for the server to be back."""


@pytest.fixture(scope="module", params=KINDS)
def own(request: pytest.FixtureRequest) -> Iterator[DedicatedServer]:
    with dedicated_server(request.param) as own:
        backend = own.backend()
        backend.hostmap.cells.create("cell1", uuid=CELL)
        backend.close()
        yield own


@pytest.mark.parametrize("outage", ["paused", "disconnected"])
def test_calls_time_out_and_are_not_applied_later(
    outage: str,
    own: DedicatedServer,
    full: bool,  # noqa: FBT001 - a fixture
) -> None:
    number = 200 if full else 40
    url = plain(own.backend().url)
    warm: deque[HostMap] = deque()
    with ExitStack() as stack:
        for _ in range(number // 2):
            hostmap = stack.enter_context(connect(url, timeout=PATIENT, pool_size=1))
            before = hostmap.revision()  # so that a connection is open
            warm.append(hostmap)

        @contextmanager
        def opened(timeout: float) -> Iterator[HostMap]:
            if timeout == PATIENT:
                hostmap = warm.popleft()
                yield hostmap
                warm.append(hostmap)  # for a repeated call
            else:
                with connect(url, timeout=timeout) as hostmap:
                    yield hostmap

        with getattr(own, outage)():
            stopwatch = time_calls(number, CALLS, opened)

    assert stopwatch.late == []
    assert stopwatch.failed == stopwatch.calls == number
    backend = own.backend()
    until = monotonic() + SOON
    while backend.busy_sessions():
        assert monotonic() < until
        sleep(0.05)
    assert backend.hostmap.revision() == before
    assert backend.hostmap.check() == ()
    backend.close()


def test_the_first_calls_after_a_restart_succeed(own: DedicatedServer) -> None:
    """They are made while the server is still starting."""
    backend = own.backend()
    with Proxy(*own.address) as proxy:
        url = url_through(proxy, backend)
        with connect(url, timeout=RECOVERY, pool_size=3) as hostmap:
            host = f"host-{hostmap.revision()}"
            with hostmap.transaction(), hostmap._database.lease(), hostmap._database.lease():
                pass  # so that the pool holds three

            own.restart()
            proxy.target = own.address
            assert CELL in hostmap.cells.host_counts()

            own.restart()
            proxy.target = own.address
            made = hostmap.hosts.create(host, CELL)

            assert hostmap.hosts.get(host) == made
            assert hostmap.check() == ()
            assert proxy.most_open <= 3
    backend.close()
