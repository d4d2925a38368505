"""Many concurrent writers, with pauses before their commits: followers miss no change."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from random import Random
from threading import Event
from time import sleep
from typing import TYPE_CHECKING

import pytest

from tests.replica.test_replica import assert_equals_the_table

if TYPE_CHECKING:
    from hostmap_sql import ChangeSet, HostMap, WriteTransaction
    from hostmap_sql.replica.replica import Replica
    from tests.conftest import Cells
    from tests.support.backends import Backend

pytestmark = pytest.mark.proof

WRITERS = 16
ROUNDS = 3
INTERVALS = (0.01, 0.05, 0.25)
LONGEST_DELAY = 0.003
PAIR = ("left", "right")
"""Two hosts that are always moved together."""


@dataclass
class Follower:
    """A replica that follows, and the changesets that it has delivered."""

    replica: Replica
    delivered: list[ChangeSet] = field(default_factory=list)


def change(tx: WriteTransaction, cells: Cells, random: Random, writer: int) -> None:
    """Change a host of this writer, a cell, or the shared pair."""
    cell = random.choice(cells).uuid
    host = f"w{writer}-{random.randrange(8)}"
    kind = random.randrange(10)
    if kind == 0:
        for one in PAIR:
            tx.hosts.move(one, cell)
    elif kind == 1:
        tx.hosts.create_many(
            ((f"w{writer}-bulk{number}", cell) for number in range(20)), on_conflict="move"
        )
    elif kind == 2:
        tx.cells.update(cell, disabled=random.random() < 0.5)
    elif host in tx.hosts.get_many([host]):
        if random.random() < 0.5:
            tx.hosts.delete(host)
        else:
            tx.hosts.move(host, cell)
    else:
        tx.hosts.create(host, cell)


def write(hostmap: HostMap, cells: Cells, seed: int, number: int) -> None:
    random = Random(seed)
    for _ in range(number):
        with hostmap.transaction() as tx:
            change(tx, cells, random, seed % WRITERS)
            sleep(random.random() * LONGEST_DELAY)


def read(replica: Replica, end: Event) -> int:
    """Look up the pair until the end; return the number of revisions that were seen."""
    seen = revision = 0
    while not end.is_set():
        before = replica.revision
        assert before >= revision
        left, right = replica.cells_of(PAIR).values()
        assert left == right, "half of a change"
        seen += before > revision
        revision = before
        sleep(LONGEST_DELAY)  # yield to the other threads
    return seen


def test_each_follower_gets_every_change_once_and_in_order(
    backend: Backend,
    cells: Cells,
    full: bool,  # noqa: FBT001 - a fixture
) -> None:
    writes = 100_000 if full else 480
    hostmap = backend.connect(pool_size=WRITERS + 4, timeout=120)
    hostmap.hosts.create_many((host, cells.one.uuid) for host in PAIR)
    end = Event()
    with ExitStack() as stack, ThreadPoolExecutor(WRITERS + 2) as threads:
        stack.callback(end.set)
        followers = [Follower(stack.enter_context(hostmap.replica())) for _ in INTERVALS]
        for follower, interval in zip(followers, INTERVALS, strict=True):
            follower.replica.subscribe(follower.delivered.append)
            follower.replica.start(interval=interval)
        readers = [threads.submit(read, followers[0].replica, end) for _ in range(2)]
        for number in range(ROUNDS):
            each = writes // WRITERS // ROUNDS
            seeds = range(number * WRITERS, (number + 1) * WRITERS)
            writing = [threads.submit(write, hostmap, cells, seed, each) for seed in seeds]
            for future in writing:
                future.result()
            for follower in followers:
                follower.replica.wait_for(hostmap.revision(), timeout=120)
                assert_equals_the_table(follower.replica, hostmap)
        end.set()
        assert all(reader.result() > ROUNDS for reader in readers)

    history = hostmap.history.all_since(4)
    assert len(history) > writes // 2
    for follower in followers:
        assert follower.delivered == history
    assert hostmap.check() == ()
