"""The watch: it cuts what is overdue, when it is, and nothing else."""

from __future__ import annotations

import os
import socket
import threading
from math import inf
from queue import Empty, SimpleQueue
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import pytest

from hostmap_sql.dialects import opening
from hostmap_sql.dialects.opening import Opening
from hostmap_sql.dialects.sockets import shut_down
from hostmap_sql.dialects.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType


class Wire:
    """A connection that notes when it is cut."""

    def __init__(self) -> None:
        self.cuts: SimpleQueue[float] = SimpleQueue()

    def cut(self) -> None:
        self.cuts.put(monotonic())

    def is_cut(self, seconds: float) -> bool:
        """Whether it is cut within so many seconds from now."""
        try:
            self.cuts.get(timeout=seconds)
        except Empty:
            return False
        return True


@pytest.fixture
def watch() -> Watch:
    return Watch()


def test_what_is_overdue_is_cut_in_time(watch: Watch) -> None:
    wire, deadline = Wire(), monotonic() + 0.1
    watch.begin(wire, deadline, Wire.cut)
    assert 0 <= wire.cuts.get(timeout=5) - deadline < 0.1


def test_an_earlier_deadline_is_not_slept_through(watch: Watch) -> None:
    late, early = Wire(), Wire()
    watch.begin(late, monotonic() + 60, Wire.cut)
    sleep(0.05)  # so that it is asleep
    watch.begin(early, monotonic() + 0.05, Wire.cut)
    assert early.is_cut(1)
    assert not late.is_cut(0)


def test_what_has_ended_is_not_cut(watch: Watch) -> None:
    wire = Wire()
    watch.begin(wire, monotonic() + 0.05, Wire.cut)
    watch.end(wire)
    watch.end(wire)
    assert not wire.is_cut(0.2)
    watch.begin(wire, monotonic() + 0.05, Wire.cut)
    assert wire.is_cut(1)


def test_what_ends_while_another_is_cut_is_not(watch: Watch) -> None:
    """By then another call may use its connection."""
    first, second = Wire(), Wire()

    def cut(wire: Wire) -> None:
        watch.end(second if wire is first else first)
        wire.cut()

    deadline = monotonic() + 0.1
    for wire in (first, second):
        watch.begin(wire, deadline, cut)
    sleep(0.3)
    assert first.cuts.qsize() > 0
    assert second.cuts.qsize() == 0
    watch.end(first)


def test_what_goes_on_is_cut_again_and_a_cut_that_fails_keeps_no_other(watch: Watch) -> None:
    closed, wire = object(), Wire()
    for connection in (closed, wire):
        watch.begin(connection, monotonic(), Wire.cut)  # the first of them has nothing to cut
    assert wire.is_cut(1)
    assert wire.is_cut(1)
    watch.end(wire)
    watch.end(closed)


def test_it_sleeps_while_there_is_nothing_to_do(watch: Watch) -> None:
    wire = Wire()
    watch.begin(wire, monotonic() + 0.05, Wire.cut)
    watch.end(wire)
    sleep(0.2)
    assert watch._process().looks_at == inf


# Python 3.12 warns of what may come of it: that is what is tested.
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_process_has_a_watch_of_its_own(watch: Watch) -> None:
    wire = Wire()
    watch.begin(wire, monotonic() + 60, Wire.cut)
    child = os.fork()
    if not child:
        own = Wire()
        watch.begin(own, monotonic() + 0.05, Wire.cut)
        os._exit(0 if own.is_cut(5) and not wire.is_cut(0) else 1)
    assert os.waitpid(child, 0)[1] == 0


# --- sockets --------------------------------------------------------------------------------------


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair()
    with one, other:
        yield one, other


def test_both_sides_of_a_socket_see_its_end(pair: tuple[socket.socket, socket.socket]) -> None:
    one, other = pair
    shut_down(one.fileno)
    assert one.recv(1) == other.recv(1) == b""
    assert one.fileno() != -1, "it is its owner's to close"


def test_a_file_that_took_the_number_of_a_closed_socket_is_left_alone(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    one, other = pair
    numbers = [one.fileno(), -1]  # closed by its owner in the meantime
    shut_down(lambda: numbers.pop(0))
    one.send(b"x")
    assert other.recv(1) == b"x"


# --- opening --------------------------------------------------------------------------------------


def test_where_no_thread_is_to_be_had_connections_are_opened_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    opening: Opening[socket.socket] = Opening(  # type: ignore[type-var]
        lambda _deadline: socket.socket(), monotonic() + 1, lambda: None
    )
    with opening.connection() as opened:
        assert opened.fileno() > 0
    watch, wire = Watch(), Wire()
    watch.begin(wire, monotonic(), Wire.cut)
    watch.end(wire)


def interrupted_waiting(_: float, wait: Callable[[float], bool]) -> bool:
    assert wait(20)
    raise KeyboardInterrupt


class InterruptedThread(threading.Thread):
    def start(self) -> None:
        super().start()
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("where", "name", "interrupted"),
    [(opening, "wait_until", interrupted_waiting), (threading, "Thread", InterruptedThread)],
)
def test_who_is_interrupted_keeps_neither_the_connection_nor_its_place(
    where: ModuleType, name: str, interrupted: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(where, name, interrupted)
    ours, theirs = socket.socketpair()
    ended = threading.Event()
    with theirs, pytest.raises(KeyboardInterrupt):
        Opening[Any](lambda _: ours, monotonic() + 20, ended.set).connection()
    assert ended.wait(20)
    assert ours.fileno() == -1, "it was closed"
