"""Cancelled calls: their writes are made as a whole or not at all, and later calls work."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from random import Random
from threading import Event
from time import monotonic, sleep
from typing import TYPE_CHECKING

import pytest

from hostmap_sql import (
    DatabaseError,
    DatabaseUnavailable,
    HostMappingNotFound,
    InvalidValue,
    aio,
)
from hostmap_sql.engine.session import Transaction
from tests.support.faults.proxy import unreachable
from tests.support.loops import hang, in_a_loop, wait_until_begun

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

    from hostmap_sql.aio import AsyncHostMap, AsyncWriteTransaction
    from tests.conftest import Cells
    from tests.support.backends import Backend

PATIENCE = 60
"""The timeout of calls, in seconds."""

SOON = PATIENCE / 2
"""A bound that a call keeps, on a slow machine too, unless something blocks it."""

HAS_CANCELLED_CALL = r"^a call of the transaction was cancelled: begin another one$"


def connect(backend: Backend, pool_size: int = 1) -> AsyncHostMap:
    """Connect with a long timeout. With one connection, a lost one makes the next call fail."""
    return aio.connect(backend.url, timeout=PATIENCE, pool_size=pool_size)


async def cancel(call: Coroutine[Any, Any, object], after: float | asyncio.Event) -> object:
    """Cancel a call after some seconds or an event; return its result if it had ended before."""
    task = asyncio.ensure_future(call)
    if isinstance(after, asyncio.Event):
        await wait_until_begun(after, task)
    else:
        await asyncio.sleep(after)
    task.cancel()
    with suppress(asyncio.CancelledError):
        return await task
    return None


async def assert_works(hostmap: AsyncHostMap, cell: str) -> None:
    """Assert that reads and writes work without waiting."""
    began = monotonic()
    await hostmap.hosts.create("afterwards", cell)
    assert (await hostmap.hosts.delete("afterwards")).old_cell_uuid == cell
    assert monotonic() - began < SOON


@in_a_loop
async def test_a_cancelled_write_is_made_as_a_whole_or_not_at_all(
    backend: Backend, cells: Cells
) -> None:
    random = Random(7)
    confirmed, hosts = set[str](), [f"compute-{n}" for n in range(150)]
    async with connect(backend) as hostmap:
        await hostmap.revision()
        began = monotonic()
        await hostmap.hosts.create("first", cells.one.uuid)
        usual = monotonic() - began
        for host in hosts:
            after = random.uniform(0, 1.5 * usual)
            made = await cancel(hostmap.hosts.create(host, cells.one.uuid), after)
            if made:
                confirmed.add(host)
            usual *= 0.9 if made else 1.1  # for both outcomes, on a busy machine too
        await assert_works(hostmap, cells.one.uuid)
        there = {*await hostmap.hosts.get_many(hosts)}
        changes = [c.host for s in await hostmap.history.since(3) for c in s.hosts]

        assert confirmed <= there
        assert 0 < len(there) < len(hosts), "some were in time and some were not"
        assert sorted(there) == sorted(h for h in changes if h in {*hosts})
        assert await hostmap.check() == ()


@in_a_loop
async def test_a_write_cancelled_before_its_commit_is_not_made(
    backend: Backend, cells: Cells
) -> None:
    async with connect(backend) as hostmap, connect(backend) as other:
        await other.revision()
        async with hostmap.transaction():  # holds the lock of all writers
            await cancel(other.hosts.create("a", cells.one.uuid), after=0.2)
            began = monotonic()
            assert await other.revision() == 3
            assert monotonic() - began < SOON, "the connection is free again"
        await assert_works(other, cells.one.uuid)
        with pytest.raises(HostMappingNotFound):
            await other.hosts.get("a")


@in_a_loop
async def test_a_write_cancelled_just_before_its_commit_is_not_made(
    backend: Backend, cells: Cells, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_written = Event()
    write_record = Transaction._record_changes

    def dawdle(transaction: Transaction) -> None:
        write_record(transaction)
        is_written.set()
        sleep(0.05)  # less than the grace period of cancelled calls

    async with connect(backend) as hostmap:
        await hostmap.revision()
        monkeypatch.setattr(Transaction, "_record_changes", dawdle)
        task = asyncio.ensure_future(hostmap.hosts.create("a", cells.one.uuid))
        await asyncio.to_thread(is_written.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await assert_works(hostmap, cells.one.uuid)
        assert await hostmap.hosts.list() == []


@in_a_loop
async def test_a_call_cancelled_before_it_begins_is_not_made(
    backend: Backend, cells: Cells
) -> None:
    async with connect(backend) as hostmap:
        async with hostmap.transaction() as tx:
            await cancel(hostmap.hosts.create("a", cells.one.uuid), after=0.05)
            await tx.hosts.create("b", cells.one.uuid)
        await assert_works(hostmap, cells.one.uuid)
        assert [mapping.host for mapping in await hostmap.hosts.list()] == ["b"]


@pytest.mark.needs("networks")
@in_a_loop
async def test_a_cancelled_call_stops_waiting_for_a_connection(backend: Backend) -> None:
    with unreachable() as port:
        url = backend.url_for(host="127.0.0.1", port=port)
        async with aio.connect(url, timeout=PATIENCE, pool_size=1) as hostmap:
            await cancel(hostmap.revision(), 0.2)  # waits for an answer, and keeps its slot
            await cancel(hostmap.revision(), 0.2)  # waits for the slot
            began = monotonic()
            with pytest.raises(InvalidValue):
                await hostmap.hosts.get("")
            assert monotonic() - began < SOON


@in_a_loop
async def test_a_cancelled_bulk_call_stops_between_transactions(
    backend: Backend, cells: Cells
) -> None:
    pairs = [(f"compute-{n:06}", cells.one.uuid) for n in range(30_000)]
    async with connect(backend) as hostmap:
        # Preparing the call takes an unknown time.
        task = asyncio.ensure_future(hostmap.hosts.create_many(pairs))
        while backend.hostmap.revision() < 5:  # noqa: ASYNC110 - the database sends no event
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await assert_works(hostmap, cells.one.uuid)
        written = sum([1 async for _ in hostmap.hosts.iterate()])
        changesets = await hostmap.history.since(3)

        assert written == sum(len(s.hosts) for s in changesets[:-2])
        assert 0 < written < len(pairs)
        assert await hostmap.check() == ()


# --- blocks ---------------------------------------------------------------------------------------


async def work(hostmap: AsyncHostMap, cells: Cells, begun: asyncio.Event) -> None:
    """Run a transaction that never ends by itself."""
    async with hostmap.transaction() as tx:
        await tx.hosts.create("a", cells.one.uuid)
        await tx.cells.update(cells.two.uuid, name="renamed")
        await hang(begun)


@in_a_loop
async def test_a_failing_block_is_rolled_back_before_it_ends(
    backend: Backend, cells: Cells
) -> None:
    async with connect(backend) as hostmap:
        with pytest.raises(ValueError, match="enough"):  # noqa: PT012 - the end of the block
            async with hostmap.transaction() as tx:
                await tx.hosts.create("a", cells.one.uuid)
                raise ValueError("enough")
        assert tx._changes._transaction._cursor is None, "it was rolled back"


@in_a_loop
async def test_a_cancelled_block_is_rolled_back_before_its_task_ends(
    backend: Backend, cells: Cells
) -> None:
    async with connect(backend) as hostmap:
        begun = asyncio.Event()
        task = asyncio.ensure_future(work(hostmap, cells, begun))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert backend.hostmap.hosts.create("a", cells.two.uuid).revision == 4
        assert await hostmap.cells.list() == [*cells]


@in_a_loop
async def test_a_cancelled_block_stops_waiting_for_the_lock(backend: Backend, cells: Cells) -> None:
    async with connect(backend) as hostmap, connect(backend) as other:
        async with hostmap.transaction():
            await cancel(work(other, cells, asyncio.Event()), after=0.1)
            assert await other.revision() == 3
        await assert_works(other, cells.one.uuid)


@in_a_loop
async def test_a_block_with_a_cancelled_call_cannot_commit(backend: Backend, cells: Cells) -> None:
    async with connect(backend) as hostmap:
        with pytest.raises(DatabaseError, match=HAS_CANCELLED_CALL):  # noqa: PT012 - the end of the block
            async with hostmap.transaction() as tx:
                await tx.hosts.create("a", cells.one.uuid)
                await cancel(tx.hosts.create("b", cells.one.uuid), after=0)
        with pytest.raises(DatabaseError, match=HAS_CANCELLED_CALL):  # noqa: PT012
            async with hostmap.transaction() as tx:
                await cancel(tx.hosts.create("b", cells.one.uuid), after=0)
                await tx.hosts.create("a", cells.one.uuid)
        await assert_works(hostmap, cells.one.uuid)
        assert await hostmap.hosts.list() == []


@in_a_loop
async def test_blocks_cancelled_at_any_point_are_whole_or_rolled_back(
    backend: Backend, cells: Cells
) -> None:
    async def block(hostmap: AsyncHostMap, number: int) -> bool:
        async with hostmap.transaction() as tx:
            await tx.hosts.create(f"a-{number}", cells.one.uuid)
            await tx.hosts.create(f"b-{number}", cells.two.uuid)
        return True

    random = Random(11)
    confirmed = set[int]()
    async with connect(backend) as hostmap:
        await hostmap.revision()
        began = monotonic()
        await block(hostmap, 0)
        usual = monotonic() - began
        for number in range(1, 100):
            made = await cancel(block(hostmap, number), random.uniform(0, 1.5 * usual))
            if made:
                confirmed.add(number)
            usual *= 0.9 if made else 1.1
        await assert_works(hostmap, cells.one.uuid)
        there = {mapping.host async for mapping in hostmap.hosts.iterate()} - {"a-0", "b-0"}
        numbers = {int(host[2:]) for host in there}

        assert there == {f"{x}-{number}" for x in "ab" for number in numbers}
        assert confirmed <= numbers
        assert 0 < len(numbers) < 99
        assert await hostmap.check() == ()


@in_a_loop
async def test_a_cancelled_run_ends_after_its_function(backend: Backend, cells: Cells) -> None:
    begun, begun_again, ended = asyncio.Event(), asyncio.Event(), list[str]()

    async def uses_transaction_when_cancelled(tx: AsyncWriteTransaction) -> None:
        try:
            await tx.hosts.create("a", cells.one.uuid)
            await hang(begun)
        finally:
            # Its calls still work.
            ended.append((await tx.hosts.get("a")).host)

    async def ignores_cancellation(tx: AsyncWriteTransaction) -> None:
        await tx.hosts.create("b", cells.one.uuid)
        with suppress(asyncio.CancelledError):
            await hang(begun_again)
        await tx.hosts.get("b")

    async with connect(backend) as hostmap:
        await cancel(hostmap.run(uses_transaction_when_cancelled), begun)
        assert ended == ["a"]
        await cancel(hostmap.run(ignores_cancellation), begun_again)
        await assert_works(hostmap, cells.one.uuid)
        assert await hostmap.hosts.list() == []


@in_a_loop
async def test_an_error_of_a_cancelled_function_is_raised(backend: Backend, cells: Cells) -> None:
    begun = asyncio.Event()

    async def fail(tx: AsyncWriteTransaction) -> None:
        await tx.hosts.create("a", cells.one.uuid)
        try:
            await hang(begun)
        except asyncio.CancelledError:
            raise ValueError("and now?") from None

    async with connect(backend) as hostmap:
        with pytest.raises(ValueError, match=r"and now\?"):
            await cancel(hostmap.run(fail), begun)
        assert await hostmap.hosts.list() == []


@in_a_loop
async def test_a_run_is_cancelled_between_two_attempts(backend: Backend) -> None:
    attempts = list[int]()

    async def fail(tx: AsyncWriteTransaction) -> None:
        attempts.append(tx.revision)
        raise DatabaseUnavailable("the database", "a passing fault")

    async with connect(backend) as hostmap:
        for number in range(10):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1 + number / 100):
                    await hostmap.run(fail)
    assert len(attempts) > 10


def test_a_loop_that_ends_cancels_the_function_once(backend: Backend, cells: Cells) -> None:
    begun, log = asyncio.Event(), list[str]()

    async def work(tx: AsyncWriteTransaction) -> None:
        await tx.hosts.create("a", cells.one.uuid)
        try:
            await hang(begun)
        finally:
            await asyncio.sleep(0.05)
            log.append("has tidied up")

    async def main() -> None:
        task = asyncio.ensure_future(hostmap.run(work))
        await wait_until_begun(begun, task)
        assert not task.done()

    hostmap = connect(backend)
    asyncio.run(main())
    asyncio.run(hostmap.close())
    assert log == ["has tidied up"]


@in_a_loop
async def test_a_cancelled_migration_runs_to_its_end(bare_backend: Backend) -> None:
    async with connect(bare_backend) as hostmap:
        await cancel(hostmap.migrate(), after=0.15)
        await hostmap.migrate()  # waits for the first one, or has nothing to do
        assert all(migration.applied for migration in await hostmap.migration_status())
        assert await hostmap.check() == ()


@in_a_loop
async def test_asyncio_timeout_interrupts_a_run(backend: Backend, cells: Cells) -> None:
    async with connect(backend) as hostmap, connect(backend) as other:
        async with hostmap.transaction():
            began = monotonic()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await other.run(lambda tx: tx.hosts.create("a", cells.one.uuid))
            assert monotonic() - began < SOON
        await assert_works(other, cells.one.uuid)


@in_a_loop
async def test_the_pool_survives_many_cancelled_calls(backend: Backend, cells: Cells) -> None:
    async with connect(backend, pool_size=3) as hostmap:
        for _ in range(20):
            calls = [hostmap.hosts.create(f"a-{n}", cells.one.uuid) for n in range(10)]
            calls_of_hosts = [hostmap.hosts.get_many(["a-1", "a-2"]) for _ in range(10)]
            tasks = [asyncio.ensure_future(c) for c in (*calls, *calls_of_hosts)]
            await asyncio.sleep(0.01)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await assert_works(hostmap, cells.one.uuid)
        assert await hostmap.check() == ()
