"""A child lacks the threads of its parent and has copies of its locks."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Event, Thread
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest

from hostmap_sql import HostMap, StaleReplica
from hostmap_sql.aio import AsyncHostMap
from hostmap_sql.runtime.watchdog import Watchdog
from tests.replica.test_replica import eventually
from tests.support.forks import FORKS, Child, in_child, refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hostmap_sql import ChangeSet
    from hostmap_sql.replica.replica import Replica
    from tests.conftest import Cells
    from tests.support.backends import Backend

INTERVAL = 0.3
"""The seconds between two refreshes of a replica: long enough to fork in between."""

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


@pytest.fixture(params=FORKS)
def fork(request: pytest.FixtureRequest) -> Callable[[], int]:
    kind: str = request.param
    return FORKS[kind]


class FakeConnection:
    """A connection that records being interrupted."""

    is_interrupted = False

    def interrupt(self) -> None:
        self.is_interrupted = True


def test_a_child_has_a_watchdog_of_its_own(fork: Callable[[], int]) -> None:
    watchdog, parents = Watchdog(), FakeConnection()
    # This starts the thread, which wakes soon.
    watchdog.arm(parents, monotonic() + 1, FakeConnection.interrupt)

    def work() -> bool:
        own = FakeConnection()
        watchdog.arm(own, monotonic() + 0.05, FakeConnection.interrupt)
        eventually(lambda: own.is_interrupted)
        return parents.is_interrupted

    with watchdog._process()._starting:
        child = Child(work, fork)
    assert child.result() is False
    eventually(lambda: parents.is_interrupted)
    watchdog.disarm(parents)


# --- replicas -------------------------------------------------------------------------------------


@pytest.fixture
def replica(hostmap: HostMap, cells: Cells) -> Iterator[Replica]:
    """Return a replica that follows."""
    hostmap.hosts.create("before", cells.one.uuid)
    with hostmap.replica(read_through=False).start(interval=INTERVAL) as replica:
        await_refresh(replica)
        yield replica


def await_refresh(replica: Replica) -> None:
    """Wait for a refresh, after which the thread sleeps for most of the interval."""
    known_at = replica._refresher.known_at
    eventually(lambda: replica._refresher.known_at > known_at)


def test_a_replica_follows_in_each_process(
    hostmap: HostMap, cells: Cells, replica: Replica, fork: Callable[[], int]
) -> None:
    def follows() -> None:
        assert replica.cell_of("before") == cells.one
        eventually(lambda: "after" in replica)
        eventually(lambda: replica.age < 5)

    def grandchild() -> None:
        in_child(follows, fork)  # of a process that used nothing itself

    children = list[Child]()
    for work in (follows, follows, grandchild):
        await_refresh(replica)
        children.append(Child(work, fork))
    hostmap.hosts.create("after", cells.two.uuid)
    eventually(lambda: "after" in replica)
    for child in children:
        child.result()


def test_no_lock_held_in_the_parent_blocks_a_child(
    hostmap: HostMap, cells: Cells, replica: Replica, fork: Callable[[], int]
) -> None:
    refresher = replica._refresher
    locks, deliveries = refresher._process(), refresher._subscriptions._process()

    def work() -> None:
        made = hostmap.hosts.create("child", cells.two.uuid)
        replica.wait_for(made.revision)
        assert replica.cell_of("child") == cells.two
        replica.subscribe(lambda _: None)()
        replica.close()
        replica.refresh()

    await_refresh(replica)
    with ExitStack() as held:
        for lock in (locks.refreshing, locks.published, deliveries.delivering):
            held.enter_context(lock)  # as if by threads that the child lacks
        child = Child(work, fork)
    child.result()


def test_a_child_closes_an_unused_replica_without_waiting(
    replica: Replica, fork: Callable[[], int]
) -> None:
    in_child(replica.close, fork)
    await_refresh(replica)  # the parent still follows


def test_the_first_answer_in_a_child_is_current(
    hostmap: HostMap, cells: Cells, fork: Callable[[], int]
) -> None:
    """Servers may fork workers long after they loaded the application."""
    hostmap.hosts.create("a", cells.one.uuid)
    replica = hostmap.replica().start(interval=3600)
    try:
        assert replica.cell_of("a") == cells.one
        hostmap.hosts.move("a", cells.two.uuid)
        replica._refresher.known_at -= 7200
        assert replica.cell_of("a") == cells.one
        assert in_child(lambda: (replica.cell_of("a"), replica.age), fork)[0] == cells.two
        assert in_child(lambda: replica.age, fork) < 3600
    finally:
        replica.close()


def test_the_age_of_an_unstarted_replica_is_limited_in_a_child(
    hostmap: HostMap, fork: Callable[[], int]
) -> None:
    replica = hostmap.replica(max_age=60)
    replica._refresher.known_at -= 100

    def work() -> tuple[float, str]:
        return replica.age, refused(lambda: replica.cell_of("a"))

    age, message = in_child(work, fork)
    assert age >= 100
    assert message.startswith(StaleReplica.__name__)


def test_each_process_delivers_a_change_once(
    hostmap: HostMap, cells: Cells, replica: Replica, fork: Callable[[], int]
) -> None:
    delivered = list[int]()

    def note(changeset: ChangeSet) -> None:
        delivered.append(changeset.revision)

    def work() -> list[int]:
        assert replica.revision
        eventually(lambda: delivered[-1:] == [hostmap.revision()] and len(delivered) >= 3)
        return delivered

    replica.subscribe(note)
    first = hostmap.hosts.create("a", cells.one.uuid).revision
    eventually(lambda: delivered == [first])
    await_refresh(replica)
    child = Child(work, fork)
    later = [hostmap.hosts.create(name, cells.one.uuid).revision for name in ("b", "c")]
    eventually(lambda: delivered == [first, *later])
    assert child.result() == [first, *later]


def test_a_delivery_under_way_at_the_fork_is_repeated_in_the_child(
    hostmap: HostMap, cells: Cells
) -> None:
    delivered, forks, children = list[int](), list[Thread](), list[Child]()

    replica = hostmap.replica()

    def work() -> list[int]:
        replica.refresh()
        return delivered

    def note(changeset: ChangeSet) -> None:
        if not forks:  # only once, and not in the child
            # From another thread, so that the child lacks the delivering thread.
            forks.append(Thread(target=lambda: children.append(Child(work))))
            forks[0].start()
            forks[0].join()
        delivered.append(changeset.revision)

    replica.subscribe(note)
    made = [hostmap.hosts.create(name, cells.one.uuid).revision for name in ("a", "b")]
    replica.refresh()
    assert delivered == made
    assert children[0].result() == made


# --- the asyncio API ------------------------------------------------------------------------------


def test_the_asyncio_api_has_threads_in_each_process(
    backend: Backend, hostmap: HostMap, cells: Cells, fork: Callable[[], int]
) -> None:
    hostmap.hosts.create("a", cells.one.uuid)
    asynchronous = AsyncHostMap(backend.connect(pool_size=1), threads=1)

    async def main() -> str:
        async with asynchronous.transaction() as tx:
            await tx.hosts.get("a")
        return (await asynchronous.hosts.get("a")).cell.name

    def work() -> str:
        name = asyncio.run(main())
        asyncio.run(asynchronous.close())
        return name

    assert asyncio.run(main()) == "cell1"
    with asynchronous._threads._process().starting:
        child = Child(work, fork)
    assert child.result() == "cell1"
    assert asyncio.run(main()) == "cell1"
    asyncio.run(asynchronous.close())


def test_a_child_does_not_wait_for_a_transaction_of_its_parent(
    hostmap: HostMap, cells: Cells, fork: Callable[[], int]
) -> None:
    asynchronous = AsyncHostMap(hostmap)

    async def use(tx: Any) -> str:
        try:
            await tx.hosts.get("a")
        except Exception as error:  # noqa: BLE001 - its message is returned
            return str(error)
        return "no error"

    async def main() -> str:
        async with asynchronous.transaction() as tx:
            await tx.hosts.create("a", cells.one.uuid)
            loop = asyncio.get_running_loop()
            child = await loop.run_in_executor(
                None, lambda: Child(lambda: asyncio.run(use(tx)), fork)
            )
            message = await asyncio.to_thread(child.result)
            await tx.hosts.get("a")
        return str(message)

    message = asyncio.run(main())
    assert message.startswith(
        "the transaction belongs to the process that this one was forked from"
    )
    assert hostmap.hosts.get("a").cell == cells.one
    asyncio.run(asynchronous.close())


def test_a_process_may_fork_while_threads_are_in_calls(hostmap: HostMap, cells: Cells) -> None:
    """By `os.fork` only: after a fork in C Python itself may hang."""
    hosts = {f"web-{number}": (cells.one, cells.two)[number % 2] for number in range(8)}
    hostmap.hosts.create_many((host, cell.uuid) for host, cell in hosts.items())
    end = Event()

    def look_up() -> None:
        for host, cell in hosts.items():
            assert hostmap.hosts.get(host).cell == cell

    def repeat() -> None:
        while not end.is_set():
            look_up()

    with ThreadPoolExecutor(3) as threads:
        busy = [threads.submit(repeat) for _ in range(3)]
        try:
            for _ in range(4):
                in_child(look_up, FORKS["os.fork"])
        finally:
            end.set()
        for thread in busy:
            thread.result()
