"""A pool of connections for drivers that bring none."""

from __future__ import annotations

import os
from collections import deque
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hostmap_sql.dialects.base import Connection

ConnectionT = TypeVar("ConnectionT", bound="Connection")


class PoolExhausted(Exception):
    """No connection came back within the time-out."""


class LifoPool(Generic[ConnectionT]):
    """At most `size` connections, opened when asked for, the last one given back lent first.

    What DBUtils lacked (see the decision on pools): it waits with a time-out, never lends a
    connection that was found closed, and leaves a parent process's connections alone after a fork.
    """

    def __init__(
        self,
        open_connection: Callable[[], ConnectionT],
        is_open: Callable[[ConnectionT], bool],
        *,
        size: int,
        timeout: float,
    ) -> None:
        self._open_connection = open_connection
        self._is_open = is_open
        self._size = size
        self._timeout = timeout
        self._closed = False
        self._start()

    def _start(self) -> None:
        self._process = os.getpid()
        self._idle: deque[ConnectionT] = deque()
        self._permits: SimpleQueue[None] = SimpleQueue()
        for _ in range(self._size):
            self._permits.put(None)

    @contextmanager
    def connection(self) -> Iterator[ConnectionT]:
        """Lend a connection for a block. One that is closed in it is not lent again.

        :raises PoolExhausted: all were lent and none came back in time.
        """
        if self._process != os.getpid():
            self._start()
        permits = self._permits
        try:
            permits.get(timeout=self._timeout)
        except Empty:
            problem = f"all {self._size} connections of the pool were in use"
            raise PoolExhausted(problem) from None
        try:
            connection = self._idle_connection() or self._open_connection()
            try:
                yield connection
            finally:
                self._give_back(connection)
        finally:
            permits.put(None)

    def _idle_connection(self) -> ConnectionT | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _give_back(self, connection: ConnectionT) -> None:
        if not self._is_open(connection):
            return
        if self._closed:
            connection.close()
        else:
            self._idle.append(connection)

    def close(self) -> None:
        """Close the idle connections now, and those that are lent when they come back."""
        self._closed = True
        while connection := self._idle_connection():
            connection.close()
