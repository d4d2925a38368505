"""A server is killed and started again while many write: what they were told is what is there."""

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
from tests.support import servers as running_servers
from tests.support.backends import FACTORIES
from tests.support.commits import NextCommit
from tests.support.histories import Worker, assert_in_order, how_they_ended, told, work_at_once
from tests.support.proxy import Cut, Direction, Proxy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hostmap_sql import HostMap
    from tests.support.backends import Factory
    from tests.support.linearizability import Operation
    from tests.support.servers import Server

pytestmark = [
    pytest.mark.proof,
    # Python itself leaves a socket to be collected that is reset just before it is to speak TLS.
    pytest.mark.filterwarnings(
        "ignore:Exception ignored in. <ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning"
    ),
]

WRITERS = 16
HOSTS = 8
ROUNDS, ROUNDS_IN_FULL = 5, 50
RECOVERY = 60.0
"""How long, in seconds, a patient caller waits for the server to be back."""


class Killed:
    """A server of the test's own that can be killed, behind a proxy that follows it."""

    def __init__(self, server: Server, proxy: Proxy, commits: NextCommit) -> None:
        assert server.container
        self.commits = commits
        self._container = server.container.get_wrapped_container()
        self._port = server.port
        self._proxy = proxy

    def kill(self) -> None:
        """End it in the middle of whatever it does."""
        self._container.kill("SIGKILL")
        self._container.wait(timeout=60)
        self._cut_off()

    def kill_and_lose_an_answer(self) -> None:
        """The same; what it said to a commit is not heard any more."""
        self._lose(Direction.TO_CLIENT)
        self.kill()

    def kill_and_lose_a_commit(self) -> None:
        """The same; it never heard of a commit that was sent."""
        self._lose(Direction.TO_SERVER)
        self.kill()

    def _lose(self, direction: Direction) -> None:
        # Mostly it is the connection with the commit that comes first.
        met = self.commits.meet(lambda: self._proxy.cut_after(direction, 0, Cut.STALL), 10)
        assert met, "nobody has written"

    def shut_down(self) -> None:
        """End it as its administrator would."""
        self._container.stop(timeout=60)
        self._cut_off()

    def _cut_off(self) -> None:
        """Refuse new connections until it is back, as a machine does on which it does not run."""
        self._proxy.refuse()
        self._proxy.cut_now()

    def start(self) -> None:
        """Start it again. It may have moved."""
        self._container.start()
        self._container.reload()
        (network,) = self._container.attrs["NetworkSettings"]["Networks"].values()
        self._proxy.target = (network["IPAddress"], self._port)
        self._proxy.resume()


@pytest.fixture(
    params=[FACTORIES[kind] for kind in running_servers.KINDS], ids=running_servers.KINDS
)
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
        with running_servers.running(kind, durable=True) as server:
            yield server


def test_what_is_told_is_what_is_there_after_a_server_was_killed(
    killed: tuple[Killed, str],
    full: bool,  # noqa: FBT001 - a fixture
) -> None:
    server, url = killed
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 - shown if it fails
    rounds = ROUNDS_IN_FULL if full else ROUNDS
    kills = cycle([server.kill_and_lose_an_answer, server.kill_and_lose_a_commit, server.kill])
    ends = [*islice(kills, rounds), *[server.shut_down] * (rounds // 5)]
    ended: Counter[str] = Counter()
    with (
        connect(url, timeout=RECOVERY, pool_size=WRITERS) as patient,
        connect(url, timeout=0.3, pool_size=WRITERS) as impatient,
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
    """The history of workers, the server of whom is ended and started again meanwhile."""
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
    """Wait until some more was done, however busy the machine is."""
    enough = told(workers) + 2 * WRITERS
    give_up_at = monotonic() + RECOVERY
    while told(workers) < enough:
        assert monotonic() < give_up_at, "nobody gets anything done"
        sleep(0.02)
