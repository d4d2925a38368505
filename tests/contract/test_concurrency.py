"""Concurrent calls: no lost update, no gap, no partial changeset, with shared and own pools."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from threading import Barrier, Event
from typing import TYPE_CHECKING

import pytest

from hostmap_sql import (
    CellMappingExists,
    DatabaseUnavailable,
    HostMappingExists,
    HostMappingNotFound,
    StaleMapping,
)
from hostmap_sql.batching import BULK_SIZE
from tests.support.pace import PATIENT, SLOWNESS, SOON

if TYPE_CHECKING:
    from collections.abc import Callable

    from hostmap_sql import HostMap
    from tests.conftest import Cells
    from tests.support.backends import Backend

THREADS = 32


def at_once(work: Callable[[int], object], threads: int = THREADS) -> list[object]:
    """Return the results or exceptions of `work` in many threads that start together."""
    barrier = Barrier(threads)

    def start(number: int) -> object:
        barrier.wait()
        try:
            return work(number)
        except Exception as error:  # noqa: BLE001 - handed to the test
            return error

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(start, range(threads)))


def test_moves_with_expected_revision_lose_no_update(backend: Backend, cells: Cells) -> None:
    hosts, uuids, first = ["a", "b", "c"], [cell.uuid for cell in cells], 4
    hostmap = backend.connect(pool_size=8)
    hostmap.hosts.create_many((host, cells.one.uuid) for host in hosts)

    def move_some(number: int) -> list[int]:
        choose, moved = random.Random(number), []
        with_author = hostmap.with_author(author=f"thread-{number}")
        for _ in range(4):
            mapping = with_author.hosts.get(choose.choice(hosts))
            others = [uuid for uuid in uuids if uuid != mapping.cell_uuid]
            try:
                result = with_author.hosts.move(
                    mapping.host, choose.choice(others), expected_revision=mapping.revision
                )
            except StaleMapping:
                continue
            moved.append(result.revision)
        return moved

    results = at_once(move_some)

    for number, result in enumerate(results):
        assert isinstance(result, list), result
        recorded = [c for c in hostmap.history.since(first) if c.author == f"thread-{number}"]
        assert [changeset.revision for changeset in recorded] == result
    revisions = [changeset.revision for changeset in hostmap.history.since(first)]
    assert revisions == list(range(first + 1, hostmap.revision() + 1))
    assert revisions, "no writer succeeded"
    for host in hosts:
        changes = hostmap.history.of_host(host)
        for before, after in pairwise(changes):
            assert after.old_cell_uuid == before.new_cell_uuid
        current = hostmap.hosts.get(host)
        assert (current.cell_uuid, current.revision) == (
            changes[-1].new_cell_uuid,
            changes[-1].revision,
        )


def test_one_of_many_concurrent_creations_of_a_host_succeeds(
    backend: Backend, cells: Cells
) -> None:
    hostmap = backend.connect(pool_size=8)

    results = at_once(lambda n: hostmap.hosts.create("a", cells[n % 3].uuid).revision)

    winner = hostmap.hosts.get("a")
    assert Counter(map(type, results)) == {int: 1, HostMappingExists: THREADS - 1}
    assert winner.revision in results
    assert {e.cell_uuid for e in results if isinstance(e, HostMappingExists)} == {winner.cell_uuid}
    assert hostmap.revision() == 4


def test_one_of_many_concurrent_creations_of_a_cell_succeeds(backend: Backend) -> None:
    hostmap = backend.connect(pool_size=8)

    results = at_once(lambda _: hostmap.cells.create("a").uuid, threads=8)

    winner = hostmap.cells.get_by_name("a")
    assert Counter(map(type, results)) == {str: 1, CellMappingExists: 7}
    assert winner.uuid in results
    assert hostmap.revision() == 1


def test_one_of_many_concurrent_deletions_of_a_host_succeeds(
    backend: Backend, cells: Cells
) -> None:
    hostmap = backend.connect(pool_size=8)
    hostmap.hosts.create("a", cells.one.uuid)

    results = at_once(lambda _: hostmap.hosts.delete("a").revision, threads=16)

    assert Counter(map(type, results)) == {int: 1, HostMappingNotFound: 15}
    assert hostmap.revision() == 5


def test_concurrent_bulk_calls_create_each_host_once(backend: Backend, cells: Cells) -> None:
    hostmap = backend.connect(pool_size=8)
    names = [f"h{n:03}" for n in range(200)]

    def load(number: int) -> int:
        mine = random.Random(number).sample(names, len(names))
        return hostmap.hosts.create_many((name, cells.one.uuid) for name in mine).created

    results = at_once(load, threads=8)

    assert sum(result for result in results if isinstance(result, int)) == len(names), results
    assert [mapping.host for mapping in hostmap.hosts.list()] == names
    assert all(len(hostmap.history.of_host(name)) == 1 for name in names)


def test_a_reader_sees_a_changeset_in_full_or_not_at_all(backend: Backend, cells: Cells) -> None:
    """During a bulk load, and during moves back and forth."""
    hostmap, size = backend.hostmap, 2_000
    done = Event()
    assert size < BULK_SIZE

    def write() -> None:
        try:
            hostmap.hosts.create_many((f"h{n}", cells.one.uuid) for n in range(size))
            hostmap.hosts.move_all(cells.one.uuid, cells.two.uuid)
            hostmap.hosts.move_all(cells.two.uuid, cells.one.uuid)
            hostmap.hosts.delete_many(f"h{n}" for n in range(size))
        finally:
            done.set()

    def read() -> set[tuple[int, ...]]:
        reader = backend.connect()
        seen: set[tuple[int, ...]] = set()
        while not done.is_set():
            counts = reader.cells.host_counts()
            seen.add((counts[cells.one.uuid], counts[cells.two.uuid]))
            listed = Counter(mapping.cell_uuid for mapping in reader.hosts.list())
            seen.add((listed[cells.one.uuid], listed[cells.two.uuid]))
            seen.update((len(c.hosts), 0) for c in reader.history.since(3))
        return seen

    with ThreadPoolExecutor(2) as pool:
        writing, reading = pool.submit(write), pool.submit(read)
        writing.result()
        assert reading.result() <= {(0, 0), (size, 0), (0, size)}


def test_a_follower_sees_every_revision_in_order_under_load(backend: Backend, cells: Cells) -> None:
    hostmap, done = backend.connect(pool_size=8), Event()

    def follow() -> list[int]:
        reader, seen = backend.connect(), [3]
        while not done.is_set() or seen[-1] < reader.revision():
            seen += [changeset.revision for changeset in reader.history.since(seen[-1], limit=3)]
        return seen

    def write(number: int) -> None:
        for step in range(5):
            hostmap.hosts.create(f"h{number}-{step}", cells.one.uuid)

    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(follow)
        results = at_once(write, threads=8)
        done.set()
        assert set(results) == {None}
        assert following.result() == list(range(3, 3 + 8 * 5 + 1))


def test_threads_can_share_a_small_pool(backend: Backend, cells: Cells) -> None:
    hostmap = backend.connect(pool_size=2)

    def work(number: int) -> str:
        host = f"h{number}"
        hostmap.hosts.create(host, cells[number % 3].uuid)
        return hostmap.hosts.get(host).cell.name

    assert at_once(work, threads=16) == [cells[number % 3].name for number in range(16)]


def test_waiting_for_an_exhausted_pool_times_out(backend: Backend) -> None:
    hostmap = backend.connect(pool_size=1)

    with hostmap.transaction() as tx:
        tx.cells.create("a")
        with hostmap.timeout(0.5), pytest.raises(DatabaseUnavailable) as caught:
            hostmap.revision()
    assert caught.type is DatabaseUnavailable
    assert "0.5 s" in str(caught.value)
    assert caught.value.__cause__ is not None

    assert hostmap.revision() == 1, "it came back"


def test_a_writer_that_times_out_has_written_nothing(
    backend: Backend, hostmap: HostMap, cells: Cells
) -> None:
    """Another client holds the lock; connections of the library wait for it for 1 s."""
    impatient = backend.impatient(timeout=SLOWNESS)
    assert impatient.revision() == 3
    holder = backend.raw()
    cursor = holder.cursor()
    cursor.execute(backend.sql.begin)
    cursor.execute("UPDATE mapping_revision SET revision = revision")

    with pytest.raises(DatabaseUnavailable) as caught:
        impatient.hosts.create("a", cells.one.uuid)
    assert caught.type is DatabaseUnavailable
    assert isinstance(caught.value.__cause__, backend.driver.error)

    cursor.execute("ROLLBACK")
    assert hostmap.hosts.list() == []
    assert impatient.hosts.create("a", cells.one.uuid).revision == 4


def test_a_writer_that_has_to_wait_succeeds_before_the_timeout(
    backend: Backend, cells: Cells
) -> None:
    """Its first attempts fail, like those of a deadlock victim."""
    patient = backend.impatient(timeout=PATIENT)
    patient.revision()
    cursor = backend.raw(**backend.driver.any_thread).cursor()
    cursor.execute(backend.sql.begin)
    cursor.execute("UPDATE mapping_revision SET revision = revision")

    with ThreadPoolExecutor(1) as pool:
        creating = pool.submit(patient.hosts.create, "a", cells.one.uuid)
        with pytest.raises(TimeoutError):
            creating.result(timeout=1.5)
        cursor.execute("ROLLBACK")
        assert creating.result(timeout=SOON).revision == 4
