"""The library's own pool, and what becomes of connections on which a call was interrupted."""

from __future__ import annotations

import subprocess
import sys
from threading import Event, Thread
from time import monotonic, sleep
from typing import TYPE_CHECKING

import pytest

from hostmap_sql import DatabaseError, HostMap
from hostmap_sql.dialects.lifo_pool import LifoPool, PoolExhausted
from hostmap_sql.dialects.opening import NoConnectionInTime
from tests.support.pools import failing_commits

if TYPE_CHECKING:
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


def pool_of(size: int) -> tuple[LifoPool[Fake], list[Fake]]:
    opened: list[Fake] = []

    def open_one(_deadline: float) -> Fake:
        opened.append(Fake())
        return opened[-1]

    return LifoPool(open_one, lambda c: c.is_open, size=size), opened


def test_the_last_one_given_back_is_lent_first() -> None:
    pool, opened = pool_of(3)
    with pool.connection(soon()) as one, pool.connection(soon()) as two:
        assert [one, two] == opened
    with pool.connection(soon()) as again:
        assert again is one, "the outer block ended last"
    assert len(opened) == 2


def test_what_is_closed_is_not_lent_again() -> None:
    pool, opened = pool_of(1)
    with pool.connection(soon()) as one:
        one.close()
    with pool.connection(soon()) as two:
        assert two is not one
    assert len(opened) == 2


def test_who_came_first_gets_the_next_and_nobody_takes_it_from_him() -> None:
    pool, _ = pool_of(1)
    served: list[str] = []

    def wait(name: str) -> None:
        with pool.connection(soon(10)):
            served.append(name)

    threads = [Thread(target=wait, args=[name]) for name in ("first", "second", "third")]
    with pool.connection(soon()):
        for number, thread in enumerate(threads, 1):
            thread.start()
            while len(pool.process().places._waiting) < number:
                sleep(0.001)
    with pool.connection(soon(10)):
        served.append("the one before")
    for thread in threads:
        thread.join()

    assert served == ["first", "second", "third", "the one before"]


def test_who_waits_no_longer_is_passed_over() -> None:
    pool, _ = pool_of(1)
    with pool.connection(soon()):
        for _ in range(2):
            with pytest.raises(PoolExhausted):
                pool.take(soon())
    for _ in range(3):
        with pool.connection(soon()):
            pass


def test_who_forks_waits_for_those_at_work_but_not_for_ever() -> None:
    pool, _ = pool_of(2)
    with pool.connection(soon()):
        began = monotonic()
        pool.hold(soon(0.1))
        assert 0.1 <= monotonic() - began < 1
        with pytest.raises(PoolExhausted):
            pool.take(soon())
        pool.let_go()
        pool.give_back(pool.take(soon()))
    began = monotonic()
    pool.hold(soon(5))
    assert monotonic() - began < 1
    pool.let_go()
    assert [pool.take(soon()).is_open for _ in range(2)] == [True, True]


def test_no_more_than_its_size_are_open_and_who_waits_gets_the_next() -> None:
    pool, opened = pool_of(1)
    waiting, got = Event(), []

    def wait() -> None:
        waiting.set()
        with pool.connection(soon(5)) as connection:
            got.append(connection)

    thread = Thread(target=wait)
    with pool.connection(soon()) as one:
        thread.start()
        waiting.wait()
        thread.join(0.1)
        assert not got
    thread.join()
    assert got == opened == [one]


def test_an_exhausted_pool_says_how_large_it_is() -> None:
    pool, _ = pool_of(2)
    with (
        pool.connection(soon()),
        pool.connection(soon()),
        pytest.raises(PoolExhausted, match="all 2"),
    ):
        pool.take(soon())


def test_a_connection_that_cannot_be_opened_leaves_its_place_free() -> None:
    failures: list[BaseException] = [OSError(), KeyboardInterrupt()]

    def open_one(_deadline: float) -> Fake:
        if failures:
            raise failures.pop()
        return Fake()

    pool = LifoPool(open_one, lambda c: c.is_open, size=1)
    for kind in (KeyboardInterrupt, OSError):
        with pytest.raises(kind):
            pool.take(soon())
    with pool.connection(soon()) as connection:
        assert connection.is_open


def test_a_closed_pool_closes_what_is_lent_when_it_comes_back() -> None:
    pool, opened = pool_of(2)
    idle = pool.take(soon())
    pool.give_back(idle)
    with pool.connection(soon()), pool.connection(soon()) as lent:
        pool.close()
        assert lent.is_open
    assert not any(connection.is_open for connection in opened)
    with pytest.raises(DatabaseError, match="was closed"):
        pool.take(soon())


def test_when_one_was_closed_the_idle_ones_go_with_it() -> None:
    pool, opened = pool_of(3)
    with pool.connection(soon()) as one, pool.connection(soon()), pool.connection(soon()):
        pass
    with pool.connection(soon()) as again:
        assert again is one
        again.close()
    assert [connection.is_open for connection in opened] == [False, False, False]


def test_an_attempt_to_connect_that_was_given_up_keeps_its_place_until_it_ends() -> None:
    answer, late = Event(), Fake()
    come = [late]

    def open_one(_deadline: float) -> Fake:
        answer.wait()
        return come.pop() if come else Fake()

    pool = LifoPool(open_one, lambda c: c.is_open, size=1)
    with pytest.raises(NoConnectionInTime, match="no answer"):
        pool.take(soon())
    with pytest.raises(PoolExhausted):
        pool.take(soon())

    answer.set()
    with pool.connection(soon(5)) as connection:
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
    """A cursor during whose first statement somebody presses Ctrl-C."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def execute(self, *_: object) -> None:
        raise KeyboardInterrupt


def test_a_connection_on_which_a_call_was_interrupted_is_not_used_again(
    backend: Backend, cells: Cells, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answer is still to come, and would be taken for that to the next question."""
    hostmap = backend.connect(pool_size=1)
    assert hostmap.revision() == 3
    used: list[Any] = []

    def cursor(connection: Any) -> Interrupting:
        used.append(connection)
        return Interrupting(connection)

    for call in (hostmap.revision, lambda: hostmap.hosts.create("a", cells.one.uuid)):
        with monkeypatch.context() as patch:
            patch.setattr(backend.dialect, "cursor", cursor)
            with pytest.raises(KeyboardInterrupt):
                call()
        with pytest.raises(Exception, match=r"(?i)closed|^\(0, ''\)"):
            used[-1].cursor().execute("SELECT 1")
        assert hostmap.revision() == 3
    assert used[0] is not used[1]


def test_a_commit_that_is_interrupted_leaves_a_directory_that_works(
    backend: Backend, cells: Cells
) -> None:
    failures: list[tuple[bool, BaseException]] = [(False, KeyboardInterrupt())]
    hostmap = HostMap(failing_commits(backend.open_raw, failures), backend.dialect_name)

    with pytest.raises(KeyboardInterrupt):
        hostmap.hosts.create("a", cells.one.uuid)

    assert hostmap.hosts.list() == []
    assert hostmap.hosts.create("a", cells.one.uuid).revision == 4
