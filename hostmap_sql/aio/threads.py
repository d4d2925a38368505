"""Runs the blocking calls of coroutines in threads, and cancels them.

The synchronous library does the work. A pool has as many threads as the library has connections, so
calls wait for both in one queue, where waiting costs no thread.
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
from typing import TYPE_CHECKING, Generic, ParamSpec, TypeVar

from hostmap_sql.batching import LOOKUP_SIZE
from hostmap_sql.engine.pool import POOL_IS_CLOSED
from hostmap_sql.engine.session import HAS_ENDED
from hostmap_sql.errors import DatabaseError, DatabaseUnavailable
from hostmap_sql.runtime.processes import PerProcess, own_id, refuse_elsewhere
from hostmap_sql.runtime.watchdog import WATCHDOG

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from hostmap_sql.engine.database import Database

T = TypeVar("T")
P = ParamSpec("P")

WorkQueue = SimpleQueue["Callable[[], None] | None"]
"""Functions for threads to call, in order; None ends a thread."""

# A call that waited for a thread no longer than this, in seconds, keeps its whole timeout.
_NEGLIGIBLE_WAIT = 0.05

# How long, in seconds, the last step of an iterator may wait for a thread.
_LAST_STEP = 0.1


class Job(Generic[T]):
    """One call, made in a thread and awaited in an event loop through `result`."""

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._context = copy_context()
        self._loop = get_running_loop()
        self._changing = Lock()
        self._thread: int | None = None
        self._has_begun = False
        self.result: Future[T] = self._loop.create_future()

    def run(self) -> None:
        """Make the call in the current thread, unless the job was cancelled or has failed."""
        with self._changing:
            if self.result.done():
                return
            self._has_begun = True
            self._thread = get_ident()
        settle: Callable[[], None]
        try:
            settle = partial(self.result.set_result, self._context.run(self._function))
        except StopIteration as error:  # a future cannot hold it
            wrapped = RuntimeError("the call raised StopIteration")
            wrapped.__cause__ = error
            settle = partial(self.result.set_exception, wrapped)
        except BaseException as error:  # noqa: BLE001 - raised where the result is awaited
            settle = partial(self.result.set_exception, error)
        with self._changing:
            WATCHDOG.clear(get_ident())
            self._thread = None
        with suppress(RuntimeError):  # the loop was closed
            self._loop.call_soon_threadsafe(self._settle, settle)

    def _settle(self, settle: Callable[[], None]) -> None:
        if not self.result.done():
            settle()

    def cancel(self) -> None:
        """Keep the call from beginning, or interrupt it soon if it has begun."""
        with self._changing:
            self.result.cancel()
            if self._thread is not None:
                WATCHDOG.cancel(self._thread)

    def fail_if_pending(self, error: Exception) -> None:
        """Raise an error where the result is awaited, if the call has not begun."""
        with self._changing:
            if not self._has_begun and not self.result.done():
                self.result.set_exception(error)


class CallExecutor(ABC):
    """Makes the blocking calls of coroutines in threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @abstractmethod
    def submit(self, work: Callable[[], None]) -> None:
        """Call a function in a thread, as soon as one is free.

        :raises DatabaseError: the executor was shut down.
        """

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a blocking function in a thread and return its result.

        The time that the call waits for a thread counts towards its timeout. When it is cancelled,
        the function is interrupted soon: a write that has not begun to commit is not made.

        :raises DatabaseUnavailable: no thread became free in time.
        """
        return await self.call_within(self._database.timeout, partial(function, *args, **kwargs))

    async def call_within(self, timeout: float, function: Callable[[], T]) -> T:
        """Call a function, as `call` does, with another timeout, in seconds."""
        submitted_at = monotonic()

        def call_in_time_left() -> T:
            waited = monotonic() - submitted_at
            if waited < _NEGLIGIBLE_WAIT:
                return function()
            with self._database.limit_timeout(timeout - waited):
                return function()

        job = Job(call_in_time_left)
        problem = f"all connections of the pool were in use (tried for {timeout:g} s)"
        late = DatabaseUnavailable(self._database.name, problem)
        timer = get_running_loop().call_later(timeout, job.fail_if_pending, late)
        self.submit(job.run)
        try:
            return await job.result
        except CancelledError:
            job.cancel()
            raise
        finally:
            timer.cancel()

    async def iterate(
        self, items: Iterator[T | float], timeout: float | None = None
    ) -> AsyncIterator[T]:
        """Yield the items of an iterator that blocks; pause for each number, in seconds.

        :param timeout: the time, in seconds, that the iterator may take. Default: no limit, but
            each step has the timeout of a call.
        """
        began = monotonic()
        while True:
            if timeout is None:
                left = self._database.timeout
            else:
                left = max(_LAST_STEP, round(timeout - (monotonic() - began), 1))
            batch = await self.call_within(left, partial(_next_batch, items))
            if not batch:
                return
            for item in batch:
                if isinstance(item, _Failure):
                    raise item.error
                if isinstance(item, int | float):
                    await sleep(item)
                else:
                    yield item


class _Failure:
    """The error that ended an iterator after some items, raised once these are consumed."""

    def __init__(self, error: Exception) -> None:
        self.error = error


def _next_batch(items: Iterator[T]) -> list[T | _Failure]:
    """Return the next items, up to a pause; an empty list at the end."""
    batch: list[T | _Failure] = []
    try:
        for item in items:
            batch.append(item)
            if isinstance(item, int | float) or len(batch) == LOOKUP_SIZE:
                break
    except Exception as error:
        if not batch:
            raise
        batch.append(_Failure(error))
    return batch


class _Workers:
    """The threads of one process, and their queue."""

    def __init__(self) -> None:
        self.queue: WorkQueue = SimpleQueue()
        self.number = 0
        self.starting = Lock()


class ThreadPool(CallExecutor):
    """Up to `size` threads in each process, started when they are needed.

    Not a `ThreadPoolExecutor`: at exit the interpreter joins its threads, so that a transaction
    that was never ended, or a server that never answers, would keep the process from ending. It
    does not detect forks either.
    """

    def __init__(self, database: Database, size: int) -> None:
        super().__init__(database)
        self._size = size
        self._is_shut_down = False
        self._process = PerProcess(lambda _: _Workers())

    def submit(self, work: Callable[[], None]) -> None:
        """Call a function in a thread, as soon as one is free."""
        if self._is_shut_down:
            raise DatabaseError(POOL_IS_CLOSED)
        workers = self._process()
        with workers.starting:
            if workers.number < self._size:
                queue = workers.queue
                if not workers.number:  # ends the threads of a pool that is never shut down
                    weakref.finalize(self, _end_threads, queue, self._size).atexit = False
                thread = Thread(target=_work, args=[queue], name="hostmap_sql call", daemon=True)
                thread.start()
                workers.number += 1
        workers.queue.put(work)

    def shut_down(self) -> None:
        """Refuse further work, and end the threads once the work submitted before is done."""
        self._is_shut_down = True
        _end_threads(self._process().queue, self._size)


class SingleThread(CallExecutor):
    """The thread that runs `serve`, for calls that have to follow one another."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._queue: WorkQueue = SimpleQueue()
        self._is_shut_down = False
        self._process_id = own_id()

    def serve(self) -> None:
        """Make the calls in the current thread, until `shut_down`."""
        _work(self._queue)

    def submit(self, work: Callable[[], None]) -> None:
        """Call a function in the thread, after all work submitted before."""
        refuse_elsewhere(self._process_id, "the transaction")
        if self._is_shut_down:
            raise DatabaseError(HAS_ENDED)
        self._queue.put(work)

    def shut_down(self) -> None:
        """Refuse further work, and let `serve` return once the work submitted before is done."""
        self._is_shut_down = True
        self._queue.put(None)


def _work(queue: WorkQueue) -> None:
    while (work := queue.get()) is not None:
        work()
        del work  # an idle thread must not keep its objects alive


def _end_threads(queue: WorkQueue, number: int) -> None:
    for _ in range(number):
        queue.put(None)
