"""A pool of connections for drivers that bring none."""

from __future__ import annotations

import os
import threading
from collections import deque
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from hostmap_sql.dialects.opening import NoConnectionInTime, Opening, wait_until
from hostmap_sql.dialects.process import MARK, Living, PerProcess, notice
from hostmap_sql.errors import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hostmap_sql.dialects.base import Connection

ConnectionT = TypeVar("ConnectionT", bound="Connection")


# A fork waits no longer, in seconds, for transactions that other threads, or its own, have open.
_LONGEST_BEFORE_FORK = 1.0

POOL_IS_CLOSED = "this HostMap was closed: connect again"


class PoolExhausted(NoConnectionInTime):
    """No connection came back within the time of the call."""


class Places:
    """So many places, each for one at a time. Who came first is the first to get one.

    With a semaphore or a queue of the standard library he may be passed over for ever: by threads
    that give a place back and take it again before he has woken.
    """

    def __init__(self, number: int) -> None:
        self._free = number
        self._waiting: deque[threading.Lock] = deque()
        self._changing = threading.Lock()

    def take(self, deadline: float) -> bool:
        """Take a place, when there is one; return False if there was none at the deadline."""
        with self._changing:
            if self._free:
                self._free -= 1
                return True
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append(turn)
        try:
            wait_until(deadline, lambda seconds: turn.acquire(timeout=seconds))
        except BaseException:
            if not self._leave(turn):
                self.give_back()
            raise
        return not self._leave(turn)

    def _leave(self, turn: threading.Lock) -> bool:
        """Wait no longer; return False if it was his turn already."""
        with self._changing:
            waits = turn in self._waiting
            if waits:
                self._waiting.remove(turn)
            return waits

    def give_back(self) -> None:
        """Give a place back."""
        with self._changing:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._free += 1


class _Stock(Generic[ConnectionT]):
    """The connections of one process.

    :param inherited: those of its parent, each with whether it was lent when the process was
        forked.
    """

    def __init__(self, size: int, inherited: Iterable[tuple[ConnectionT, bool]]) -> None:
        self.held = 0
        self.opened: set[ConnectionT] = set()
        """All of them, lent or not."""
        self.idle: deque[ConnectionT] = deque()
        self.places = Places(size)
        self.inherited = list(inherited)
        self.disowning = threading.Lock()

    def all(self) -> Iterable[tuple[ConnectionT, bool]]:
        """All there are, those of parents included, each with whether it is lent."""
        idle = {id(connection) for connection in list(self.idle)}
        own = [(connection, id(connection) not in idle) for connection in list(self.opened)]
        return [*self.inherited, *own]


class LifoPool(Generic[ConnectionT]):
    """At most `size` connections, opened when asked for, the last one given back lent first.

    What DBUtils lacked (see the decision on pools): it waits with a time-out, never lends a
    connection that was found closed, and leaves a parent process's connections alone after a fork.

    :param open_connection: connects, given the deadline, by the monotonic clock.
    :param disown: lets a connection of a parent process go, without a word to the database, given
        whether it was lent when this process was forked.
    """

    def __init__(
        self,
        open_connection: Callable[[float], ConnectionT],
        is_open: Callable[[ConnectionT], bool],
        *,
        size: int,
        disown: Callable[[ConnectionT, bool], object] = lambda _connection, _lent: None,
    ) -> None:
        self._open_connection = open_connection
        self._is_open = is_open
        self._disown = disown
        self._size = size
        self._closed = False

        def new_stock(parents: _Stock[ConnectionT] | None) -> _Stock[ConnectionT]:
            return _Stock(size, parents.all() if parents else ())

        self.process = PerProcess(new_stock)
        _POOLS.add(self)

    def connection(self, deadline: float) -> Loan[ConnectionT]:
        """Lend a connection for a block. One that is closed in it is not lent again."""
        return Loan(self, deadline)

    def take(self, deadline: float) -> ConnectionT:
        """Take a connection, to be given back.

        :raises NoConnectionInTime: there was none at the deadline.
        :raises DatabaseError: the pool is closed.
        """
        if self._closed:
            raise DatabaseError(POOL_IS_CLOSED)
        if not MARK[0]:  # inline: every lookup passes here
            notice()
        stock = self.process.value
        places = stock.places
        if not places.take(deadline):
            raise PoolExhausted(f"all {self._size} connections of the pool were in use")
        connection = _idle_connection(stock)
        if connection is not None:
            return connection
        # An attempt that is left to itself keeps its place until it has ended: the server never
        # sees more of them than there are places.
        opening = Opening(self._open, deadline, places.give_back)
        connection = opening.connection()
        stock.opened.add(connection)
        return connection

    def _open(self, deadline: float) -> ConnectionT:
        # Those of all pools: SQLite's locks are of all connections of a process together.
        for pool in _POOLS:
            pool.disown_inherited()
        return self._open_connection(deadline)

    def give_back(self, connection: ConnectionT) -> None:
        """Give back a connection that was taken."""
        if not MARK[0]:
            notice()
        stock = self.process.value
        if connection not in stock.opened:  # it was lent in the parent process
            self.disown_inherited()
            return
        try:
            if not self._is_open(connection):
                stock.opened.discard(connection)
                # What ended it has probably ended the others, too: the server was restarted, say.
                self._close_idle()
            elif self._closed:
                stock.opened.discard(connection)
                connection.close()
            else:
                stock.idle.append(connection)
        finally:
            stock.places.give_back()

    def close(self) -> None:
        """Close the idle connections now, and those that are lent when they come back."""
        self._closed = True
        self.disown_inherited()
        self._close_idle()

    def _close_idle(self) -> None:
        stock = self.process()
        while connection := _idle_connection(stock):
            stock.opened.discard(connection)
            connection.close()

    def disown_inherited(self) -> None:
        """Let the connections go that a parent process had: they are still its own."""
        stock = self.process()
        with stock.disowning:
            while stock.inherited:
                with suppress(Exception):  # it may have been closed
                    self._disown(*stock.inherited[-1])
                stock.inherited.pop()  # not before: a child of this process would not know of it

    def hold(self, deadline: float) -> None:
        """Lend nothing; return when all connections are back, or at the deadline."""
        stock = self.process()
        while stock.held < self._size and stock.places.take(deadline):
            stock.held += 1

    def let_go(self) -> None:
        """Lend again."""
        stock = self.process()
        while stock.held:
            stock.held -= 1
            stock.places.give_back()


def _idle_connection(stock: _Stock[ConnectionT]) -> ConnectionT | None:
    try:
        return stock.idle.pop()
    except IndexError:
        return None


class Loan(Generic[ConnectionT]):
    """A connection for a block. A class: a generator costs every lookup a microsecond more."""

    __slots__ = ("_connection", "_deadline", "_pool")

    def __init__(self, pool: LifoPool[ConnectionT], deadline: float) -> None:
        self._pool = pool
        self._deadline = deadline

    def __enter__(self) -> ConnectionT:
        self._connection = self._pool.take(self._deadline)
        return self._connection

    def __exit__(self, *_: object) -> None:
        self._pool.give_back(self._connection)


# A process that forks in the middle of a call takes what the call has locked along: SQLite's own
# locks, which nobody frees in the child. So who forks by `os.fork` waits for the calls of other
# threads; of another fork there is no word before.
_POOLS: Living[LifoPool[Any]] = Living()


def _before_fork() -> None:
    deadline = monotonic() + _LONGEST_BEFORE_FORK
    for pool in _POOLS:
        pool.hold(deadline)


def _in_the_parent() -> None:
    for pool in _POOLS:
        pool.let_go()


os.register_at_fork(before=_before_fork, after_in_parent=_in_the_parent)
