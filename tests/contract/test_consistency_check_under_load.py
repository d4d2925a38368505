"""No work of the library itself causes a finding."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import invariant, run_state_machine_as_test

from hostmap_sql import DatabaseError, HostMapError
from tests.contract.test_stateful import Comparison

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hostmap_sql import Finding, HostMap
    from tests.conftest import Cells
    from tests.support.backends import Backend


@pytest.mark.usefixtures("hostmap")
def test_random_work_causes_no_findings(backend: Backend) -> None:
    class Checked(Comparison):
        @invariant()
        def in_order(self) -> None:
            assert self.hostmap.check() == ()

    Checked.backend, Checked.hostmap = backend, backend.hostmap
    run_state_machine_as_test(
        Checked,
        settings=settings(
            max_examples=8,
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def write_something(hostmap: HostMap, cells: Cells, chance: random.Random) -> object:
    host, target = f"h{chance.randrange(20)}", chance.choice(cells[:2]).uuid
    match chance.randrange(6):
        case 0:
            return hostmap.hosts.create(host, target)
        case 1:
            return hostmap.hosts.move(host, target)
        case 2:
            return hostmap.hosts.delete(host)
        case 3:
            return hostmap.hosts.move_all(cells.one.uuid, cells.two.uuid)
        case 4:
            return hostmap.cells.update(target, disabled=chance.random() < 0.5)
        case _:
            return hostmap.history.prune(before=max(0, hostmap.revision() - 5))


def iter_checks(hostmap: HostMap, until: int) -> Iterator[tuple[Finding, ...]]:
    while hostmap.revision() < until:
        yield hostmap.check()


def test_concurrent_writes_cause_no_findings(backend: Backend, cells: Cells) -> None:
    """With writers and a pruner at full speed, each check sees one state."""
    hostmap = backend.connect(pool_size=8, timeout=60)
    over = Event()

    def write(seed: int) -> None:
        chance = random.Random(seed)
        while not over.is_set():
            try:
                write_something(hostmap, cells, chance)
            except HostMapError as error:
                # Another writer was first; other errors must not occur.
                if isinstance(error, DatabaseError):
                    raise

    with ThreadPoolExecutor(3) as threads:
        writers = [threads.submit(write, seed) for seed in range(3)]
        try:
            found = [*iter_checks(hostmap, until=hostmap.revision() + 100)]
        finally:
            over.set()
        for writer in writers:
            writer.result()

    assert set(found) == {()}
