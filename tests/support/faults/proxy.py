"""A TCP proxy in front of one server, which counts bytes and simulates faults of networks."""

from __future__ import annotations

import errno
import fcntl
import select
import socket
import struct
import termios
from contextlib import ExitStack, contextmanager, suppress
from enum import Enum
from queue import Empty, SimpleQueue
from threading import Event, Thread
from time import monotonic, sleep
from typing import TYPE_CHECKING, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

_CHUNK = 65536
_LOOPBACK = "127.0.0.1"
_TCP_ESTABLISHED, _TCP_CLOSE = 1, 7
"""Linux's numbers for a connection that neither side has closed, and one that is gone."""


class Direction(Enum):
    """The direction of bytes."""

    TO_SERVER = "to server"
    TO_CLIENT = "to client"


class Cut(Enum):
    """The ways to cut a connection."""

    RESET = "both sides are reset"
    CLOSE = "both sides see an orderly end"
    STALL = "nothing more is forwarded, without an error"


class _Traffic(Enum):
    PASSES = "forwarded"
    STANDS = "not even read"
    VANISHES = "read and thrown away"
    IS_REFUSED = "new connections are reset"


class _Pipe:
    """One direction of a connection. It sends all that it has read before it reads more."""

    def __init__(self, direction: Direction, source: socket.socket, target: socket.socket) -> None:
        self.direction = direction
        self.source = source
        self.target = target
        self.held = b""
        self.ended = False
        self.counted = 0
        self.next_byte_at = 0.0


class _Link:
    """A connection: its two sockets and two directions."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client = client
        self.server = server
        self.connected = False
        self.stalled = False
        self.pipes = (
            _Pipe(Direction.TO_SERVER, client, server),
            _Pipe(Direction.TO_CLIENT, server, client),
        )


class Proxy:
    """A server's stand-in on the loopback. Its single thread ends with the block.

    Offsets are counted for each connection, from the last `mark` or `cut_after`, or from its
    beginning.
    """

    host = _LOOPBACK

    def __init__(self, host: str, port: int) -> None:
        self.target = (host, port)
        """The address for new connections. Change it when the server has moved."""
        self.accepted = 0
        """The number of connections accepted so far."""
        self.most_open = 0
        """The most connections at once that their clients had not closed."""
        self._links: list[_Link] = []
        self._traffic = _Traffic.PASSES
        self._seconds_a_byte = 0.0
        self._cut: tuple[Direction, int, Cut] | None = None
        self._turns: list[tuple[Direction, int]] = []
        self._orders: SimpleQueue[Callable[[], object]] = SimpleQueue()
        self._ending = False

    def __enter__(self) -> Self:
        self._listener = socket.create_server((_LOOPBACK, 0), backlog=256)
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._bell, self._ringer = socket.socketpair()
        self._bell.setblocking(False)
        self._thread = Thread(target=self._run, name=f"proxy {self.port}", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        def end() -> None:
            self._ending = True

        self._order(end)
        self._thread.join()
        for link in self._links[:]:
            self._end(link, Cut.RESET)
        for own in (self._listener, self._bell, self._ringer):
            own.close()

    # --- commands of a test: each takes effect before it returns --------------------------------

    def cut_after(self, direction: Direction, offset: int, how: Cut = Cut.RESET) -> None:
        """Cut the first connection that, from now on, has carried this number of bytes this way.

        These bytes arrive; later ones do not, in either direction. With 0, even the first byte
        this way does not arrive.
        """

        def arm() -> None:
            self._start_counting()
            self._cut = direction, offset, how

        self._order(arm)

    def has_cut(self) -> bool:
        """Return whether the cut of `cut_after` has happened."""
        return self._order(lambda: self._cut is None)

    def cut_now(self, how: Cut = Cut.RESET) -> int:
        """Cut all connections; return how many there were."""

        def cut() -> int:
            links = self._links[:]
            for link in links:
                self._end(link, how)
            return len(links)

        return self._order(cut)

    def mark(self) -> None:
        """Start counting here."""
        self._order(self._start_counting)

    def turns(self) -> list[tuple[Direction, int]]:
        """Return the directions since the mark, in turn, with their bytes."""
        return self._order(lambda: self._turns[:])

    def counted(self, direction: Direction) -> int:
        """Return the bytes in this direction since the mark."""
        return sum(size for way, size in self.turns() if way is direction)

    def open(self) -> int:
        """Count the open connections."""
        return self._order(lambda: len(self._links))

    def pause(self) -> None:
        """Stop reading and forwarding. New connections are accepted."""
        self._set(_Traffic.STANDS)

    def swallow(self) -> None:
        """Read and drop everything. New connections are accepted."""
        self._set(_Traffic.VANISHES)

    def refuse(self) -> None:
        """Reset new connections; keep existing ones."""
        self._set(_Traffic.IS_REFUSED)

    def drip(self, seconds_a_byte: float = 1.0) -> None:
        """Forward one byte at a time, each after this number of seconds."""
        self._set(_Traffic.PASSES, seconds_a_byte)

    def resume(self) -> None:
        """Forward everything again, including what was held back, and cut nothing."""

        def disarm() -> None:
            self._cut = None
            for link in self._links:
                link.stalled = False
                for pipe in link.pipes:
                    pipe.next_byte_at = 0.0

        self._order(disarm)
        self._set(_Traffic.PASSES)

    def _set(self, traffic: _Traffic, seconds_a_byte: float = 0.0) -> None:
        def change() -> None:
            self._traffic = traffic
            self._seconds_a_byte = seconds_a_byte

        self._order(change)

    def _order(self, what: Callable[[], T]) -> T:
        """Run a command in the proxy's thread, and wait for it."""
        results: list[T] = []
        done = Event()

        def carry_out() -> None:
            try:
                results.append(what())
            finally:
                done.set()

        self._orders.put(carry_out)
        self._ringer.send(b"!")
        done.wait()
        return results[0]

    # --- inside its thread -------------------------------------------------------------------

    def _run(self) -> None:
        while not self._ending:
            poll, wait = select.poll(), None
            poll.register(self._bell, select.POLLIN)
            poll.register(self._listener, select.POLLIN)
            wanted, wait = self._wanted()
            for number, events in wanted.items():
                poll.register(number, events)
            poll.poll(wait)
            self._carry_out_orders()
            self._accept()
            for link in self._links[:]:
                self._serve(link)

    def _wanted(self) -> tuple[dict[int, int], float | None]:
        """Return the events to wait for, by file number, and the longest wait in milliseconds."""
        wanted: dict[int, int] = {}
        wait = None
        for link in self._links:
            if not link.connected:
                wanted[link.server.fileno()] = select.POLLOUT
                continue
            for pipe in link.pipes:
                if self._stands(link) or pipe.ended:
                    continue
                if not pipe.held:
                    number, event = pipe.source.fileno(), select.POLLIN
                elif (early := pipe.next_byte_at - monotonic()) > 0:
                    wait = min(wait or 1000.0, early * 1000 + 1)
                    continue
                else:
                    number, event = pipe.target.fileno(), select.POLLOUT
                wanted[number] = wanted.get(number, 0) | event
        return wanted, wait

    def _stands(self, link: _Link) -> bool:
        return link.stalled or self._traffic is _Traffic.STANDS

    def _carry_out_orders(self) -> None:
        with suppress(BlockingIOError):
            self._bell.recv(_CHUNK)
        with suppress(Empty):
            while not self._ending:
                self._orders.get_nowait()()

    def _accept(self) -> None:
        try:
            client, _ = self._listener.accept()
        except OSError:
            return
        server = socket.socket(socket.AF_INET6 if ":" in self.target[0] else socket.AF_INET)
        for own in (client, server):
            own.setblocking(False)
            own.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link = _Link(client, server)
        self._links.append(link)
        self.accepted += 1
        # Ask the kernel: bytes that a client sent before it closed may still be unread.
        clients = [each for each in self._links if _state(each.client) == _TCP_ESTABLISHED]
        self.most_open = max(self.most_open, len(clients))
        refused = self._traffic is _Traffic.IS_REFUSED
        if refused or server.connect_ex(self.target) not in (0, errno.EINPROGRESS):
            self._end(link, Cut.RESET)

    def _serve(self, link: _Link) -> None:
        try:
            if not link.connected:
                self._see_whether_connected(link)
                return
            for pipe in link.pipes:
                if link in self._links and not self._stands(link):
                    self._move(link, pipe)
        except OSError:
            self._side_has_gone(link)
        if all(pipe.ended for pipe in link.pipes):
            self._end(link, Cut.CLOSE)

    def _side_has_gone(self, link: _Link) -> None:
        # While packets vanish, so do those that end a connection.
        self._end(link, Cut.STALL if self._traffic is _Traffic.VANISHES else Cut.RESET)

    def _see_whether_connected(self, link: _Link) -> None:
        number = link.server.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            raise OSError(number, "the server cannot be reached")
        poll = select.poll()
        poll.register(link.server, select.POLLOUT)
        link.connected = bool(poll.poll(0))

    def _move(self, link: _Link, pipe: _Pipe) -> None:
        """Read the available bytes, and forward them."""
        with suppress(BlockingIOError):
            if not pipe.held and not pipe.ended:
                pipe.held = pipe.source.recv(_CHUNK)
                if not pipe.held and self._traffic is _Traffic.VANISHES:
                    self._side_has_gone(link)
                elif not pipe.held:
                    pipe.ended = True
                    pipe.target.shutdown(socket.SHUT_WR)
            if self._traffic is _Traffic.VANISHES:
                pipe.held = b""
            if pipe.held and pipe.next_byte_at <= monotonic():
                self._send(link, pipe)

    def _send(self, link: _Link, pipe: _Pipe) -> None:
        size = len(pipe.held)
        if self._seconds_a_byte:
            size = 1
            pipe.next_byte_at = monotonic() + self._seconds_a_byte
        cut = self._cut if self._cut and self._cut[0] is pipe.direction else None
        if cut:
            size = min(size, cut[1] - pipe.counted)
        sent = pipe.target.send(pipe.held[:size]) if size else 0
        pipe.held = pipe.held[sent:]
        pipe.counted += sent
        self._note(pipe.direction, sent)
        if cut and pipe.counted == cut[1]:
            self._cut = None
            self._end(link, cut[2])

    def _note(self, direction: Direction, size: int) -> None:
        if not size:
            return
        if self._turns and self._turns[-1][0] is direction:
            size += self._turns.pop()[1]
        self._turns.append((direction, size))

    def _start_counting(self) -> None:
        self._turns = []
        for link in self._links:
            for pipe in link.pipes:
                pipe.counted = 0

    def _end(self, link: _Link, how: Cut) -> None:
        if how is Cut.STALL:
            link.stalled = True
            return
        if link in self._links:
            self._links.remove(link)
        for own in (link.client, link.server):
            _close(own, reset=how is Cut.RESET)


def _close(own: socket.socket, *, reset: bool) -> None:
    if reset:
        with suppress(OSError):
            _await_arrival(own)
            own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    own.close()


def _await_arrival(own: socket.socket) -> None:
    """Wait until the peer's kernel has all sent bytes, which a reset would discard."""
    deadline = monotonic() + 0.2
    while monotonic() < deadline:
        unacknowledged = fcntl.ioctl(own, termios.TIOCOUTQ, b"\0" * 4)
        # A connection that the peer has reset acknowledges nothing.
        if _state(own) == _TCP_CLOSE or not struct.unpack("i", unacknowledged)[0]:
            return
        sleep(0.0001)


def _state(own: socket.socket) -> int:
    return own.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]


@contextmanager
def unreachable() -> Iterator[int]:
    """Yield a port of the loopback that drops packets, so it neither accepts nor refuses."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server((_LOOPBACK, 0), backlog=0))
        port: int = listener.getsockname()[1]
        for _ in range(8):  # more than its queue holds
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex((_LOOPBACK, port))
        yield port
