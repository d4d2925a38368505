"""What is looked up in the database agrees with what the copy answers, before and after."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest

from hostmap_sql import HostMap, HostMappingNotFound, StaleReplica
from tests.replica.test_replica import assert_equals_the_table
from tests.support.pools import Switch
from tests.support.stopwatch import SOON

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hostmap_sql import CellMapping, ChangeSet
    from hostmap_sql.replica import Replica
    from tests.conftest import Cells
    from tests.support.backends import Backend

POLL_AND_SNAPSHOT = 2
"""How often a refresh borrows a connection if something has changed."""


class Gate(Switch):
    """A pool that keeps back who has borrowed for the last of so many times, when he is done."""

    left = 0

    def __init__(self, backend: Backend) -> None:
        super().__init__(backend.open_raw)
        self.reached, self.opened = Event(), Event()
        self.hostmap = HostMap(self, backend.dialect_name, timeout=20)

    @contextmanager
    def __call__(self) -> Iterator[Any]:
        with super().__call__() as connection:
            yield connection
        self.left -= 1
        if self.left == 0:
            self.reached.set()
            assert self.opened.wait(20)


@pytest.fixture
def gate(backend: Backend, cells: Cells) -> Gate:
    """The gate to a directory with three cells. It is open."""
    assert cells
    return Gate(backend)


@pytest.fixture
def threads(gate: Gate) -> Iterator[ThreadPoolExecutor]:
    """Two threads, which do not wait at the gate beyond the test."""
    with ThreadPoolExecutor(2) as threads:
        yield threads
        gate.opened.set()


def answer(replica: Replica, host: str) -> CellMapping | None:
    try:
        return replica.cell_of(host)
    except HostMappingNotFound:
        return None


def test_of_a_change_that_is_looked_up_all_is_seen(backend: Backend, cells: Cells) -> None:
    hostmap = backend.hostmap
    hostmap.hosts.create("old name", cells.one.uuid)
    replica = hostmap.replica()
    with hostmap.transaction() as tx:
        tx.hosts.delete("old name")
        tx.hosts.create("new name", cells.two.uuid)
        tx.cells.update(cells.one.uuid, disabled=True)

    assert replica.cells_of(["old name", "new name"]) == {"new name": cells.two}
    assert answer(replica, "old name") is None
    assert replica.cells[cells.one.uuid].disabled


def test_what_was_deleted_as_it_was_looked_up_is_not_there(
    backend: Backend, cells: Cells, gate: Gate, threads: ThreadPoolExecutor
) -> None:
    replica = gate.hostmap.replica()
    backend.hostmap.hosts.create("brief", cells.one.uuid)
    gate.left = 1
    asked = threads.submit(answer, replica, "brief")
    assert gate.reached.wait(20)
    backend.hostmap.hosts.delete("brief")
    gate.opened.set()

    assert asked.result(20) is None
    assert_equals_the_table(replica, backend.hostmap)


@pytest.mark.parametrize("change", ["moved", "deleted"])
def test_no_answer_is_older_than_what_was_looked_up(
    change: str, backend: Backend, cells: Cells, gate: Gate, threads: ThreadPoolExecutor
) -> None:
    hosts = backend.hostmap.hosts
    replica = gate.hostmap.replica()
    hosts.create("new", cells.one.uuid)
    gate.left = POLL_AND_SNAPSHOT
    refreshed = threads.submit(replica.refresh)
    assert gate.reached.wait(20)
    if change == "moved":
        hosts.move("new", cells.two.uuid)
    else:
        hosts.delete("new")
    # It has read that the host is in cell one, and is kept from publishing so.
    asked = threads.submit(answer, replica, "new")
    wait([asked], timeout=0.3)
    gate.opened.set()

    states = [cells.one, cells.two if change == "moved" else None]
    first = states.index(asked.result(20))
    refreshed.result(20)
    assert states.index(answer(replica, "new")) >= first
    replica.refresh()
    assert_equals_the_table(replica, backend.hostmap)


def test_nobody_waits_longer_than_he_may_for_another_ones_refresh(
    backend: Backend, cells: Cells, gate: Gate, threads: ThreadPoolExecutor
) -> None:
    replica = gate.hostmap.replica()
    backend.hostmap.hosts.create("new", cells.one.uuid)
    gate.left = POLL_AND_SNAPSHOT
    refreshed = threads.submit(replica.refresh)
    assert gate.reached.wait(20)

    for ask in (
        replica.refresh,
        lambda: replica.cell_of("new"),
        lambda: replica.cell_of("no"),
        lambda: replica.subscribe(lambda _: None),
    ):
        started = monotonic()
        with gate.hostmap.timeout(0.3), pytest.raises(StaleReplica, match="brought up to date"):
            ask()
        assert monotonic() - started < SOON
    gate.opened.set()
    assert refreshed.result(20) == 4
    assert replica.cell_of("new") == cells.one


def test_who_reads_does_not_wait_for_a_subscriber(
    backend: Backend, cells: Cells, threads: ThreadPoolExecutor
) -> None:
    hostmap = backend.hostmap
    replica = hostmap.replica()
    called, go_on = Event(), Event()
    told: list[ChangeSet] = []

    def be_slow(changeset: ChangeSet) -> None:
        called.set()
        assert go_on.wait(20)
        told.append(changeset)

    replica.subscribe(be_slow)
    hostmap.hosts.create("first", cells.one.uuid)
    refreshed = threads.submit(replica.refresh)
    assert called.wait(20)
    hostmap.hosts.create("second", cells.two.uuid)
    asked = threads.submit(replica.cell_of, "second")
    try:
        assert asked.result(5) == cells.two
    finally:
        go_on.set()
    refreshed.result(20)
    assert told == hostmap.history.since(3)


def test_who_subscribes_twice_is_told_twice(backend: Backend, cells: Cells) -> None:
    replica = backend.hostmap.replica()
    told: list[ChangeSet] = []
    end_one = replica.subscribe(told.append)
    end_other = replica.subscribe(told.append)
    for host, count in (("a", 2), ("b", 3), ("c", 3)):
        backend.hostmap.hosts.create(host, cells.one.uuid)
        replica.refresh()
        assert len(told) == count
        end_one()
        if host == "b":
            end_other()


def test_who_unsubscribes_is_not_told_any_more(backend: Backend, cells: Cells) -> None:
    replica = backend.hostmap.replica()
    told: list[ChangeSet] = []

    def once(changeset: ChangeSet) -> None:
        told.append(changeset)
        end()

    end = replica.subscribe(once)
    backend.hostmap.hosts.create("a", cells.one.uuid)
    backend.hostmap.hosts.create("b", cells.one.uuid)
    replica.refresh()
    assert [changeset.revision for changeset in told] == [4]
