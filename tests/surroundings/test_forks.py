"""Each process uses connections of its own after a fork, whether from Python or from C.

Programs in C, such as uWSGI, fork without running Python's hooks.
"""

from __future__ import annotations

import gc
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from time import sleep
from typing import TYPE_CHECKING, Any

import pytest

from hostmap_sql import DatabaseError, HostMap, connect
from hostmap_sql.runtime import processes
from tests.support.forks import FORKS, Child, in_child, refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hostmap_sql import WriteTransaction
    from tests.conftest import Cells
    from tests.support.backends import Backend

# Python 3.12 warns of the dangers of forking, which these tests are about.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")

HOSTS = [f"web-{number}" for number in range(20)]

OF_THE_PARENT = "belongs to the process that this one was forked from: begin another one"


@pytest.fixture(params=FORKS)
def fork(request: pytest.FixtureRequest) -> Callable[[], int]:
    kind: str = request.param
    return FORKS[kind]


@pytest.fixture
def mapped(hostmap: HostMap, cells: Cells) -> HostMap:
    """Return a directory with open connections, its hosts alternating between two cells."""
    pairs = [(host, (cells.one, cells.two)[n % 2].uuid) for n, host in enumerate(HOSTS)]
    hostmap.hosts.create_many(pairs)
    assert_answers(hostmap)
    return hostmap


def assert_answers(hostmap: HostMap, times: int = 1) -> None:
    for _ in range(times):
        for number, host in enumerate(HOSTS):
            mapping = hostmap.hosts.get(host)
            assert (mapping.host, mapping.cell.name) == (host, ("cell1", "cell2")[number % 2])


@contextmanager
def next_connection(hostmap: HostMap) -> Iterator[Any]:
    """Check out the next connection of the pool for a block."""
    with hostmap._database.lease() as connection:
        yield connection


def test_each_process_gets_its_own_answers(mapped: HostMap, fork: Callable[[], int]) -> None:
    children = [Child(lambda: assert_answers(mapped, 5), fork) for _ in range(3)]
    assert_answers(mapped, 5)
    for child in children:
        child.result()
    assert_answers(mapped)


def test_the_child_of_a_child_gets_its_own_answers(
    mapped: HostMap, fork: Callable[[], int]
) -> None:
    def work() -> None:
        grandchild = Child(lambda: assert_answers(mapped, 5), fork)
        assert_answers(mapped, 5)
        grandchild.result()

    def idle_work() -> None:  # without using the library itself
        in_child(lambda: assert_answers(mapped), fork)

    children = [Child(work, fork), Child(idle_work, fork)]
    assert_answers(mapped, 5)
    for child in children:
        child.result()


def test_a_process_may_fork_repeatedly(
    mapped: HostMap, cells: Cells, fork: Callable[[], int]
) -> None:
    def create(host: str) -> int:
        return mapped.hosts.create(host, cells.one.uuid).revision

    for number in range(5):
        host = f"child-{number}"
        made = in_child(partial(create, host), fork)
        assert mapped.hosts.get(host).revision == made == mapped.revision()
    assert mapped.check() == ()


def test_a_child_does_not_touch_the_connections_of_its_parent(
    mapped: HostMap, fork: Callable[[], int]
) -> None:
    def work() -> None:
        assert_answers(mapped)
        mapped.close()
        gc.collect()

    with next_connection(mapped) as before:
        pass
    in_child(work, fork)
    in_child(mapped.close, fork)
    with next_connection(mapped) as after:
        assert after is before
        cursor = mapped._database.dialect.cursor(after)
        cursor.execute("SELECT COUNT(*) FROM host_mapping")
        assert cursor.fetchone() == (len(HOSTS),)


def test_writes_of_a_child_survive_closing_the_connections_of_its_parent(
    backend: Backend, mapped: HostMap, cells: Cells, fork: Callable[[], int]
) -> None:
    """SQLite would mistake the parent's locks for the child's, and lock nothing for the child."""
    closed, tell = os.pipe()

    def work() -> None:
        mapped.hosts.create("child-1", cells.one.uuid)
        os.write(ready, b"x")
        os.read(closed, 1)
        mapped.hosts.create("child-2", cells.one.uuid)

    wait, ready = os.pipe()
    child = Child(work, fork)
    os.read(wait, 1)
    mapped.close()
    os.write(tell, b"x")
    child.result()
    with connect(backend.url) as another:
        assert set(another.hosts.get_many(["child-1", "child-2"])) == {"child-1", "child-2"}
        assert another.check() == ()
    for number in (closed, tell, wait, ready):
        os.close(number)


def test_a_transaction_belongs_to_the_parent(
    mapped: HostMap, cells: Cells, fork: Callable[[], int]
) -> None:
    def use(tx: WriteTransaction) -> list[str]:
        return [
            refused(lambda: tx.hosts.get("web-1")),
            refused(lambda: tx.hosts.create("child", cells.one.uuid)),
            refused(lambda: next(tx.hosts.iterate())),
            refused(tx.cells.list),
        ]

    with mapped.transaction() as tx:
        tx.hosts.create("parent-1", cells.one.uuid)
        assert (
            in_child(lambda: use(tx), fork)
            == [f"DatabaseError: the transaction {OF_THE_PARENT}"] * 4
        )
        tx.hosts.create("parent-2", cells.two.uuid)
    assert sorted(set(mapped.hosts.get_many(["parent-1", "parent-2", "child"]))) == [
        "parent-1",
        "parent-2",
    ]
    assert mapped.check() == ()


@pytest.mark.parametrize("error", [None, ZeroDivisionError()])
def test_ending_the_block_in_a_child_does_not_end_the_transaction(
    mapped: HostMap, cells: Cells, fork: Callable[[], int], error: Exception | None
) -> None:
    block = mapped.transaction()

    def exit_block() -> None:
        with suppress(DatabaseError, ZeroDivisionError):
            block.__exit__(type(error) if error else None, error, None)
        mapped.close()
        gc.collect()

    tx = block.__enter__()
    tx.hosts.create("parent-1", cells.one.uuid)
    with next_connection(mapped) as beside:
        in_child(exit_block, fork)
    tx.hosts.create("parent-2", cells.two.uuid)
    block.__exit__(None, None, None)
    assert len(mapped.hosts.get_many(["parent-1", "parent-2"])) == 2
    with next_connection(mapped) as first, next_connection(mapped) as second:
        assert beside in (first, second)
    assert mapped.check() == ()


def test_an_iteration_continues_in_both_processes(mapped: HostMap, fork: Callable[[], int]) -> None:
    """Each page is a statement of its own, so no result is shared."""
    mapping = mapped.hosts.iterate()
    first = next(mapping).host
    rest = in_child(lambda: [m.host for m in mapping], fork)
    assert [first, *rest] == sorted(HOSTS) == [first, *(m.host for m in mapping)]


@pytest.mark.needs("sessions")
def test_a_child_reads_while_its_parent_has_an_open_transaction(
    mapped: HostMap, fork: Callable[[], int]
) -> None:
    with mapped.transaction() as tx:
        tx.hosts.delete("web-1")
        in_child(lambda: assert_answers(mapped), fork)
        assert "web-1" not in {mapping.host for mapping in tx.hosts.list()}


def test_a_process_may_fork_while_a_lock_of_the_pool_is_held(mapped: HostMap) -> None:
    """The lock is held as if by a thread that the child lacks."""
    stock = pool_of(mapped).process()
    with stock.disowning, stock.semaphore._changing:
        child = Child(lambda: assert_answers(mapped))
    child.result()


def pool_of(hostmap: HostMap) -> Any:
    return hostmap._database._pool


def test_without_wipe_on_fork_the_pid_shows_a_new_process() -> None:
    mark = processes.PidMark()
    seen = [mark[0]]
    mark[0] = 1
    assert [*seen, mark[0], in_child(lambda: mark[0]), mark[0]] == [False, True, False, True]


@pytest.mark.usefixtures("mapped")
def test_a_child_with_the_pid_of_its_parent_is_another_process(
    backend: Backend, monkeypatch: pytest.MonkeyPatch, fork: Callable[[], int]
) -> None:
    """In containers both may have the pid 1."""
    monkeypatch.setattr(processes, "getpid", lambda: 1)
    monkeypatch.setattr(processes.THIS, "id", processes.read_id())
    hostmap = backend.connect()

    def has_connections() -> bool:
        return bool(pool_of(hostmap).process().opened)

    assert hostmap.hosts.get("web-1").host == "web-1"
    assert has_connections()
    assert in_child(has_connections, fork) is False


def test_threads_that_notice_a_new_process_concurrently_share_one_value() -> None:
    made = list[object]()

    def make(_parents: object) -> object:
        sleep(0.01)
        made.append(object())
        return made[-1]

    def work() -> tuple[int, int]:
        with ThreadPoolExecutor(8) as threads:
            values = [value.result() for value in [threads.submit(own) for _ in range(8)]]
        return len({id(value) for value in values}), len(made)

    own = processes.PerProcess(make)
    before = own()
    assert own() is before
    different, _ = in_child(work)
    assert different == 1
    assert own() is before


@pytest.mark.needs("files")
def test_a_child_refuses_a_file_that_was_in_use_at_the_fork(
    mapped: HostMap, fork: Callable[[], int]
) -> None:
    """SQLite would mistake the parent's locks for its own, and release them."""
    with mapped.transaction() as tx:
        tx.hosts.delete("web-1")
        message = in_child(lambda: refused(lambda: mapped.hosts.get("web-1")), fork)
        assert "was forked while its parent was in the middle of a call or a transaction" in message
    assert "web-1" not in mapped.hosts.get_many(HOSTS)
    in_child(mapped.hosts.list, fork)
    assert mapped.check() == ()
