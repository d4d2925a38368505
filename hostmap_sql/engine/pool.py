"""The library's own connection pool, and leases of connections from any pool."""

from __future__ import annotations

import os
import threading
from collections import deque
from contextlib import suppress
from operator import methodcaller
from time import monotonic
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from hostmap_sql.engine.connector import NO_ANSWER, NO_PASSWORD, ConnectAttempt
from hostmap_sql.errors import DatabaseError
from hostmap_sql.runtime.deadlines import NoConnectionInTime, wait_until
from hostmap_sql.runtime.processes import MARK, Living, PerProcess, notice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from hostmap_sql.dialects.base import Dialect
    from hostmap_sql.dialects.database_url import DatabaseUrl
    from hostmap_sql.engine.error_translation import Translator
    from hostmap_sql.runtime.dbapi import Connection, MakeCursor, Pool

ConnectionT = TypeVar("ConnectionT", bound="Connection")

_LONGEST_BEFORE_FORK = 1.0
"""The longest time, in seconds, that a fork waits for open transactions."""

POOL_IS_CLOSED = "this HostMap was closed: connect again"


class PoolExhausted(NoConnectionInTime):
    """All connections were in use until the deadline."""


class FairSemaphore:
    """A semaphore that serves threads in the order of their requests.

    Those of the standard library are not fair: a running thread that releases and acquires again
    can overtake waiting threads forever.
    """

    def __init__(self, number: int) -> None:
        self._free = number
        self._waiting: deque[threading.Lock] = deque()
        self._changing = threading.Lock()

    def acquire(self, deadline: float) -> bool:
        """Acquire it; return False if that was not possible by the deadline."""
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
            if not self._stop_waiting(turn):
                self.release()
            raise
        return not self._stop_waiting(turn)

    def _stop_waiting(self, turn: threading.Lock) -> bool:
        """Remove a waiting thread; return False if it has been served."""
        with self._changing:
            is_waiting = turn in self._waiting
            if is_waiting:
                self._waiting.remove(turn)
            return is_waiting

    def release(self) -> None:
        """Release it."""
        with self._changing:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._free += 1


class _Stock(Generic[ConnectionT]):
    """The connections of one process.

    :param inherited: the parent's connections, each with whether it was lent at the fork.
    """

    def __init__(self, size: int, inherited: Iterable[tuple[ConnectionT, bool]]) -> None:
        self.held = 0
        self.opened: set[ConnectionT] = set()
        """All of them, lent or idle."""
        self.idle: deque[ConnectionT] = deque()
        self.semaphore = FairSemaphore(size)
        self.inherited = list(inherited)
        self.disowning = threading.Lock()

    def all(self) -> Iterable[tuple[ConnectionT, bool]]:
        """All connections, inherited ones included, each with whether it is lent."""
        idle = {id(connection) for connection in list(self.idle)}
        own = [(connection, id(connection) not in idle) for connection in list(self.opened)]
        return [*self.inherited, *own]


class ConnectionPool(Generic[ConnectionT]):
    """A pool of up to `size` connections, opened on demand, last in, first out.

    DBUtils lacks three things (see the decision on pools): waiting with a timeout, never lending a
    connection known to be closed, and leaving a parent's connections alone after a fork.

    :param open_connection: connects, given the deadline, by the monotonic clock.
    :param disown: drops an inherited connection without a message to the server, given whether it
        was lent at the fork.
    :param late: the message if connecting does not end before the deadline.
    """

    is_own = True

    def __init__(
        self,
        open_connection: Callable[[float], ConnectionT],
        is_closed: Callable[[ConnectionT], object],
        *,
        size: int,
        disown: Callable[[ConnectionT, bool], object] = lambda _connection, _lent: None,
        late: str = NO_ANSWER,
    ) -> None:
        self.make_cursor: MakeCursor = methodcaller("cursor")
        self._open_connection = open_connection
        self._is_closed = is_closed
        self._disown = disown
        self._size = size
        self._late = late
        self._closed = False

        def new_stock(parents: _Stock[ConnectionT] | None) -> _Stock[ConnectionT]:
            return _Stock(size, parents.all() if parents else ())

        self.process = PerProcess(new_stock)
        _POOLS.add(self)

    def take(self, deadline: float) -> ConnectionT:
        """Take a connection, for `give_back`. A closed one is not lent again.

        :raises NoConnectionInTime: none was available by the deadline.
        :raises DatabaseError: the pool is closed.
        """
        if self._closed:
            raise DatabaseError(POOL_IS_CLOSED)
        if not MARK[0]:  # inline, on the hot path
            notice()
        stock = self.process.value
        if not stock.semaphore.acquire(deadline):
            raise PoolExhausted(f"all {self._size} connections of the pool were in use")
        try:  # `suppress` is Python code, and each lookup passes here
            return stock.idle.pop()
        except IndexError:
            pass
        # An abandoned attempt holds the semaphore until it ends, so that the server never sees
        # more than `size` of them.
        attempt = ConnectAttempt(self._open, deadline, stock.semaphore.release, self._late)
        connection = attempt.connection()
        stock.opened.add(connection)
        return connection

    def _open(self, deadline: float) -> ConnectionT:
        # In all pools: SQLite's locks belong to all connections of a process together.
        for pool in _POOLS:
            pool.disown_inherited()
        return self._open_connection(deadline)

    def give_back(self, connection: ConnectionT, *_: object) -> None:
        """Return a connection to the pool."""
        if not MARK[0]:
            notice()
        stock = self.process.value
        if connection not in stock.opened:  # the parent process lent it
            self.disown_inherited()
            return
        try:
            if self._is_closed(connection):
                stock.opened.discard(connection)
                # The cause has probably closed the others too: a restart of the server, say.
                self._close_idle()
            elif self._closed:
                stock.opened.discard(connection)
                connection.close()
            else:
                stock.idle.append(connection)
        finally:
            stock.semaphore.release()

    def close(self) -> None:
        """Close the idle connections now, and lent ones on their return."""
        self._closed = True
        self.disown_inherited()
        self._close_idle()

    def _close_idle(self) -> None:
        stock = self.process()
        with suppress(IndexError):
            while True:
                connection = stock.idle.pop()
                stock.opened.discard(connection)
                connection.close()

    def disown_inherited(self) -> None:
        """Drop the connections of a parent process, which still uses them."""
        stock = self.process()
        with stock.disowning:
            while stock.inherited:
                with suppress(Exception):  # it may be closed
                    self._disown(*stock.inherited[-1])
                stock.inherited.pop()  # last, so that a fork in between does not lose it

    def hold(self, deadline: float) -> None:
        """Stop lending, and wait until all connections are back or the deadline passes."""
        stock = self.process()
        while stock.held < self._size and stock.semaphore.acquire(deadline):
            stock.held += 1

    def let_go(self) -> None:
        """Lend connections again."""
        stock = self.process()
        while stock.held:
            stock.held -= 1
            stock.semaphore.release()


def pool_for(
    dialect: Dialect,
    url: DatabaseUrl,
    *,
    size: int,
    timeout: float,
    password: Callable[[], str] | None = None,
) -> ConnectionPool[Connection]:
    """Make a pool for a database. It opens no connection before the first is needed.

    :param password: returns the password of each new connection; None if the URL has it.
    """
    connect = dialect.connector(url, timeout, password)
    late = NO_ANSWER if password is None else NO_PASSWORD
    return ConnectionPool(connect, dialect.is_closed, size=size, disown=dialect.disown, late=late)


class Lease:
    """A connection of any pool, for a block, with the pool's errors translated."""

    # A class with slots: a generator costs each lookup one microsecond more.
    __slots__ = ("_connection", "_deadline", "_pool", "_translator")

    def __init__(self, pool: Pool, deadline: float, translator: Translator) -> None:
        self._connection: Connection
        self._pool = pool
        self._deadline = deadline
        self._translator = translator

    def __enter__(self) -> Connection:
        try:
            self._connection = self._pool.take(self._deadline)
        except Exception as error:  # noqa: BLE001 - raised below
            failure = self._translator.connect_failure(error, is_own=self._pool.is_own)
        else:
            return self._connection
        raise failure

    def __exit__(
        self,
        type_: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # The block's result stands even if the pool cannot take the connection back: otherwise a
        # committed write would look undone.
        try:  # noqa: SIM105 - `suppress` is Python code, and each lookup passes here
            self._pool.give_back(self._connection, type_, error, traceback)
        except Exception:  # noqa: BLE001, S110 - see above
            pass


# A fork in the middle of a call copies locks that the call holds, such as SQLite's own, and nothing
# releases them in the child. So `os.fork` waits for running calls. A fork in C cannot be noticed.
_POOLS: Living[ConnectionPool[Any]] = Living()


def _before_fork() -> None:
    deadline = monotonic() + _LONGEST_BEFORE_FORK
    for pool in _POOLS:
        pool.hold(deadline)


def _after_fork_in_parent() -> None:
    for pool in _POOLS:
        pool.let_go()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent)
