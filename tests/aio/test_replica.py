"""The replica in an event loop."""

from __future__ import annotations

import asyncio
import logging
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest

from hostmap_sql import (
    ChangeSet,
    DatabaseUnavailable,
    HostMap,
    HostMappingNotFound,
    StaleReplica,
    aio,
)
from hostmap_sql.aio import AsyncHostMap, AsyncReplica
from tests.support.faults.pools import Switch
from tests.support.loops import in_a_loop
from tests.support.pace import PATIENT, SOON

if TYPE_CHECKING:
    from tests.conftest import Cells
    from tests.support.backends import Backend


@in_a_loop
async def test_it_answers_and_follows(backend: Backend, cells: Cells) -> None:
    backend.hostmap.hosts.create("a", cells.one.uuid)
    async with aio.connect(backend.url) as hostmap, await hostmap.replica() as replica:
        assert await replica.start(interval=0.05) is replica
        assert await replica.cell_of("a") == cells.one
        assert await replica.cells_of(["a", "no"]) == {"a": cells.one}
        assert (replica.hosts_of(cells.one.uuid), len(replica), bool(replica)) == (["a"], 1, True)
        assert replica.cells == {cell.uuid: cell for cell in cells}

        moved = await hostmap.hosts.move("a", cells.two.uuid)
        await replica.wait_for(moved.revision, timeout=5)
        assert await replica.cell_of("a") == replica.known_cell_of("a") == cells.two
        assert replica.revision == moved.revision
        assert replica.age < 5


@in_a_loop
async def test_an_unknown_host_is_looked_up(backend: Backend, cells: Cells) -> None:
    async with aio.connect(backend.url) as hostmap:
        replica, alone = await hostmap.replica(), await hostmap.replica(read_through=False)
        await hostmap.hosts.create_many([("a", cells.one.uuid), ("b", cells.two.uuid)])

        assert "a" not in replica
        assert await replica.cells_of(["a", "b", "no"]) == {"a": cells.one, "b": cells.two}
        assert "a" in replica
        with pytest.raises(HostMappingNotFound):
            await replica.cell_of("no")
        with pytest.raises(HostMappingNotFound):
            await alone.cell_of("a")
        assert await alone.cells_of(["a"]) == {}
        assert await alone.refresh() == 4
        assert await alone.cell_of("a") == cells.one


@in_a_loop
async def test_known_hosts_are_answered_while_the_database_is_unavailable(
    backend: Backend, cells: Cells
) -> None:
    backend.hostmap.hosts.create("a", cells.one.uuid)
    switch = Switch(backend.open_raw)
    hostmap = AsyncHostMap(HostMap(switch, backend.dialect_name, timeout=1), threads=1)
    replica = await hostmap.replica()
    switch.failure = backend.driver.lost_connection
    # A failing call occupies the only thread.
    failing = asyncio.ensure_future(hostmap.hosts.get("a"))
    began, answers = monotonic(), 0
    while not failing.done():
        answers += 1
        assert await replica.cell_of("a") == cells.one
        assert await replica.cells_of(["a"]) == {"a": cells.one}
        await asyncio.sleep(0.01)
    with pytest.raises(DatabaseUnavailable):
        await failing
    assert answers > 10
    assert replica.age >= monotonic() - began
    with pytest.raises(DatabaseUnavailable):
        await replica.refresh()
    await hostmap.close()


@in_a_loop
async def test_subscribers_are_called_in_the_loop(
    backend: Backend, cells: Cells, caplog: pytest.LogCaptureFixture
) -> None:
    here, revisions, reloads = asyncio.get_running_loop(), list[Any](), list[Any]()

    def receive(changeset: ChangeSet) -> None:
        assert asyncio.get_running_loop() is here
        revisions.append(changeset.revision)
        if changeset.revision == 5:
            raise ValueError("the subscriber failed")

    async with aio.connect(backend.url) as hostmap, await hostmap.replica() as replica:
        unsubscribe = await replica.subscribe(receive, reloaded=lambda: reloads.append(1))
        for host in "abc":
            await hostmap.hosts.create(host, cells.one.uuid)
        with caplog.at_level(logging.ERROR, "asyncio"):
            await replica.refresh()
        assert (revisions, reloads) == ([4, 5, 6], [])
        assert "the subscriber failed" in caplog.text

        await hostmap.hosts.delete("a")
        await hostmap.hosts.delete("b")
        await hostmap.history.prune(before=8)
        await replica.refresh()
        assert (revisions, reloads) == ([4, 5, 6], [1])

        unsubscribe()
        await hostmap.hosts.delete("c")
        assert await replica.refresh() == 9
        assert revisions == [4, 5, 6]


@in_a_loop
async def test_no_subscriber_is_called_after_unsubscribing(backend: Backend, cells: Cells) -> None:
    received = list[ChangeSet]()
    async with aio.connect(backend.url) as hostmap, await hostmap.replica() as replica:
        unsubscribe = await replica.subscribe(received.append)
        backend.hostmap.hosts.create("a", cells.one.uuid)
        replica._sync.refresh()  # schedules the call in the loop
        unsubscribe()
        await asyncio.sleep(0.05)
        assert received == []


@in_a_loop
async def test_waiting_for_a_revision_ends(backend: Backend, cells: Cells) -> None:
    async def wait(replica: AsyncReplica, revision: int) -> None:
        await replica.wait_for(revision, timeout=PATIENT)

    async with aio.connect(backend.url, pool_size=1) as hostmap:
        replica = await hostmap.replica()
        began = monotonic()
        with pytest.raises(StaleReplica, match="has not reached revision 5"):
            await replica.wait_for(5, timeout=0.2)
        assert 0.2 <= monotonic() - began < SOON

        many = [asyncio.ensure_future(wait(replica, 5)) for _ in range(20)]
        cancelled = asyncio.ensure_future(wait(replica, 99))
        await hostmap.hosts.create("a", cells.one.uuid)
        await hostmap.hosts.delete("a")
        await asyncio.gather(*many)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        assert await hostmap.revision() == 5


@in_a_loop
async def test_waiting_for_a_revision_times_out_while_all_threads_are_busy(
    backend: Backend, cells: Cells
) -> None:
    async with aio.connect(backend.url, timeout=PATIENT, pool_size=1) as hostmap:
        replica = await hostmap.replica()
        async with await hostmap.replica() as followed:
            await followed.start(interval=30)
            async with hostmap.transaction():
                for one in (replica, followed):
                    await one.wait_for(cells.off.revision, timeout=0.2)
                    began = monotonic()
                    with pytest.raises(StaleReplica, match="has not reached revision 4"):
                        await one.wait_for(4, timeout=1)
                    assert 1 <= monotonic() - began < SOON, "not the timeout of a call"


@in_a_loop
async def test_it_closes_while_all_threads_are_busy(backend: Backend) -> None:
    hostmap = aio.connect(backend.url, timeout=1, pool_size=1)
    replica, other = await hostmap.replica(), await hostmap.replica()
    await replica.start(interval=30)
    await other.start(interval=30)
    async with hostmap.transaction():
        await replica.close()
    await hostmap.close()
    await other.close()
    assert replica._sync._refresher.thread is other._sync._refresher.thread is None


@in_a_loop
async def test_a_replica_that_is_too_old_refuses_to_answer(backend: Backend, cells: Cells) -> None:
    backend.hostmap.hosts.create("a", cells.one.uuid)
    async with aio.connect(backend.url) as hostmap:
        replica = await hostmap.replica(max_age=1)
        assert await replica.cell_of("a") == cells.one
        await asyncio.sleep(1.1)
        for answer in (replica.cell_of("a"), replica.cells_of(["a"])):
            with pytest.raises(StaleReplica):
                await answer
        with pytest.raises(StaleReplica):
            replica.known_cell_of("a")
        await replica.refresh()
        assert await replica.cell_of("a") == cells.one
