"""Calls in threads: how a coroutine waits for what blocks, and what becomes of it when cancelled.

The synchronous library does the work. As many threads are at it as there are connections to be had,
so what has to wait does so in a queue, where it costs nothing.
"""

from __future__ import annotations

import weakref
from abc import ABC, abstractmethod
from asyncio import CancelledError, Future, get_running_loop, sleep
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from queue import SimpleQueue
from threading import Lock, Thread, get_ident
from time import monotonic
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

from hostmap_sql.dialects.lifo_pool import POOL_IS_CLOSED
from hostmap_sql.dialects.process import PerProcess, own_id, refuse_elsewhere
from hostmap_sql.dialects.watch import WATCH
from hostmap_sql.errors import DatabaseError, DatabaseUnavailable
from hostmap_sql.parts import LOOKUP_SIZE
from hostmap_sql.sessions import HAS_ENDED

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from hostmap_sql.database import Database

T = TypeVar("T")
P = ParamSpec("P")

Work = SimpleQueue["Callable[[], None] | None"]
"""What threads are to do, one after the other; None ends a thread."""

# A call that has waited no longer than so many seconds for a thread has all of its time still.
_AT_ONCE = 0.05

# How long, in seconds, the last step of an iterator may wait for a thread.
_LAST_STEP = 0.1


class Job(Generic[T]):
    """One call, made in a thread and waited for in an event loop."""

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._context = copy_context()
        self._loop = get_running_loop()
        self._changing = Lock()
        self._thread: int | None = None
        self._has_begun = False
        self.result: Future[T] = self._loop.create_future()

    def run(self) -> None:
        """Make the call, in the thread that this is called in, unless nobody waits for it."""
        with self._changing:
            if self.result.done():
                return
            self._has_begun = True
            self._thread = get_ident()
        settle: Callable[[], None]
        try:
            settle = partial(self.result.set_result, self._context.run(self._function))
        except StopIteration as error:  # which no future takes
            wrapped = RuntimeError("the call raised StopIteration")
            wrapped.__cause__ = error
            settle = partial(self.result.set_exception, wrapped)
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            settle = partial(self.result.set_exception, error)
        with self._changing:
            WATCH.relax(get_ident())
            self._thread = None
        with suppress(RuntimeError):  # the loop was closed
            self._loop.call_soon_threadsafe(self._settle, settle)

    def _settle(self, settle: Callable[[], None]) -> None:
        if not self.result.done():
            settle()

    def give_up(self) -> None:
        """Have it end soon if it has begun, and not begin otherwise."""
        with self._changing:
            self.result.cancel()
            if self._thread is not None:
                WATCH.give_up(self._thread)

    def refuse(self, error: Exception) -> None:
        """Have it fail if it has not begun."""
        with self._changing:
            if not self._has_begun and not self.result.done():
                self.result.set_exception(error)


class Calls(ABC):
    """Makes the calls of coroutines, in whatever thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @abstractmethod
    def begin(self, work: Callable[[], None]) -> None:
        """Have this done in a thread, as soon as there is one for it."""

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function that blocks, in a thread, and return its result.

        What waits for a thread does so for no longer than a call may take. If it is cancelled the
        function ends soon, in its thread: what it has not begun to commit is not written.

        :raises DatabaseUnavailable: there was no thread for it in that time.
        """
        return await self.call_within(self._database.timeout, partial(function, *args, **kwargs))

    async def call_within(self, timeout: float, function: Callable[[], T]) -> T:
        """Call a function, as `call` does, that has so many seconds."""
        asked_at = monotonic()

        def in_time() -> T:
            waited = monotonic() - asked_at
            if waited < _AT_ONCE:
                return function()
            with self._database.narrowed(timeout - waited):
                return function()

        job = Job(in_time)
        problem = f"all connections of the pool were in use (tried for {timeout:g} s)"
        refusal = DatabaseUnavailable(self._database.name, problem)
        refusing = get_running_loop().call_later(timeout, job.refuse, refusal)
        self.begin(job.run)
        try:
            return await job.result
        except CancelledError:
            job.give_up()
            raise
        finally:
            refusing.cancel()

    async def each(
        self, items: Iterator[T | float], timeout: float | None = None
    ) -> AsyncIterator[T]:
        """The items of an iterator that blocks. A number stands for a pause, in seconds.

        :param timeout: how long, in seconds, the iterator itself takes at most. Default: it may
            take as long as it likes, and wait for a thread as long as a call, each time.
        """
        began = monotonic()
        while True:
            if timeout is None:
                left = self._database.timeout
            else:
                left = max(_LAST_STEP, round(timeout - (monotonic() - began), 1))
            batch = await self.call_within(left, partial(_some, items))
            if not batch:
                return
            for item in batch:
                if isinstance(item, Exception):
                    raise item
                if isinstance(item, int | float):
                    await sleep(item)
                else:
                    yield item


def _some(items: Iterator[T]) -> list[T | Exception]:
    """The next items, up to a pause, none at the end; and if it fails among them, as what."""
    some: list[Any] = []
    try:
        for item in items:
            some.append(item)
            if isinstance(item, int | float) or len(some) == LOOKUP_SIZE:
                break
    except Exception as error:
        if not some:
            raise
        some.append(error)
    return some


class _Crew:
    """The threads of one process, and what they are to do."""

    def __init__(self) -> None:
        self.work: Work = SimpleQueue()
        self.number = 0
        self.starting = Lock()


class Threads(Calls):
    """So many threads at most, started as they are needed. Any of them makes a call."""

    def __init__(self, database: Database, size: int) -> None:
        super().__init__(database)
        self._size = size
        self._has_ended = False
        self._process = PerProcess(lambda _: _Crew())

    def begin(self, work: Callable[[], None]) -> None:
        """Have this done in a thread, as soon as there is one for it."""
        if self._has_ended:
            raise DatabaseError(POOL_IS_CLOSED)
        crew = self._process()
        with crew.starting:
            if crew.number < self._size:
                if not crew.number:  # also for who forgets to end them
                    weakref.finalize(self, _end_threads, crew.work, self._size).atexit = False
                work_to_do = [crew.work]
                Thread(target=_do, args=work_to_do, name="hostmap_sql call", daemon=True).start()
                crew.number += 1
        crew.work.put(work)

    def end(self) -> None:
        """End the threads, once they have done what was begun."""
        self._has_ended = True
        _end_threads(self._process().work, self._size)


class OneThread(Calls):
    """The thread that calls `serve`, for calls that have to follow one another."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._work: Work = SimpleQueue()
        self._has_left = False
        self._process_id = own_id()

    def serve(self) -> None:
        """Make the calls, until `leave`."""
        _do(self._work)

    def begin(self, work: Callable[[], None]) -> None:
        """Have this done in the thread, after all that was begun before."""
        refuse_elsewhere(self._process_id, "the transaction")
        if self._has_left:
            raise DatabaseError(HAS_ENDED)
        self._work.put(work)

    def leave(self) -> None:
        """Let the thread go, once it has done what was begun."""
        self._has_left = True
        self._work.put(None)


def _do(work: Work) -> None:
    while (do := work.get()) is not None:
        do()
        del do  # what it holds is not to live on while the thread waits


def _end_threads(work: Work, number: int) -> None:
    for _ in range(number):
        work.put(None)
