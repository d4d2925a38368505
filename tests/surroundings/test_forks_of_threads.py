"""Threads and locks of a parent: its child has not the ones, and copies of the others."""

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
from hostmap_sql.dialects.watch import Watch
from tests.replica.test_replica import eventually
from tests.support.forks import FORKS, Child, in_child, refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hostmap_sql import ChangeSet
    from hostmap_sql.replica import Replica
    from tests.conftest import Cells
    from tests.support.backends import Backend

INTERVAL = 0.3
"""How often, in seconds, a replica looks: seldom enough to fork between two looks."""

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


@pytest.fixture(params=FORKS)
def fork(request: pytest.FixtureRequest) -> Callable[[], int]:
    kind: str = request.param
    return FORKS[kind]


class Wire:
    """A connection that notes that it was cut."""

    is_cut = False

    def cut(self) -> None:
        self.is_cut = True


def test_a_child_has_a_watch_of_its_own(fork: Callable[[], int]) -> None:
    watch, parents = Watch(), Wire()
    watch.begin(parents, monotonic() + 0.2, Wire.cut)  # so that its thread is there, and awake soon

    def work() -> bool:
        own = Wire()
        watch.begin(own, monotonic() + 0.05, Wire.cut)
        eventually(lambda: own.is_cut)
        return parents.is_cut

    with watch._process()._starting:
        child = Child(work, fork)
    assert child.result() is False
    eventually(lambda: parents.is_cut)
    watch.end(parents)


# --- replicas -------------------------------------------------------------------------------------


@pytest.fixture
def replica(hostmap: HostMap, cells: Cells) -> Iterator[Replica]:
    """A replica that follows."""
    hostmap.hosts.create("before", cells.one.uuid)
    with hostmap.replica(read_through=False).start(interval=INTERVAL) as replica:
        rest(replica)
        yield replica


def rest(replica: Replica) -> None:
    """Wait until its thread has just looked, so that it sleeps for most of its interval."""
    known_at = replica._known_at
    eventually(lambda: replica._known_at > known_at)


def test_in_each_process_it_follows(
    hostmap: HostMap, cells: Cells, replica: Replica, fork: Callable[[], int]
) -> None:
    def follows() -> None:
        assert replica.cell_of("before") == cells.one
        eventually(lambda: "after" in replica)
        eventually(lambda: replica.age < 5)

    def grandchild() -> None:
        in_child(follows, fork)  # of a process in which nothing was used

    children = list[Child]()
    for work in (follows, follows, grandchild):
        rest(replica)
        children.append(Child(work, fork))
    hostmap.hosts.create("after", cells.two.uuid)
    eventually(lambda: "after" in replica)
    for child in children:
        child.result()


def test_no_lock_of_the_parents_keeps_a_child_waiting(
    hostmap: HostMap, cells: Cells, replica: Replica, fork: Callable[[], int]
) -> None:
    locks, teller = replica._process(), replica._subscribers._process()

    def work() -> None:
        made = hostmap.hosts.create("child", cells.two.uuid)
        replica.wait_for(made.revision)
        assert replica.cell_of("child") == cells.two
        replica.subscribe(lambda _: None)()
        replica.close()
        replica.refresh()

    rest(replica)
    with ExitStack() as held:
        for lock in (locks.refreshing, locks.changed, teller.lock):
            held.enter_context(lock)  # as threads do that are not there in the child
        child = Child(work, fork)
    child.result()


def test_a_child_that_never_uses_it_ends_it_without_waiting(
    replica: Replica, fork: Callable[[], int]
) -> None:
    in_child(replica.close, fork)
    rest(replica)  # it still follows here


def test_the_first_answer_in_a_child_is_not_of_long_ago(
    hostmap: HostMap, cells: Cells, fork: Callable[[], int]
) -> None:
    """The server has loaded the application long before it forks another worker."""
    hostmap.hosts.create("a", cells.one.uuid)
    replica = hostmap.replica().start(interval=3600)
    try:
        assert replica.cell_of("a") == cells.one
        hostmap.hosts.move("a", cells.two.uuid)
        replica._known_at -= 7200
        assert replica.cell_of("a") == cells.one
        assert in_child(lambda: (replica.cell_of("a"), replica.age), fork)[0] == cells.two
        assert in_child(lambda: replica.age, fork) < 3600
    finally:
        replica.close()


def test_where_nothing_follows_its_age_is_told_and_limited(
    hostmap: HostMap, fork: Callable[[], int]
) -> None:
    replica = hostmap.replica(max_age=60)
    replica._known_at -= 100

    def work() -> tuple[float, str]:
        return replica.age, refused(lambda: replica.cell_of("a"))

    age, said = in_child(work, fork)
    assert age >= 100
    assert said.startswith(StaleReplica.__name__)


def test_in_each_process_a_subscriber_is_told_once(
    hostmap: HostMap, cells: Cells, replica: Replica, fork: Callable[[], int]
) -> None:
    told = list[int]()

    def note(changeset: ChangeSet) -> None:
        told.append(changeset.revision)

    def work() -> list[int]:
        assert replica.revision
        eventually(lambda: told[-1:] == [hostmap.revision()] and len(told) >= 3)
        return told

    replica.subscribe(note)
    first = hostmap.hosts.create("a", cells.one.uuid).revision
    eventually(lambda: told == [first])
    rest(replica)
    child = Child(work, fork)
    later = [hostmap.hosts.create(name, cells.one.uuid).revision for name in ("b", "c")]
    eventually(lambda: told == [first, *later])
    assert child.result() == [first, *later]


def test_what_a_thread_was_telling_when_it_was_forked_is_told_in_the_child(
    hostmap: HostMap, cells: Cells
) -> None:
    told, forks, children = list[int](), list[Thread](), list[Child]()

    replica = hostmap.replica()

    def work() -> list[int]:
        replica.refresh()
        return told

    def note(changeset: ChangeSet) -> None:
        if not forks:  # nor in the child, which is told by this function too
            # In a thread that does not follow, so that the one who tells is not in the child.
            forks.append(Thread(target=lambda: children.append(Child(work))))
            forks[0].start()
            forks[0].join()
        told.append(changeset.revision)

    replica.subscribe(note)
    made = [hostmap.hosts.create(name, cells.one.uuid).revision for name in ("a", "b")]
    replica.refresh()
    assert told == made
    assert children[0].result() == made


# --- the asynchronous face ------------------------------------------------------------------------


def test_in_each_process_the_asynchronous_face_has_threads(
    backend: Backend, hostmap: HostMap, cells: Cells, fork: Callable[[], int]
) -> None:
    hostmap.hosts.create("a", cells.one.uuid)
    face = AsyncHostMap(backend.connect(pool_size=1), threads=1)

    async def main() -> str:
        async with face.transaction() as tx:
            await tx.hosts.get("a")
        return (await face.hosts.get("a")).cell.name

    def work() -> str:
        name = asyncio.run(main())
        asyncio.run(face.close())
        return name

    assert asyncio.run(main()) == "cell1"
    with face._threads._process().starting:
        child = Child(work, fork)
    assert child.result() == "cell1"
    assert asyncio.run(main()) == "cell1"
    asyncio.run(face.close())


def test_a_transaction_of_the_parents_loop_is_not_waited_for(
    hostmap: HostMap, cells: Cells, fork: Callable[[], int]
) -> None:
    face = AsyncHostMap(hostmap)

    async def use(tx: Any) -> str:
        try:
            await tx.hosts.get("a")
        except Exception as error:  # noqa: BLE001 - looked at below
            return str(error)
        return "no error"

    async def main() -> str:
        async with face.transaction() as tx:
            await tx.hosts.create("a", cells.one.uuid)
            loop = asyncio.get_running_loop()
            child = await loop.run_in_executor(
                None, lambda: Child(lambda: asyncio.run(use(tx)), fork)
            )
            said = await asyncio.to_thread(child.result)
            await tx.hosts.get("a")
        return str(said)

    said = asyncio.run(main())
    assert said.startswith("the transaction belongs to the process that this one was forked from")
    assert hostmap.hosts.get("a").cell == cells.one
    asyncio.run(face.close())


def test_a_process_may_fork_while_threads_are_in_calls(hostmap: HostMap, cells: Cells) -> None:
    """By `os.fork`: of a fork in C there is no word before, and Python itself may hang after it."""
    hosts = {f"web-{number}": (cells.one, cells.two)[number % 2] for number in range(8)}
    hostmap.hosts.create_many((host, cell.uuid) for host, cell in hosts.items())
    over = Event()

    def look_up() -> None:
        for host, cell in hosts.items():
            assert hostmap.hosts.get(host).cell == cell

    def go_on() -> None:
        while not over.is_set():
            look_up()

    with ThreadPoolExecutor(3) as threads:
        busy = [threads.submit(go_on) for _ in range(3)]
        try:
            for _ in range(4):
                in_child(look_up, FORKS["os.fork"])
        finally:
            over.set()
        for thread in busy:
            thread.result()
