"""The asyncio API: threads, timeouts, event loops, closing."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
from threading import Thread
from threading import enumerate as all_threads
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import pytest

from hostmap_sql import (
    DatabaseError,
    DatabaseUnavailable,
    HostMap,
    HostMappingExists,
    InvalidValue,
    aio,
    connect,
)
from hostmap_sql.aio import AsyncHostMap
from tests.support.faults.pools import failing_commits
from tests.support.loops import hang, in_a_loop, wait_until_begun
from tests.support.pace import PATIENT, SOON

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hostmap_sql.aio import AsyncWriteTransaction
    from tests.conftest import Cells
    from tests.support.backends import Backend


def threads() -> set[Thread]:
    """Return the threads that make calls, including those of fixtures and other tests."""
    return {thread for thread in all_threads() if thread.name == "hostmap_sql call"}


@in_a_loop
async def test_a_thousand_concurrent_calls_use_few_threads(backend: Backend, cells: Cells) -> None:
    backend.hostmap.hosts.create("a", cells.one.uuid)
    before = threads()
    async with aio.connect(backend.url, pool_size=3) as hostmap:
        found = await asyncio.gather(*(hostmap.hosts.get("a") for _ in range(1000)))
        assert {mapping.cell.name for mapping in found} == {"cell1"}
        assert len(threads() - before) == 3


@in_a_loop
async def test_calls_begin_in_order(backend: Backend, cells: Cells) -> None:
    async with aio.connect(backend.url, pool_size=1) as hostmap:
        hosts = [f"compute-{n}" for n in range(20)]
        made = await asyncio.gather(*(hostmap.hosts.create(h, cells.one.uuid) for h in hosts))
        assert [mapping.revision for mapping in made] == [*range(4, 24)]


@in_a_loop
async def test_calls_of_a_transaction_are_made_one_after_the_other(
    backend: Backend, cells: Cells
) -> None:
    async with aio.connect(backend.url, pool_size=1) as hostmap:
        async with hostmap.transaction() as tx:
            await asyncio.gather(*(tx.hosts.create(f"a-{n}", cells.one.uuid) for n in range(50)))
            moves = (tx.hosts.move(f"a-{n}", cells.two.uuid) for n in range(50))
            moved = await asyncio.gather(*moves)
        assert {mapping.revision for mapping in moved} == {4} == {tx.revision}
        assert await hostmap.cells.host_counts() == {
            cells.one.uuid: 0,
            cells.two.uuid: 50,
            cells.off.uuid: 0,
        }
        with pytest.raises(DatabaseError, match=r"^the transaction has ended: begin another one$"):
            await tx.hosts.get("a-1")


@in_a_loop
async def test_an_argument_that_raises_stop_iteration_blocks_no_call(backend: Backend) -> None:
    class Odd:
        def __iter__(self) -> Iterator[str]:
            raise StopIteration

    async with aio.connect(backend.url) as hostmap:
        with pytest.raises(RuntimeError, match="StopIteration"):
            await asyncio.wait_for(hostmap.hosts.get_many(Odd()), 20)


# --- time -----------------------------------------------------------------------------------------


@in_a_loop
async def test_waiting_for_a_thread_times_out_like_a_call(backend: Backend) -> None:
    async with aio.connect(backend.url, timeout=PATIENT, pool_size=1) as hostmap:
        async with hostmap.transaction():
            with hostmap.timeout(0.3):
                began = monotonic()
                with pytest.raises(DatabaseUnavailable, match=r"in use \(tried for 0.3 s\)$"):
                    await hostmap.revision()
                assert 0.3 <= monotonic() - began < SOON
        assert await hostmap.revision() == 0


@in_a_loop
async def test_waiting_for_hosts_times_out_while_all_threads_are_busy(
    backend: Backend, cells: Cells
) -> None:
    async with aio.connect(backend.url, timeout=0.8, pool_size=1) as hostmap:
        async with hostmap.transaction():
            began = monotonic()
            with pytest.raises(DatabaseUnavailable, match="in use"):
                await hostmap.hosts.wait(["a"], timeout=0.1)
            assert 0.1 <= monotonic() - began < SOON

            longer = asyncio.ensure_future(hostmap.hosts.wait(["a"], timeout=PATIENT))
            await asyncio.sleep(1)
        await hostmap.hosts.create("a", cells.one.uuid)
        await longer


@in_a_loop
async def test_waiting_for_a_thread_counts_towards_the_timeout(
    backend: Backend, cells: Cells
) -> None:
    """The call waits for a thread first, then for the lock of all writers."""
    async with (
        aio.connect(backend.url, timeout=PATIENT, pool_size=1) as hostmap,
        aio.connect(backend.url, timeout=PATIENT) as other,
        other.transaction(),
    ):
        with hostmap.timeout(1):
            first = asyncio.ensure_future(hostmap.hosts.create("a", cells.one.uuid))
            await asyncio.sleep(0)
        began = monotonic()
        with hostmap.timeout(1.5), pytest.raises(DatabaseUnavailable):
            await hostmap.hosts.create("b", cells.one.uuid)
        assert monotonic() - began < 1 + 1.5
        with pytest.raises(DatabaseUnavailable):
            await first


@in_a_loop
async def test_a_shorter_timeout_applies_to_its_task_alone(backend: Backend, cells: Cells) -> None:
    async with (
        aio.connect(backend.url, timeout=PATIENT) as hostmap,
        aio.connect(backend.url, timeout=PATIENT) as other,
    ):
        async with other.transaction():
            patient = asyncio.ensure_future(hostmap.hosts.create("a", cells.one.uuid))
            with hostmap.timeout(0.2), pytest.raises(DatabaseUnavailable):
                await hostmap.hosts.create("b", cells.one.uuid)
            assert not patient.done()
        assert (await patient).host == "a"


# --- run ------------------------------------------------------------------------------------------


@in_a_loop
async def test_run_retries_the_whole_function(backend: Backend, cells: Cells) -> None:
    pool = failing_commits(backend.open_raw, [(False, backend.driver.lost_connection)])
    hostmap = AsyncHostMap(HostMap(pool, backend.dialect_name), threads=2)
    calls = list[int]()

    async def move(tx: AsyncWriteTransaction) -> int:
        calls.append(tx.revision)
        await tx.hosts.create("a", cells.one.uuid)
        return len(calls)

    try:
        assert await hostmap.run(move, author="me", reason="again") == 2
        assert calls == [4, 4]
        [changeset] = await hostmap.history.since(3)
        assert (changeset.author, changeset.reason) == ("me", "again")
        with pytest.raises(HostMappingExists):
            await hostmap.run(move)
        assert await hostmap.revision() == 4
    finally:
        await hostmap.close()


@in_a_loop
async def test_run_refuses_a_plain_function(backend: Backend) -> None:
    def no_coroutine(_tx: AsyncWriteTransaction) -> Any:
        return 7

    async with aio.connect(backend.url) as hostmap:
        with pytest.raises(InvalidValue, match=r"^fn must be a coroutine function$"):
            await hostmap.run(no_coroutine)
        assert await hostmap.revision() == 0


# --- the end --------------------------------------------------------------------------------------


@in_a_loop
async def test_a_closed_hostmap_refuses_calls(backend: Backend) -> None:
    hostmap = aio.connect(backend.url)
    await hostmap.revision()
    await hostmap.close()
    await hostmap.close()
    with pytest.raises(DatabaseError, match=r"^this HostMap was closed: connect again$"):
        await hostmap.revision()
    with pytest.raises(DatabaseError, match=r"^this HostMap was closed: connect again$"):
        async with hostmap.transaction():
            pass


def test_threads_end_on_close_and_on_collection(backend: Backend) -> None:
    before = threads()

    def wait_until_others_end() -> None:
        deadline = monotonic() + 10
        while threads() - before:
            assert monotonic() < deadline
            sleep(0.01)

    async def use(*, close: bool) -> None:
        hostmap = AsyncHostMap(backend.hostmap, threads=3)
        await asyncio.gather(*(hostmap.revision() for _ in range(10)))
        assert len(threads() - before) == 3
        if close:
            await hostmap.close()

    asyncio.run(use(close=False))  # never closed
    gc.collect()
    wait_until_others_end()
    with connect(backend.url) as other:
        asyncio.run(AsyncHostMap(other).close())
    wait_until_others_end()


def test_one_hostmap_serves_several_loops(backend: Backend, cells: Cells) -> None:
    backend.hostmap.hosts.create("a", cells.one.uuid)
    hostmap = AsyncHostMap(backend.hostmap, threads=1)
    for _ in range(3):
        assert asyncio.run(hostmap.hosts.get("a")).cell == cells.one
    asyncio.run(hostmap.close())


def test_a_loop_that_ends_in_a_transaction_rolls_it_back(backend: Backend, cells: Cells) -> None:
    hostmap = aio.connect(backend.url, pool_size=1)

    async def begin() -> None:
        async def block() -> None:
            async with hostmap.transaction() as tx:
                await tx.hosts.create("a", cells.one.uuid)
                await hang(begun)

        begun = asyncio.Event()
        task = asyncio.ensure_future(block())
        await wait_until_begun(begun, task)
        assert not task.done()

    asyncio.run(begin())
    assert backend.hostmap.hosts.create("a", cells.two.uuid).revision == 4
    asyncio.run(hostmap.close())


FORK = """
import asyncio, os, sys
from hostmap_sql import aio

hostmap = aio.connect(sys.argv[1], pool_size=1)
assert asyncio.run(hostmap.revision()) == 0
child = os.fork()
made = asyncio.run(hostmap.cells.create("parent" if child else "child"))
asyncio.run(hostmap.close())
if not child:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""


def test_both_processes_make_calls_after_a_fork(backend: Backend) -> None:
    backend.hostmap.close()
    command = [sys.executable, "-W", "ignore", "-c", FORK, backend.url]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr


FORGOTTEN = """
import asyncio, sys
from hostmap_sql import aio

async def main():
    hostmap = aio.connect(sys.argv[1])
    block = hostmap.transaction()
    await block.__aenter__()
    print("begun")

loop = asyncio.new_event_loop()
loop.run_until_complete(main())
"""


def test_an_abandoned_transaction_does_not_keep_the_interpreter_from_ending(
    backend: Backend,
) -> None:
    backend.hostmap.close()
    command = [sys.executable, "-W", "ignore", "-c", FORGOTTEN, backend.url]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (0, "begun\n"), done.stderr
