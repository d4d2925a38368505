"""Lookups in the database agree with the answers from memory, before and after."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest

from hostmap_sql import HostMap, HostMappingNotFound, StaleReplica
from tests.replica.test_replica import assert_equals_the_table
from tests.support.faults.pools import Switch
from tests.support.pace import SOON

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hostmap_sql import CellMapping, ChangeSet
    from hostmap_sql.replica.replica import Replica
    from tests.conftest import Cells
    from tests.support.backends import Backend

WAIT = 60.0
"""The longest wait, in seconds, for an event that a busy machine delays."""

POLL_AND_SNAPSHOT = 2
"""The connections that a refresh checks out if something has changed."""


class Gate(Switch):
    """A pool that blocks after one checkout was returned, counted by `left`, until it is opened."""

    left = 0

    def __init__(self, backend: Backend) -> None:
        super().__init__(backend.open_raw)
        self.reached, self.opened = Event(), Event()
        self.hostmap = HostMap(self, backend.dialect_name, timeout=WAIT)

    @contextmanager
    def __call__(self) -> Iterator[Any]:
        with super().__call__() as connection:
            yield connection
        self.left -= 1
        if self.left == 0:
            self.reached.set()
            assert self.opened.wait(WAIT)


@pytest.fixture
def gate(backend: Backend, cells: Cells) -> Gate:
    """Return an open gate to a directory with three cells."""
    assert cells
    return Gate(backend)


@pytest.fixture
def threads(gate: Gate) -> Iterator[ThreadPoolExecutor]:
    """Return two threads; open the gate for them at the end of the test."""
    with ThreadPoolExecutor(2) as threads:
        yield threads
        gate.opened.set()


def answer(replica: Replica, host: str) -> CellMapping | None:
    try:
        return replica.cell_of(host)
    except HostMappingNotFound:
        return None


def test_a_lookup_shows_its_whole_change(backend: Backend, cells: Cells) -> None:
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


def test_a_host_deleted_during_its_lookup_is_not_found(
    backend: Backend, cells: Cells, gate: Gate, threads: ThreadPoolExecutor
) -> None:
    replica = gate.hostmap.replica()
    backend.hostmap.hosts.create("brief", cells.one.uuid)
    gate.left = 1
    lookup = threads.submit(answer, replica, "brief")
    assert gate.reached.wait(WAIT)
    backend.hostmap.hosts.delete("brief")
    gate.opened.set()

    assert lookup.result(WAIT) is None
    assert_equals_the_table(replica, backend.hostmap)


@pytest.mark.parametrize("change", ["moved", "deleted"])
def test_no_answer_is_older_than_an_earlier_lookup(
    change: str, backend: Backend, cells: Cells, gate: Gate, threads: ThreadPoolExecutor
) -> None:
    hosts = backend.hostmap.hosts
    replica = gate.hostmap.replica()
    hosts.create("new", cells.one.uuid)
    gate.left = POLL_AND_SNAPSHOT
    refresh = threads.submit(replica.refresh)
    assert gate.reached.wait(WAIT)
    if change == "moved":
        hosts.move("new", cells.two.uuid)
    else:
        hosts.delete("new")
    # The refresh has read that the host is in cell one, and has not published it.
    lookup = threads.submit(answer, replica, "new")
    wait([lookup], timeout=0.3)
    gate.opened.set()

    states = [cells.one, cells.two if change == "moved" else None]
    first = states.index(lookup.result(WAIT))
    refresh.result(WAIT)
    assert states.index(answer(replica, "new")) >= first
    replica.refresh()
    assert_equals_the_table(replica, backend.hostmap)


def test_waiting_for_another_refresh_ends_at_the_timeout(
    backend: Backend, cells: Cells, gate: Gate, threads: ThreadPoolExecutor
) -> None:
    replica = gate.hostmap.replica()
    backend.hostmap.hosts.create("new", cells.one.uuid)
    gate.left = POLL_AND_SNAPSHOT
    refresh = threads.submit(replica.refresh)
    assert gate.reached.wait(WAIT)

    for call in (
        replica.refresh,
        lambda: replica.cell_of("new"),
        lambda: replica.cell_of("no"),
        lambda: replica.subscribe(lambda _: None),
    ):
        started = monotonic()
        with gate.hostmap.timeout(0.3), pytest.raises(StaleReplica, match="brought up to date"):
            call()
        assert monotonic() - started < SOON
    gate.opened.set()
    assert refresh.result(WAIT) == 4
    assert replica.cell_of("new") == cells.one


def test_lookups_do_not_wait_for_a_slow_subscriber(
    backend: Backend, cells: Cells, threads: ThreadPoolExecutor
) -> None:
    hostmap = backend.hostmap
    replica = hostmap.replica()
    called, go_on = Event(), Event()
    delivered: list[ChangeSet] = []

    def be_slow(changeset: ChangeSet) -> None:
        called.set()
        assert go_on.wait(WAIT)
        delivered.append(changeset)

    replica.subscribe(be_slow)
    hostmap.hosts.create("first", cells.one.uuid)
    refresh = threads.submit(replica.refresh)
    assert called.wait(WAIT)
    hostmap.hosts.create("second", cells.two.uuid)
    lookup = threads.submit(replica.cell_of, "second")
    try:
        assert lookup.result(WAIT) == cells.two
    finally:
        go_on.set()
    refresh.result(WAIT)
    assert delivered == hostmap.history.since(3)


def test_two_subscriptions_of_one_function_are_delivered_twice(
    backend: Backend, cells: Cells
) -> None:
    replica = backend.hostmap.replica()
    delivered: list[ChangeSet] = []
    end_one = replica.subscribe(delivered.append)
    end_other = replica.subscribe(delivered.append)
    for host, count in (("a", 2), ("b", 3), ("c", 3)):
        backend.hostmap.hosts.create(host, cells.one.uuid)
        replica.refresh()
        assert len(delivered) == count
        end_one()
        if host == "b":
            end_other()


def test_an_ended_subscription_gets_no_more_calls(backend: Backend, cells: Cells) -> None:
    replica = backend.hostmap.replica()
    delivered: list[ChangeSet] = []

    def once(changeset: ChangeSet) -> None:
        delivered.append(changeset)
        end()

    end = replica.subscribe(once)
    backend.hostmap.hosts.create("a", cells.one.uuid)
    backend.hostmap.hosts.create("b", cells.one.uuid)
    replica.refresh()
    assert [changeset.revision for changeset in delivered] == [4]
