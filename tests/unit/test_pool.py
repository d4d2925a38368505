"""The library's own pool, and interrupted calls on its connections."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from threading import Event, Thread
from time import monotonic, sleep
from typing import TYPE_CHECKING

import pytest

from hostmap_sql import DatabaseError, HostMap
from hostmap_sql.engine.pool import ConnectionPool, PoolExhausted
from hostmap_sql.runtime.deadlines import NoConnectionInTime
from tests.support.faults.pools import failing_commits
from tests.support.pace import PATIENT, SOON

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from tests.conftest import Cells
    from tests.support.backends import Backend


class Fake:
    """A connection of no database."""

    def __init__(self) -> None:
        self.is_open = True

    def commit(self) -> None: ...

    def rollback(self) -> None: ...

    def close(self) -> None:
        self.is_open = False


def soon(seconds: float = 0.05) -> float:
    return monotonic() + seconds


@contextmanager
def lent(pool: ConnectionPool[Fake], deadline: float) -> Iterator[Fake]:
    connection = pool.take(deadline)
    try:
        yield connection
    finally:
        pool.give_back(connection)


def pool_of(size: int) -> tuple[ConnectionPool[Fake], list[Fake]]:
    opened: list[Fake] = []

    def open_one(_deadline: float) -> Fake:
        opened.append(Fake())
        return opened[-1]

    return ConnectionPool(open_one, lambda c: not c.is_open, size=size), opened


def test_the_connection_that_was_returned_last_is_checked_out_first() -> None:
    pool, opened = pool_of(3)
    with lent(pool, soon()) as one, lent(pool, soon()) as two:
        assert [one, two] == opened
    with lent(pool, soon()) as again:
        assert again is one, "the outer block ended last"
    assert len(opened) == 2


def test_a_closed_connection_is_not_checked_out_again() -> None:
    pool, opened = pool_of(1)
    with lent(pool, soon()) as one:
        one.close()
    with lent(pool, soon()) as two:
        assert two is not one
    assert len(opened) == 2


def test_waiting_threads_are_served_in_the_order_of_their_requests() -> None:
    pool, _ = pool_of(1)
    served: list[str] = []

    def wait(name: str) -> None:
        with lent(pool, soon(10)):
            served.append(name)

    threads = [Thread(target=wait, args=[name]) for name in ("first", "second", "third")]
    with lent(pool, soon()):
        for number, thread in enumerate(threads, 1):
            thread.start()
            while len(pool.process().semaphore._waiting) < number:
                sleep(0.001)
    with lent(pool, soon(10)):
        served.append("the one before")
    for thread in threads:
        thread.join()

    assert served == ["first", "second", "third", "the one before"]


def test_a_thread_that_timed_out_is_skipped() -> None:
    pool, _ = pool_of(1)
    with lent(pool, soon()):
        for _ in range(2):
            with pytest.raises(PoolExhausted):
                pool.take(soon())
    for _ in range(3):
        with lent(pool, soon()):
            pass


def test_a_fork_waits_for_running_calls_up_to_a_limit() -> None:
    pool, _ = pool_of(2)
    with lent(pool, soon()):
        began = monotonic()
        pool.hold(soon(0.1))
        assert 0.1 <= monotonic() - began < SOON
        with pytest.raises(PoolExhausted):
            pool.take(soon())
        pool.let_go()
        pool.give_back(pool.take(soon()))
    began = monotonic()
    pool.hold(soon(PATIENT))
    assert monotonic() - began < SOON
    pool.let_go()
    assert [pool.take(soon()).is_open for _ in range(2)] == [True, True]


def test_a_waiting_thread_gets_a_returned_connection_at_the_size_limit() -> None:
    pool, opened = pool_of(1)
    waiting, got = Event(), []

    def wait() -> None:
        waiting.set()
        with lent(pool, soon(PATIENT)) as connection:
            got.append(connection)

    thread = Thread(target=wait)
    with lent(pool, soon()) as one:
        thread.start()
        waiting.wait()
        thread.join(0.1)
        assert not got
    thread.join()
    assert got == opened == [one]


def test_an_exhausted_pool_reports_its_size() -> None:
    pool, _ = pool_of(2)
    with (
        lent(pool, soon()),
        lent(pool, soon()),
        pytest.raises(PoolExhausted, match="all 2"),
    ):
        pool.take(soon())


def test_a_failure_to_connect_releases_the_semaphore() -> None:
    failures: list[BaseException] = [OSError(), KeyboardInterrupt()]

    def open_one(_deadline: float) -> Fake:
        if failures:
            raise failures.pop()
        return Fake()

    pool = ConnectionPool(open_one, lambda c: not c.is_open, size=1)
    for kind in (KeyboardInterrupt, OSError):
        with pytest.raises(kind):
            pool.take(soon())
    with lent(pool, soon()) as connection:
        assert connection.is_open


def test_a_closed_pool_closes_connections_in_use_on_their_return() -> None:
    pool, opened = pool_of(2)
    idle = pool.take(soon())
    pool.give_back(idle)
    with lent(pool, soon()), lent(pool, soon()) as connection:
        pool.close()
        assert connection.is_open
    assert not any(connection.is_open for connection in opened)
    with pytest.raises(DatabaseError, match="was closed"):
        pool.take(soon())


def test_idle_connections_are_closed_with_a_broken_one() -> None:
    pool, opened = pool_of(3)
    with lent(pool, soon()) as one, lent(pool, soon()), lent(pool, soon()):
        pass
    with lent(pool, soon()) as again:
        assert again is one
        again.close()
    assert [connection.is_open for connection in opened] == [False, False, False]


def test_an_abandoned_connect_attempt_holds_the_semaphore_until_it_ends() -> None:
    answer, late = Event(), Fake()
    come = [late]

    def open_one(_deadline: float) -> Fake:
        answer.wait()
        return come.pop() if come else Fake()

    pool = ConnectionPool(open_one, lambda c: not c.is_open, size=1)
    with pytest.raises(NoConnectionInTime, match="no answer"):
        pool.take(soon())
    with pytest.raises(PoolExhausted):
        pool.take(soon())

    answer.set()
    with lent(pool, soon(PATIENT)) as connection:
        assert connection is not late
    assert not late.is_open


FORK = """
import os, sys, hostmap_sql
with hostmap_sql.connect(sys.argv[1], pool_size=1) as hostmap:
    hostmap.cells.create("parent")
    child = os.fork()
    if not child:
        hostmap.cells.create("child")
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    hostmap.cells.create("parent again")
    print(*sorted(cell.name for cell in hostmap.cells.list()), sep=",")
"""


def test_a_forked_process_leaves_its_parents_connections_alone(backend: Backend) -> None:
    command = [sys.executable, "-c", FORK, backend.url]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("child,parent,parent again\n", "")


class Interrupting:
    """A cursor whose first statement is interrupted by Ctrl-C."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def execute(self, *_: object) -> None:
        raise KeyboardInterrupt


def test_a_connection_is_not_used_again_after_an_interrupted_call(
    backend: Backend, cells: Cells, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its unread answer would be taken for the answer to the next query."""
    hostmap = backend.connect(pool_size=1)
    assert hostmap.revision() == 3
    used: list[Any] = []

    def cursor(connection: Any) -> Interrupting:
        used.append(connection)
        return Interrupting(connection)

    for call in (hostmap.revision, lambda: hostmap.hosts.create("a", cells.one.uuid)):
        with monkeypatch.context() as patch:
            patch.setattr(hostmap._database, "make_cursor", cursor)
            with pytest.raises(KeyboardInterrupt):
                call()
        with pytest.raises(Exception, match=r"(?i)closed|^\(0, ''\)"):
            used[-1].cursor().execute("SELECT 1")
        assert hostmap.revision() == 3
    assert used[0] is not used[1]


def test_the_directory_works_after_an_interrupted_commit(backend: Backend, cells: Cells) -> None:
    failures: list[tuple[bool, BaseException]] = [(False, KeyboardInterrupt())]
    hostmap = HostMap(failing_commits(backend.open_raw, failures), backend.dialect_name)

    with pytest.raises(KeyboardInterrupt):
        hostmap.hosts.create("a", cells.one.uuid)

    assert hostmap.hosts.list() == []
    assert hostmap.hosts.create("a", cells.one.uuid).revision == 4
