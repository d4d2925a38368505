"""Iterating, following and waiting in the event loop."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest

from hostmap_sql import ChangeSet, DatabaseError, HistoryPruned, aio, connect
from hostmap_sql.aio import AsyncHostMap
from hostmap_sql.directory.history import HistoryReader
from tests.support.loops import in_a_loop
from tests.support.pace import PATIENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Cells
    from tests.support.backends import Backend


@in_a_loop
async def test_iterate_reads_page_by_page(backend: Backend, cells: Cells) -> None:
    pairs = [(f"compute-{n:04}", cells.one.uuid) for n in range(2_500)]
    backend.hostmap.hosts.create_many(pairs)
    async with aio.connect(backend.url, pool_size=1) as hostmap:
        assert [m.host async for m in hostmap.hosts.iterate()] == [host for host, _ in pairs]
        seen = 0
        async for mapping in hostmap.hosts.iterate(cell_uuid=cells.one.uuid, prefix="compute-1"):
            seen += 1
            # No connection is held between two pages.
            assert (await hostmap.hosts.get(mapping.host)).host == mapping.host
            if seen == 1_005:
                break
            if seen == 1_000:
                await hostmap.hosts.create("compute-1zzz", cells.one.uuid)
        assert seen == 1_001


@in_a_loop
async def test_follow_raises_when_history_was_pruned(backend: Backend, cells: Cells) -> None:
    backend.hostmap.hosts.create("a", cells.one.uuid)

    async with aio.connect(backend.url) as hostmap:
        following = hostmap.history.follow(since=0, interval=0.05)
        assert [(await anext(following)).revision for _ in range(4)] == [1, 2, 3, 4]
        # While the follower does not read.
        backend.hostmap.hosts.delete("a")
        backend.hostmap.hosts.create("b", cells.one.uuid)
        backend.hostmap.history.prune(before=6)
        with pytest.raises(HistoryPruned):
            await anext(following)


@in_a_loop
async def test_follow_reads_no_more_pages_than_are_consumed(
    backend: Backend, cells: Cells, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        backend.hostmap.hosts.create_many((f"{number}-{n}", cells.one.uuid) for n in range(2))
    pages: list[int] = []
    since = HistoryReader.since

    def counted(reader: HistoryReader, revision: int, *, limit: int) -> list[ChangeSet]:
        page = since(reader, revision, limit=limit)
        pages.append(len(page))
        return page

    monkeypatch.setattr(HistoryReader, "since", counted)
    monkeypatch.setattr("hostmap_sql.directory.history.BULK_SIZE", 4)
    async with aio.connect(backend.url) as hostmap:
        following = hostmap.history.follow(since=3)
        for seen, so_far in enumerate(([2], [2], [2, 2], [2, 2]), start=4):
            assert (await anext(following)).revision == seen
            assert pages == so_far


def test_items_before_an_error_come_first() -> None:
    def items() -> Iterator[int | str]:
        yield "a"
        yield "b"
        raise DatabaseError("no more")

    async def main() -> None:
        hostmap = AsyncHostMap(connect("sqlite:///none.db"))
        some = hostmap._threads.iterate(items())
        assert [await anext(some), await anext(some)] == ["a", "b"]
        with pytest.raises(DatabaseError, match="no more"):
            await anext(some)
        await hostmap.close()

    asyncio.run(main())


@in_a_loop
async def test_follow_yields_changes_as_they_are_made(backend: Backend, cells: Cells) -> None:
    async def follow(hostmap: AsyncHostMap) -> list[ChangeSet]:
        seen = list[ChangeSet]()
        async with aclosing(hostmap.history.follow(since=3, interval=0.01)) as changes:
            async for changeset in changes:
                seen.append(changeset)
                if len(seen) == 3:
                    break
        return seen

    async with aio.connect(backend.url, pool_size=1) as hostmap:
        following = [asyncio.ensure_future(follow(hostmap)) for _ in range(5)]
        for host in "abc":
            await asyncio.sleep(0.05)
            await hostmap.hosts.create(host, cells.one.uuid)
        for seen in await asyncio.gather(*following):
            assert [change.host for s in seen for change in s.hosts] == [*"abc"]


@in_a_loop
async def test_waiting_for_hosts_occupies_no_thread(backend: Backend, cells: Cells) -> None:
    async with aio.connect(backend.url, pool_size=1) as hostmap:
        found = list[tuple[int, int | None]]()
        waits = [
            asyncio.ensure_future(
                hostmap.hosts.wait(
                    ["a"],
                    timeout=PATIENT,
                    interval=0.05,
                    progress=lambda done, total: found.append((done, total)),
                )
            )
            for _ in range(20)
        ]
        await asyncio.sleep(0.1)
        await hostmap.hosts.create("a", cells.one.uuid)
        await asyncio.gather(*waits)
        assert set(found) == {(0, 1), (1, 1)}


@in_a_loop
async def test_progress_is_called_in_the_loop(backend: Backend, cells: Cells) -> None:
    backend.hostmap.hosts.create_many((f"a-{n}", cells.one.uuid) for n in range(10))
    reported = list[Any]()
    async with aio.connect(backend.url) as hostmap:
        here = asyncio.get_running_loop()
        moved = await hostmap.hosts.move_all(
            cells.one.uuid,
            cells.two.uuid,
            progress=lambda *n: reported.append((n, asyncio.get_running_loop() is here)),
        )
        assert (moved.moved, reported) == (10, [((10, None), True)])
