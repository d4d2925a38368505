"""Lookups in an event loop: sequential, concurrent, and from memory."""

from __future__ import annotations

import asyncio
import statistics
from itertools import cycle, islice
from time import perf_counter
from typing import TYPE_CHECKING

from hostmap_sql.aio import AsyncHostMap
from tests.benchmarks.bare import names
from tests.benchmarks.cases import MICROSECONDS, Figure
from tests.support.backends import FACTORIES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from hostmap_sql.aio import AsyncReplica
    from tests.benchmarks.cases import Sizes
    from tests.support.servers.containers import Server

HOSTS = [*names(1_000)]
AT_ONCE = 100
ROUNDS = 30


def figures(kind: str, server: Server | None, sizes: Sizes) -> Iterator[Figure]:
    """Measure these lookups on one kind of database."""
    factory = FACTORIES[kind](server)
    backend = factory.fresh()
    try:
        cell = backend.hostmap.cells.create("cell1").uuid
        backend.hostmap.hosts.create_many((host, cell) for host in HOSTS)
        yield from asyncio.run(_measured(kind, AsyncHostMap(backend.connect()), sizes))
    finally:
        backend.close()
        factory.drop(backend)
        factory.close()


async def _measured(kind: str, hostmap: AsyncHostMap, sizes: Sizes) -> list[Figure]:
    replica = await hostmap.replica()
    one = await _one_after_another(hostmap.hosts.get, sizes.lookups)
    at_once = await _at_once(hostmap.hosts.get)
    from_memory = await _from_memory(replica)
    await hostmap.close()
    return [
        Figure(kind, "aio get, one after another", one * MICROSECONDS, "us"),
        Figure(kind, "aio get, 100 at once, each", at_once * MICROSECONDS, "us"),
        Figure(kind, "aio replica.cell_of", from_memory * MICROSECONDS, "us"),
    ]


async def _one_after_another(get: Callable[[str], Awaitable[object]], lookups: int) -> float:
    """Return the median time of a lookup, in seconds."""
    times = []
    for host in islice(cycle(HOSTS), lookups):
        started = perf_counter()
        await get(host)
        times.append(perf_counter() - started)
    return statistics.median(times)


async def _at_once(get: Callable[[str], Awaitable[object]]) -> float:
    """Return the median time for each of many concurrent lookups, in seconds."""
    times = []
    for _ in range(ROUNDS):
        started = perf_counter()
        await asyncio.gather(*map(get, HOSTS[:AT_ONCE]))
        times.append((perf_counter() - started) / AT_ONCE)
    return statistics.median(times)


async def _from_memory(replica: AsyncReplica) -> float:
    """Return the median, over many batches, of the average lookup in seconds."""
    times = []
    for _ in range(ROUNDS):
        started = perf_counter()
        for host in HOSTS:
            await replica.cell_of(host)
        times.append((perf_counter() - started) / len(HOSTS))
    return statistics.median(times)
