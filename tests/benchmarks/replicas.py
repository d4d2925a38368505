"""Replicas: memory, loading, lookups and refreshing."""

from __future__ import annotations

import gc
import random
import statistics
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import perf_counter, sleep
from typing import TYPE_CHECKING

from tests.benchmarks.cases import Figure
from tests.support.backends import FACTORIES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from hostmap_sql import HostMap
    from hostmap_sql.replica.replica import Replica
    from tests.benchmarks.cases import Sizes
    from tests.support.backends.base import Backend, Factory
    from tests.support.servers.containers import Server

CELLS = 50
FEW = 10_000
NAME_LENGTH = 30
# In seconds, by the kind of database.
LOADING = {"mysql": 12.0, "mariadb": 12.0, "postgresql": 8.0}
PART = 1_000
FOLLOWERS = 50
SECONDS = 10
WRITES = 100
INTERVAL = 0.25


def figures(kind: str, server: Server | None, sizes: Sizes) -> Iterator[Figure]:
    """Measure replicas on one kind of database."""
    factory = FACTORIES[kind](server)
    try:
        with _directory(factory) as (_, hostmap):
            cells = [hostmap.cells.create(f"cell{number}").uuid for number in range(CELLS)]
            yield _few(kind, hostmap, cells)
            yield from _many(kind, hostmap, cells, sizes)
            yield _delay(kind, hostmap, cells)
        if server is not None:
            with _directory(factory) as (backend, hostmap):
                yield _idle(hostmap, backend)
    finally:
        factory.close()


@contextmanager
def _directory(factory: Factory) -> Iterator[tuple[Backend, HostMap]]:
    backend = factory.fresh()
    yield backend, backend.connect(timeout=300)
    backend.close()
    factory.drop(backend)


def _names(count: int) -> list[str]:
    return [f"compute-{number:07}.example.org".ljust(NAME_LENGTH, "x") for number in range(count)]


def _fill(hostmap: HostMap, cells: Sequence[str], names: Sequence[str]) -> None:
    hostmap.hosts.create_many((host, cells[n % CELLS]) for n, host in enumerate(names))


def _few(kind: str, hostmap: HostMap, cells: Sequence[str]) -> Figure:
    names = _names(FEW)
    _fill(hostmap, cells, names)
    nanoseconds = _lookup(hostmap.replica(), names)
    return Figure(kind, "replica.cell_of with 10,000 hosts", nanoseconds, "ns", 250)


def _many(kind: str, hostmap: HostMap, cells: Sequence[str], sizes: Sizes) -> Iterator[Figure]:
    names = _names(sizes.many)
    _fill(hostmap, cells, names)
    gc.collect()
    before, started = _resident(), perf_counter()
    replica = hostmap.replica()
    seconds = perf_counter() - started
    gc.collect()
    size = (_resident() - before) / len(replica)
    yield Figure(kind, "replica of 1,000,000 hosts, loading", seconds, "s", LOADING.get(kind))
    yield Figure(kind, "  and its memory, for each host", size, "bytes", 160)
    nanoseconds = _lookup(replica, names)
    yield Figure(kind, "  and its cell_of, random hosts", nanoseconds, "ns", 1_500)
    changes = min(FEW, sizes.many // 100)
    for number in range(changes):
        hostmap.hosts.move(names[number], cells[(number + 1) % CELLS])
    started = perf_counter()
    replica.refresh()
    seconds = perf_counter() - started
    if replica.revision != hostmap.revision():
        raise AssertionError("the replica has not caught up")
    yield Figure(kind, "  and catching up on 10,000 changes", seconds, "s", 1)


def _resident() -> int:
    """Return the resident memory of this process in bytes."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096


def _lookup(replica: Replica, names: Sequence[str]) -> float:
    """Return the median time to look up random hosts by a caller's own strings, in nanoseconds."""
    cell_of: Callable[[str], object] = replica.cell_of
    times = []
    for _ in range(200):
        asked = ["".join([*host]) for host in random.choices(names, k=PART)]
        started = perf_counter()
        for host in asked:
            cell_of(host)
        times.append((perf_counter() - started) / PART)
    return statistics.median(times) * 1e9


def _delay(kind: str, hostmap: HostMap, cells: Sequence[str]) -> Figure:
    """Return the delay of a change in a running replica, the second longest of a hundred."""
    delays = []
    with hostmap.replica().start(interval=INTERVAL) as replica:
        for number in range(WRITES):
            sleep(random.uniform(0, INTERVAL))
            made = hostmap.hosts.create(f"seen-{number}", cells[0])
            started = perf_counter()
            while replica.revision < made.revision:
                sleep(0.001)
            delays.append(perf_counter() - started)
    return Figure(
        kind, "seen by a replica at interval=0.25, 99 of 100", sorted(delays)[-2], "s", 0.5
    )


def _idle(hostmap: HostMap, backend: Backend) -> Figure:
    """Return the number of statements a second of each idle replica."""
    hostmap.cells.create("cell1")
    with ExitStack() as stack:
        for _ in range(FOLLOWERS):
            stack.enter_context(hostmap.replica().start(interval=1.0))
        sleep(2)
        with backend.statements_sent() as sent:
            sleep(SECONDS)
            number = len(sent)
    each = number / FOLLOWERS / SECONDS
    return Figure(backend.kind, "statements a second of one of 50 replicas", each, "", 1.1)
