"""Histories of concurrent workers are linearizable under every fault."""

from __future__ import annotations

import random
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from itertools import islice
from multiprocessing import get_context
from time import monotonic
from typing import TYPE_CHECKING

import pytest

from hostmap_sql import HostMap, connect
from tests.support.faults.lossy_pool import LossyPool
from tests.support.faults.next_commit import NextCommit
from tests.support.faults.proxy import Proxy
from tests.support.faults.storms import Storm
from tests.support.histories.linearizability import NoOrderError, assert_linearizable
from tests.support.histories.seeded_bugs import SEEDED_BUGS
from tests.support.histories.workers import (
    Worker,
    assert_in_order,
    die_in_a_transaction,
    how_they_ended,
    told,
    work_at_once,
    work_in_a_process,
)
from tests.support.pace import PATIENT, SLOWNESS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Cells, Servers
    from tests.support.backends import Backend
    from tests.support.histories.linearizability import Operation

pytestmark = [
    pytest.mark.proof,
    # Python leaks a socket that is reset just before the handshake of TLS.
    pytest.mark.filterwarnings(
        "ignore:Exception ignored in. <ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning"
    ),
]

WORKERS = 8
ENOUGH = 100
LONGEST_WAIT = PATIENT
FIRST = 3
"""The revision at which the work begins."""


@pytest.fixture
def seed() -> int:
    """The seed of all random values; printed if the test fails."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201
    return seed


@pytest.fixture
def proxy(backend: Backend, servers: Servers) -> Iterator[Proxy]:
    """A proxy in front of the server of the backend."""
    server = servers[backend.kind]
    with Proxy(server.host, server.port) as proxy:
        yield proxy


@pytest.mark.needs("networks")
def test_a_history_under_faults_of_the_network_has_an_order(
    backend: Backend,
    proxy: Proxy,
    cells: Cells,
    seed: int,
    full: bool,  # noqa: FBT001 - a fixture
) -> None:
    uuids = [cell.uuid for cell in cells]
    url = backend.url_for(host=proxy.host, port=proxy.port)
    with (
        pytest.MonkeyPatch.context() as patch,
        connect(url, timeout=PATIENT, pool_size=WORKERS) as patient,
        connect(url, timeout=0.2 * SLOWNESS, pool_size=WORKERS) as impatient,
        Storm(proxy, backend, commits := NextCommit(patch), seed) as storm,
    ):
        workers = [
            Worker(impatient if number % 2 else patient, number, seed, uuids)
            for number in range(WORKERS)
        ]
        over_at = monotonic() + (120 if full else 10)

        def over() -> bool:
            # A busy machine needs more time to do enough.
            late = monotonic() - over_at
            return late > (0 if told(workers) > ENOUGH and commits.lost else LONGEST_WAIT)

        history = work_at_once(workers, over)

    ended = how_they_ended(history)
    print(dict(ended), dict(storm.done), commits.lost)  # noqa: T201 - shown if it fails
    assert ended["Told"] > ENOUGH
    assert commits.lost > 0
    assert_in_order(history, backend.hostmap, FIRST)


def test_a_history_with_killed_processes_has_an_order(
    backend: Backend,
    cells: Cells,
    seed: int,
    full: bool,  # noqa: FBT001 - a fixture
) -> None:
    """Processes with threads, and processes that are killed in the middle of a transaction."""
    uuids = [cell.uuid for cell in cells]
    spawning = get_context("spawn")

    def kill_one() -> None:
        victim = spawning.Process(target=die_in_a_transaction, args=(backend.url, uuids[0]))
        victim.start()
        victim.join()
        assert victim.exitcode == -9

    started = monotonic()
    kill_one()
    # Long enough for some kills on a busy machine.
    seconds = max(60 if full else 5, 6 * (monotonic() - started))
    with ProcessPoolExecutor(2, mp_context=spawning) as processes:
        working = [
            processes.submit(work_in_a_process, backend.url, seed, first, uuids, seconds)
            for first in (0, WORKERS // 2)
        ]
        killed = 0
        while not all(one.done() for one in working):
            kill_one()
            killed += 1
        history = [one for process in working for one in process.result()]

    ended = how_they_ended(history)
    print(dict(ended), killed)  # noqa: T201 - shown if it fails
    assert ended["Told"] > 100
    assert ended["Failed"] == 0
    assert killed >= 3
    assert_in_order(history, backend.hostmap, FIRST)


# --- the checker finds seeded bugs ----------------------------------------------------------------

MOST_OPERATIONS = 4_000


def test_without_a_bug_a_history_with_lost_commits_has_an_order(
    backend: Backend, cells: Cells, seed: int
) -> None:
    with lossy(backend, seed) as (pool, hostmap):
        history = next(islice(histories_of(hostmap, seed, cells), 10, None))

    assert pool.lost > 20
    assert how_they_ended(history).keys() <= {"Told", "Absent", "Exists", "Stale"}
    assert_in_order(history, backend.hostmap, FIRST)


@pytest.mark.parametrize("bug", SEEDED_BUGS)
def test_a_seeded_bug_is_found(
    bug: str, backend: Backend, cells: Cells, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with lossy(backend, seed) as (_, hostmap):
        SEEDED_BUGS[bug](monkeypatch)
        for history in histories_of(hostmap, seed, cells):
            try:
                assert_linearizable(history)
            except NoOrderError as error:
                print(f"after {len(history)} operations: {error}")  # noqa: T201
                return
            assert len(history) < MOST_OPERATIONS, "it was not found"


@contextmanager
def lossy(backend: Backend, seed: int) -> Iterator[tuple[LossyPool, HostMap]]:
    """Open a directory on a pool that loses some answers to commits."""
    pool = LossyPool(backend, 0.2, seed)
    hostmap = HostMap(pool.connection, backend.dialect_name, timeout=PATIENT)
    try:
        yield pool, hostmap
    finally:
        pool.close()


def histories_of(hostmap: HostMap, seed: int, cells: Cells) -> Iterator[list[Operation]]:
    """Yield the growing history of concurrent workers."""
    uuids = [cell.uuid for cell in cells]
    workers = [Worker(hostmap, number, seed, uuids) for number in range(WORKERS)]
    history: list[Operation] = []
    while True:
        history += work_at_once(workers, lambda: False, most=20)
        yield history
