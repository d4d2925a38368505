"""The operators' commands; those for Nova run against databases that Nova made."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from hostmap_sql.batching import BULK_SIZE, batched
from hostmap_sql.nova import discover, import_mappings
from tests.benchmarks.bare import names
from tests.benchmarks.cases import Figure
from tests.support.backends import FACTORIES
from tests.support.nova import drop, load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.benchmarks.cases import Sizes
    from tests.support.backends.base import Backend, Factory
    from tests.support.nova import Nova
    from tests.support.servers.containers import Server

HOSTMAP = str(Path(sys.executable).parent / "hostmap")
NEW_HOSTS = 1_000


def figures(kind: str, server: Server | None, sizes: Sizes) -> Iterator[Figure]:
    """Measure these commands on one kind of database."""
    factory = FACTORIES[kind](server)
    try:
        if server is not None:
            with _directory(factory) as backend, _nova(factory) as nova:
                yield from _discovery(backend, nova)
            with _directory(factory) as backend, _nova(factory) as nova:
                yield _import(backend, nova, sizes)
        with _directory(factory) as backend:
            yield _list(backend, sizes)
    finally:
        factory.close()


@contextmanager
def _directory(factory: Factory) -> Iterator[Backend]:
    backend = factory.fresh()
    yield backend
    backend.close()
    factory.drop(backend)


@contextmanager
def _nova(factory: Factory) -> Iterator[Nova]:
    nova = load(factory)
    yield nova
    drop(factory, nova)


def _seconds(work: Callable[[], object]) -> float:
    started = perf_counter()
    work()
    return perf_counter() - started


def _discovery(backend: Backend, nova: Nova) -> Iterator[Figure]:
    hostmap, kind = backend.hostmap, backend.kind
    import_mappings(hostmap, nova.url)
    discover(hostmap, mark=True, force=True)
    new = [f"new-{number:04}.example.org" for number in range(NEW_HOSTS)]
    nova.add_compute_nodes(new)
    seconds = _seconds(lambda: discover(hostmap, mark=True, force=True))
    yield Figure(kind, "nova discover of 1,000 new hosts", seconds, "s", 1)
    with backend.statements_sent() as sent:
        discover(hostmap, mark=True, force=True)
    hosts = sum(1 for _ in hostmap.hosts.iterate(cell_uuid=nova.cell_uuid("cell1")))
    if len(hostmap.hosts.get_many(new)) != NEW_HOSTS:
        raise AssertionError("not all new hosts were mapped")
    most = 1 + 5 + hosts // 1_000  # the list of cells; five for the cell; one for each thousand
    yield Figure(kind, "  and again, statements", len(sent), "", most)
    hostmap.hosts.delete_many(new)
    with backend.statements_sent() as sent:
        discover(hostmap)
    yield Figure(kind, "nova discover of 1,000 new hosts, statements", len(sent), "", 20)


def _import(backend: Backend, nova: Nova, sizes: Sizes) -> Figure:
    for part in batched([*names(sizes.bulk)], BULK_SIZE):
        values = ", ".join(f"(2, '{host}')" for host in part)
        nova.api.query(f"INSERT INTO host_mappings (cell_id, host) VALUES {values}")
    seconds = _seconds(lambda: import_mappings(backend.hostmap, nova.url))
    hosts = sum(1 for _ in backend.hostmap.hosts.iterate())
    if hosts < sizes.bulk:
        raise AssertionError(f"import gave {hosts} hosts")
    return Figure(backend.kind, "nova import of 100,000 hosts", seconds, "s", 10)


def _list(backend: Backend, sizes: Sizes) -> Figure:
    hostmap = backend.hostmap
    cell = hostmap.cells.create("cell1")
    hostmap.hosts.create_many((host, cell.uuid) for host in names(sizes.bulk))
    command = [HOSTMAP, "--database", backend.url, "host", "list", "--format", "csv"]
    started = perf_counter()
    printed = subprocess.run(command, check=True, capture_output=True).stdout
    seconds = perf_counter() - started
    if printed.count(b"\n") != sizes.bulk + 1:
        raise AssertionError("host list did not print all hosts")
    return Figure(backend.kind, "host list of 100,000 as CSV", seconds, "s", 3)
