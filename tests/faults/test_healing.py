"""Recovery of the pool after faults: no dead connection is reused, nothing leaks."""

from __future__ import annotations

import gc
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from operator import gt
from pathlib import Path
from random import choice, randrange
from threading import Event
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from hostmap_sql import DatabaseUnavailable
from hostmap_sql.engine.pool import ConnectionPool
from tests.support.faults.proxied import connected_through, in_front_of
from tests.support.faults.proxy import Cut, Direction
from tests.support.pace import PATIENT, SLOWNESS, SOON

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hostmap_sql import HostMap
    from tests.conftest import Cells
    from tests.support.backends import Backend
    from tests.support.faults.proxy import Proxy

pytestmark = [pytest.mark.proof, pytest.mark.needs("sessions")]

SIZE = 3
WRITERS = 12


@pytest.fixture
def proxy(backend: Backend) -> Iterator[Proxy]:
    with in_front_of(backend) as proxy:
        yield proxy


@pytest.fixture
def lent(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The connections that were checked out of pools, in order."""
    lent: list[Any] = []
    take = ConnectionPool.take

    def noted(pool: ConnectionPool[Any], deadline: float) -> Any:
        connection = take(pool, deadline)
        lent.append(connection)
        return connection

    monkeypatch.setattr(ConnectionPool, "take", noted)
    return lent


def fill(hostmap: HostMap, size: int) -> None:
    """Make the pool open this number of connections."""
    with ExitStack() as stack:
        for _ in range(size):
            stack.enter_context(hostmap._database.lease(monotonic() + PATIENT))


READ_AND_WRITE: dict[str, Callable[[HostMap, Cells], object]] = {
    "read": lambda hostmap, _: hostmap.hosts.list(),
    "write": lambda hostmap, cells: hostmap.hosts.create("a", cells.one.uuid),
    "run": lambda hostmap, cells: hostmap.run(lambda tx: tx.hosts.create("a", cells.one.uuid)),
}


@pytest.mark.parametrize("name", READ_AND_WRITE)
def test_the_first_call_succeeds_and_no_dead_connection_is_checked_out_twice(
    name: str, backend: Backend, cells: Cells, proxy: Proxy, lent: list[Any]
) -> None:
    with connected_through(proxy, backend, pool_size=5) as hostmap:
        fill(hostmap, 5)
        dead = {id(connection) for connection in lent}
        assert (len(dead), proxy.accepted) == (5, 5)
        assert backend.end_other_sessions() >= 5
        before = len(lent)

        READ_AND_WRITE[name](hostmap, cells)
        for _ in range(3):
            hostmap.revision()

        tried = [id(connection) for connection in lent[before:]]
        # The first shows that all are dead. Every later call uses a new connection.
        assert tried[0] in dead
        assert not dead & set(tried[1:])
        assert len(set(tried[1:])) == 1
        assert proxy.accepted == 6


def work(hostmap: HostMap, cells: Cells, number: int, end: Event) -> int:
    """Read and write until the end. Every call succeeds despite the faults."""
    calls = 0
    while not end.is_set():
        host = f"host-{number}-{calls}"
        made = hostmap.hosts.create(host, cells.one.uuid)
        assert hostmap.hosts.get(host) == made
        calls += 1
    return calls


def storm(proxy: Proxy, cuts: int) -> None:
    """Cut connections one after another, at random bytes."""
    for _ in range(cuts):
        proxy.cut_after(choice([*Direction]), randrange(400), choice([Cut.RESET, Cut.CLOSE]))
        until = monotonic() + SOON
        while not proxy.has_cut():
            assert monotonic() < until
            sleep(0.001)


class Remains(NamedTuple):
    """The resources in use."""

    threads: int
    files: int
    sessions: int


def remains(backend: Backend, proxy: Proxy) -> Remains:
    """Wait until no connection is open, and count the resources in use."""
    until = monotonic() + SOON
    while proxy.open():
        assert monotonic() < until
        sleep(0.01)
        gc.collect()  # psycopg leaves sockets in the tracebacks of attempts that timed out
    gc.collect()
    files = len([*Path("/proc/self/fd").iterdir()])
    return Remains(threading.active_count(), files, backend.sessions())


def assert_nothing_is_left(backend: Backend, proxy: Proxy, before: Remains) -> None:
    """Wait for a short time until abandoned resources are released."""
    until = monotonic() + SOON
    while any(map(gt, after := remains(backend, proxy), before)):
        assert monotonic() < until, (before, after)
        sleep(0.05)


def test_a_storm_leaves_nothing_behind_and_the_pool_keeps_its_size(
    backend: Backend,
    cells: Cells,
    proxy: Proxy,
    full: bool,  # noqa: FBT001 - a fixture
) -> None:
    with connected_through(proxy, backend) as hostmap:
        hostmap.revision()  # starts the watchdog, which stays
    before = remains(backend, proxy)

    with connected_through(proxy, backend, pool_size=SIZE) as hostmap:
        end = Event()
        with ThreadPoolExecutor(WRITERS) as threads:
            working = [threads.submit(work, hostmap, cells, n, end) for n in range(WRITERS)]
            try:
                storm(proxy, 1000 if full else 100)
                during = backend.sessions()
            finally:
                proxy.resume()
                end.set()
                done = sum(each.result() for each in working)
        assert proxy.most_open <= SIZE
        assert during <= SIZE + 1 + before.sessions  # the server may not have noticed one cut yet
        fill(hostmap, SIZE)
        assert proxy.open() == SIZE

    assert_nothing_is_left(backend, proxy, before)
    assert len(backend.hostmap.hosts.list()) == done >= WRITERS
    assert backend.hostmap.revision() == 3 + done
    assert backend.hostmap.check() == ()


def attempts() -> int:
    """Count the running attempts to connect."""
    return sum("connecting" in thread.name for thread in threading.enumerate())


def test_abandoned_attempts_to_connect_end_and_never_exceed_the_size_of_the_pool(
    backend: Backend, cells: Cells, proxy: Proxy
) -> None:
    assert cells.one.uuid
    with connected_through(proxy, backend) as hostmap:
        hostmap.revision()
    before = remains(backend, proxy)
    with connected_through(proxy, backend, pool_size=SIZE) as hostmap:
        proxy.pause()

        def give_up() -> int:
            with hostmap.timeout(0.2 * SLOWNESS), pytest.raises(DatabaseUnavailable):
                hostmap.revision()
            return attempts()

        with ThreadPoolExecutor(WRITERS) as threads:
            given_up = [threads.submit(give_up) for _ in range(3 * WRITERS)]
            most = max(each.result() for each in given_up)
        assert 0 < most <= SIZE
        proxy.resume()
        assert hostmap.revision() == 3
        fill(hostmap, SIZE)

    assert_nothing_is_left(backend, proxy, before)
