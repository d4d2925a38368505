"""The watchdog interrupts overdue calls, on time, and nothing else."""

from __future__ import annotations

import os
import socket
import threading
from math import inf
from queue import Empty, SimpleQueue
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import pytest

from hostmap_sql.dialects.sockets import shut_down
from hostmap_sql.engine import connector
from hostmap_sql.engine.connector import ConnectAttempt
from hostmap_sql.runtime.watchdog import Watchdog
from tests.support.pace import PATIENT, SLACK, SOON

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType


class Wire:
    """A connection that records when it is cut."""

    def __init__(self) -> None:
        self.cuts: SimpleQueue[float] = SimpleQueue()

    def cut(self) -> None:
        self.cuts.put(monotonic())

    def is_cut(self, seconds: float) -> bool:
        """Return whether it is cut within this number of seconds."""
        try:
            self.cuts.get(timeout=seconds)
        except Empty:
            return False
        return True


@pytest.fixture
def watch() -> Iterator[Watchdog]:
    """A watchdog whose thread sleeps for good after the test: forks in C need quiet threads."""
    watch = Watchdog()
    yield watch
    calls = watch._process()
    calls.running.clear()
    calls.cancelled.clear()


def test_an_overdue_call_is_cut_on_time(watch: Watchdog) -> None:
    wire, deadline = Wire(), monotonic() + 0.1
    watch.arm(wire, deadline, Wire.cut)
    assert 0 <= wire.cuts.get(timeout=SOON) - deadline < SLACK


def test_an_earlier_deadline_wakes_it(watch: Watchdog) -> None:
    late, early = Wire(), Wire()
    watch.arm(late, monotonic() + PATIENT, Wire.cut)
    sleep(0.05)  # until it sleeps
    watch.arm(early, monotonic() + 0.05, Wire.cut)
    assert early.is_cut(SOON)
    assert not late.is_cut(0)


def test_an_ended_call_is_not_cut(watch: Watchdog) -> None:
    wire = Wire()
    watch.arm(wire, monotonic() + 0.05, Wire.cut)
    watch.disarm(wire)
    watch.disarm(wire)
    assert not wire.is_cut(0.2)
    watch.arm(wire, monotonic() + 0.05, Wire.cut)
    assert wire.is_cut(SOON)


def test_a_call_that_ends_while_another_is_cut_is_not_cut(watch: Watchdog) -> None:
    """Its connection may already serve another call."""
    first, second = Wire(), Wire()

    def cut(wire: Wire) -> None:
        watch.disarm(second if wire is first else first)
        wire.cut()

    deadline = monotonic() + 0.1
    for wire in (first, second):
        watch.arm(wire, deadline, cut)
    sleep(0.3)
    assert first.cuts.qsize() > 0
    assert second.cuts.qsize() == 0
    watch.disarm(first)


def test_a_continuing_call_is_cut_again_and_a_failed_cut_blocks_no_other(watch: Watchdog) -> None:
    closed, wire = object(), Wire()
    for connection in (closed, wire):
        watch.arm(connection, monotonic(), Wire.cut)  # the first of them has nothing to cut
    assert wire.is_cut(SOON)
    assert wire.is_cut(SOON)
    watch.disarm(wire)
    watch.disarm(closed)


def test_it_sleeps_while_idle(watch: Watchdog) -> None:
    wire = Wire()
    watch.arm(wire, monotonic() + 0.05, Wire.cut)
    watch.disarm(wire)
    sleep(0.2)
    assert watch._process().wakes_at == inf


# Python 3.12 warns of forks in threaded programs, which is the case under test.
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_process_has_its_own_watchdog(watch: Watchdog) -> None:
    wire = Wire()
    watch.arm(wire, monotonic() + PATIENT, Wire.cut)
    child = os.fork()
    if not child:
        own = Wire()
        watch.arm(own, monotonic() + 0.05, Wire.cut)
        os._exit(0 if own.is_cut(SOON) and not wire.is_cut(0) else 1)
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
    assert one.fileno() != -1, "only its owner closes it"


def test_a_file_that_took_the_number_of_a_closed_socket_is_left_alone(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    one, other = pair
    numbers = [one.fileno(), -1]  # closed by its owner in the meantime
    shut_down(lambda: numbers.pop(0))
    one.send(b"x")
    assert other.recv(1) == b"x"


# --- opening --------------------------------------------------------------------------------------


def test_connections_are_opened_even_if_no_thread_can_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    opening: ConnectAttempt[socket.socket] = ConnectAttempt(  # type: ignore[type-var]
        lambda _deadline: socket.socket(), monotonic() + 1, lambda: None
    )
    with opening.connection() as opened:
        assert opened.fileno() > 0
    watch, wire = Watchdog(), Wire()
    watch.arm(wire, monotonic(), Wire.cut)
    watch.disarm(wire)


def interrupted_waiting(_: float, wait: Callable[[float], bool]) -> bool:
    assert wait(PATIENT)
    raise KeyboardInterrupt


class InterruptedThread(threading.Thread):
    def start(self) -> None:
        super().start()
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("where", "name", "interrupted"),
    [(connector, "wait_until", interrupted_waiting), (threading, "Thread", InterruptedThread)],
)
def test_an_interrupted_attempt_keeps_neither_connection_nor_slot(
    where: ModuleType, name: str, interrupted: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(where, name, interrupted)
    ours, theirs = socket.socketpair()
    ended = threading.Event()
    with theirs, pytest.raises(KeyboardInterrupt):
        ConnectAttempt[Any](lambda _: ours, monotonic() + 20, ended.set).connection()
    assert ended.wait(20)
    assert ours.fileno() == -1, "it was closed"
