"""The proxy of the fault tests: its counts and its faults."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from threading import Thread, active_count
from time import monotonic
from typing import TYPE_CHECKING

import pytest

from tests.support.faults.proxy import Cut, Direction, Proxy, unreachable
from tests.support.pace import SOON

if TYPE_CHECKING:
    from collections.abc import Iterator

TO_SERVER, TO_CLIENT = Direction


class Echo:
    """A server that records each byte and sends it back twice."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.heard: list[bytes] = []
        self.threads: list[Thread] = []

    def serve(self) -> None:
        while True:
            try:
                side, _ = self.listener.accept()
            except OSError:
                return
            self.heard.append(b"")
            thread = Thread(target=self._answer, args=(side, len(self.heard) - 1))
            self.threads.append(thread)
            thread.start()

    def _answer(self, side: socket.socket, number: int) -> None:
        with side:
            try:
                while said := side.recv(100):
                    self.heard[number] += said
                    side.sendall(said * 2)
            except ConnectionError:
                pass


@contextmanager
def echoing() -> Iterator[Echo]:
    echo = Echo()
    thread = Thread(target=echo.serve)
    thread.start()
    try:
        yield echo
    finally:
        echo.listener.shutdown(socket.SHUT_RDWR)
        echo.listener.close()
        for each in (thread, *echo.threads):
            each.join()


@pytest.fixture
def echo() -> Iterator[Echo]:
    before = active_count()
    with echoing() as echo:
        yield echo
    assert active_count() == before


@pytest.fixture
def proxy(echo: Echo) -> Iterator[Proxy]:
    with Proxy("127.0.0.1", echo.port) as proxy:
        yield proxy


@contextmanager
def client(proxy: Proxy) -> Iterator[socket.socket]:
    with socket.create_connection((proxy.host, proxy.port), timeout=SOON) as own:
        yield own


def ask(own: socket.socket, said: bytes) -> bytes:
    own.sendall(said)
    answer = b""
    while len(answer) < 2 * len(said):
        answer += own.recv(100)
    return answer


def all_that_comes(own: socket.socket) -> tuple[bytes, bool]:
    """Return the bytes up to the end, and whether the end was a reset."""
    heard = b""
    try:
        while some := own.recv(100):
            heard += some
    except ConnectionResetError:
        return heard, True
    return heard, False


def test_it_forwards_and_counts(proxy: Proxy) -> None:
    with client(proxy) as own, client(proxy) as other:
        assert ask(own, b"abc") == b"abcabc"
        proxy.mark()
        assert ask(own, b"de") == b"dede"
        assert ask(other, b"f") == b"ff"
        assert proxy.turns() == [(TO_SERVER, 2), (TO_CLIENT, 4), (TO_SERVER, 1), (TO_CLIENT, 2)]
        assert (proxy.counted(TO_SERVER), proxy.counted(TO_CLIENT)) == (3, 6)
        assert proxy.open() == proxy.most_open == proxy.accepted == 2


@pytest.mark.parametrize("how", [Cut.RESET, Cut.CLOSE])
@pytest.mark.parametrize("offset", range(5))
def test_it_cuts_at_the_byte(offset: int, how: Cut, echo: Echo) -> None:
    with Proxy("127.0.0.1", echo.port) as proxy, client(proxy) as own, client(proxy) as other:
        assert ask(own, b"x") == b"xx"
        assert ask(other, b"y") == b"yy"

        proxy.cut_after(TO_SERVER, offset, how)
        own.sendall(b"abcd")
        assert all_that_comes(own)[1] is (how is Cut.RESET)
        assert proxy.has_cut()

        proxy.cut_after(TO_CLIENT, offset, how)
        other.sendall(b"abcd")
        assert all_that_comes(other)[0] == b"abcdabcd"[:offset]
    for each in echo.threads:
        each.join()
    assert sorted(echo.heard) == [b"x" + b"abcd"[:offset], b"yabcd"]


def test_a_paused_connection_continues(proxy: Proxy) -> None:
    with client(proxy) as own:
        proxy.pause()
        own.settimeout(0.05)
        with pytest.raises(TimeoutError):
            ask(own, b"a")
        proxy.resume()
        own.settimeout(5)
        assert own.recv(100) == b"aa"


def test_swallowed_bytes_vanish_without_an_error(echo: Echo, proxy: Proxy) -> None:
    with client(proxy) as own, client(proxy) as other:
        assert ask(other, b"y") == b"yy"
        proxy.swallow()
        own.sendall(b"a")
        other.close()
        own.settimeout(0.05)
        with pytest.raises(TimeoutError):
            own.recv(1)
        assert proxy.open() == 2
        proxy.resume()
        own.settimeout(5)
        assert ask(own, b"b") == b"bb"
    assert sorted(echo.heard) == [b"b", b"y"]


def test_a_stalled_connection_leaves_others_alone(proxy: Proxy) -> None:
    with client(proxy) as own, client(proxy) as other:
        proxy.cut_after(TO_CLIENT, 1, Cut.STALL)
        own.sendall(b"a")
        assert own.recv(10) == b"a"
        own.settimeout(0.05)
        with pytest.raises(TimeoutError):
            own.recv(1)
        assert ask(other, b"b") == b"bb"
        proxy.resume()
        assert own.recv(10) == b"a"


def test_it_drips(proxy: Proxy) -> None:
    with client(proxy) as own:
        started = monotonic()
        proxy.drip(0.05)
        assert ask(own, b"abc") == b"aabbcc"  # the server receives one byte at a time
        assert monotonic() - started > 0.2


def test_it_refuses(proxy: Proxy) -> None:
    with client(proxy) as own:
        assert ask(own, b"a") == b"aa"
        proxy.refuse()
        with pytest.raises(ConnectionError), client(proxy) as refused:
            ask(refused, b"b")
        assert ask(own, b"c") == b"cc"


def test_it_resets_connections_to_a_closed_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    with Proxy("127.0.0.1", port) as proxy:
        with pytest.raises(ConnectionError), client(proxy) as own:
            ask(own, b"a")
        assert (proxy.accepted, proxy.open()) == (1, 0)


def test_connections_and_threads_end_with_it(echo: Echo) -> None:
    before = active_count()
    with Proxy("127.0.0.1", echo.port) as proxy:
        own = socket.create_connection((proxy.host, proxy.port), timeout=SOON)
        assert ask(own, b"a") == b"aa"
        assert active_count() > before
    with own:
        assert all_that_comes(own) == (b"", True)
    for each in echo.threads:
        each.join()
    assert active_count() == before


def test_an_unreachable_port_answers_nothing() -> None:
    with unreachable() as port, pytest.raises(TimeoutError):
        socket.create_connection(("127.0.0.1", port), timeout=0.3).close()


def test_it_counts_the_most_connections_at_once(proxy: Proxy) -> None:
    """Sequential connections count as one at a time, even if their last bytes are unread."""
    for _ in range(20):
        with client(proxy) as own:
            assert ask(own, b"a") == b"aa"
            own.sendall(b"bye")
    assert proxy.most_open == 1
    with client(proxy) as own, client(proxy) as other:
        assert ask(own, b"a") == ask(other, b"a") == b"aa"
        assert (proxy.accepted, proxy.most_open) == (22, 2)
