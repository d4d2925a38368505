"""A server is killed and restarted under load: all results match the directory."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import cycle, islice
from threading import Event
from time import monotonic, sleep
from typing import TYPE_CHECKING

import pytest

from hostmap_sql import connect
from tests.support.backends import FACTORIES
from tests.support.faults.next_commit import NextCommit
from tests.support.faults.proxy import Cut, Direction, Proxy
from tests.support.histories.workers import (
    Worker,
    assert_in_order,
    how_they_ended,
    told,
    work_at_once,
)
from tests.support.pace import PATIENT, SLOWNESS, SOON
from tests.support.servers import containers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hostmap_sql import HostMap
    from tests.support.backends import Factory
    from tests.support.histories.linearizability import Operation
    from tests.support.servers.containers import Server

pytestmark = [
    pytest.mark.proof,
    # Python leaks a socket that is reset just before the handshake of TLS.
    pytest.mark.filterwarnings(
        "ignore:Exception ignored in. <ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning"
    ),
]

WRITERS = 16
HOSTS = 8
ROUNDS, ROUNDS_IN_FULL = 3, 50
RECOVERY = 2 * PATIENT
"""The timeout of a caller that waits for the server to be back."""


class Killed:
    """A server of the test's own that can be killed, behind a proxy that follows it."""

    def __init__(self, server: Server, proxy: Proxy, commits: NextCommit) -> None:
        assert server.container
        self.commits = commits
        self._container = server.container.get_wrapped_container()
        self._port = server.port
        self._proxy = proxy

    def kill(self) -> None:
        """Kill it at once."""
        self._container.kill("SIGKILL")
        self._container.wait(timeout=60)
        self._cut_off()

    def kill_and_lose_an_answer(self) -> None:
        """Kill it, and lose its answer to a commit."""
        self._lose(Direction.TO_CLIENT)
        self.kill()

    def kill_and_lose_a_commit(self) -> None:
        """Kill it, and lose a commit on the way to it."""
        self._lose(Direction.TO_SERVER)
        self.kill()

    def _lose(self, direction: Direction) -> None:
        # The next bytes are mostly those of the commit.
        met = self.commits.meet(lambda: self._proxy.cut_after(direction, 0, Cut.STALL), SOON)
        assert met, "no worker has written"

    def shut_down(self) -> None:
        """Shut it down as its administrator would."""
        self._container.stop(timeout=60)
        self._cut_off()

    def _cut_off(self) -> None:
        """Refuse new connections until it is back, as a machine without the server does."""
        self._proxy.refuse()
        self._proxy.cut_now()

    def start(self) -> None:
        """Start it again, perhaps at another address."""
        self._container.start()
        self._container.reload()
        (network,) = self._container.attrs["NetworkSettings"]["Networks"].values()
        self._proxy.target = (network["IPAddress"], self._port)
        self._proxy.resume()


@pytest.fixture(params=[FACTORIES[kind] for kind in containers.KINDS], ids=containers.KINDS)
def killed(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Killed, str]]:
    """A server that the test may kill, and the URL of a fresh database on it."""
    factory: type[Factory] = request.param
    with (
        a_server_of_its_own(factory.kind) as server,
        Proxy(server.host, server.port) as proxy,
    ):
        databases = factory(server)
        url = databases.fresh().url_for(host=proxy.host, port=proxy.port)
        databases.close()  # the database stays
        yield Killed(server, proxy, NextCommit(monkeypatch)), url


@contextmanager
def a_server_of_its_own(kind: str) -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(f"HOSTMAP_TEST_{kind.upper()}_URL", raising=False)
        with containers.running(kind, durable=True) as server:
            yield server


def test_all_results_are_correct_after_a_server_was_killed(
    killed: tuple[Killed, str],
    full: bool,  # noqa: FBT001 - a fixture
) -> None:
    server, url = killed
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 - shown if it fails
    rounds = ROUNDS_IN_FULL if full else ROUNDS
    kills = cycle([server.kill_and_lose_an_answer, server.kill_and_lose_a_commit, server.kill])
    ends = [*islice(kills, rounds), *[server.shut_down] * max(1, rounds // 5)]
    ended: Counter[str] = Counter()
    with (
        connect(url, timeout=RECOVERY, pool_size=WRITERS) as patient,
        connect(url, timeout=0.3 * SLOWNESS, pool_size=WRITERS) as impatient,
    ):
        cells = [patient.cells.create(name).uuid for name in ("cell1", "cell2", "cell3")]
        for number, end in enumerate(ends):
            first = patient.revision()
            workers = [
                Worker(
                    impatient if writer % 2 else patient,
                    writer,
                    seed + number,
                    cells,
                    [f"host-{number}-{host}" for host in range(HOSTS)],
                    reads=0.05,
                )
                for writer in range(WRITERS)
            ]
            history = ended_while_they_work(server, end, patient, workers)
            ended += how_they_ended(history)
            assert_in_order(history, patient, first)

    print(dict(ended), server.commits.lost)  # noqa: T201 - shown if it fails
    assert ended["Failed"] + ended["Unknown"] > 0
    assert server.commits.lost > 0


def ended_while_they_work(
    server: Killed, end: Callable[[], None], patient: HostMap, workers: list[Worker]
) -> list[Operation]:
    """Stop and restart the server while workers use it; return their history."""
    over = Event()
    with ThreadPoolExecutor(1) as threads:
        working = threads.submit(work_at_once, workers, over.is_set)
        try:
            await_work(workers)
            sleep(random.uniform(0, 0.5))
            end()
            server.start()
            patient.revision()
            await_work(workers)
        finally:
            over.set()
        return working.result()


def await_work(workers: list[Worker]) -> None:
    """Wait until the workers have done some more operations."""
    enough = told(workers) + 2 * WRITERS
    give_up_at = monotonic() + RECOVERY
    while told(workers) < enough:
        assert monotonic() < give_up_at, "the workers make no progress"
        sleep(0.02)
