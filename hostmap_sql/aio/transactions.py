"""Transactions of coroutines: all of one runs in one thread, which it keeps to its end."""

from __future__ import annotations

from asyncio import CancelledError, get_running_loop, shield, wait
from contextlib import ExitStack, asynccontextmanager, suppress
from functools import partial
from inspect import isawaitable
from typing import TYPE_CHECKING, Generic, TypeVar

from hostmap_sql.aio.faces import AsyncCells, AsyncHosts
from hostmap_sql.aio.threads import Job, OneThread
from hostmap_sql.errors import DatabaseError, InvalidValue

if TYPE_CHECKING:
    from asyncio import Task
    from collections.abc import AsyncIterator, Awaitable, Callable
    from contextlib import AbstractContextManager
    from datetime import datetime

    from hostmap_sql.aio.threads import Calls, P
    from hostmap_sql.database import Database
    from hostmap_sql.hostmap import Changes

T = TypeVar("T")


class TransactionThread(OneThread):
    """The thread of a transaction. A call that is cancelled spoils it: it may have been made."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._spoiled = False

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function in the thread, as the others do."""
        self.refuse_if_spoiled()
        try:
            return await super().call(function, *args, **kwargs)
        except CancelledError:
            self._spoiled = True
            raise

    def refuse_if_spoiled(self) -> None:
        """See to it that nothing is added to, nor committed of, half of what was to be done."""
        if self._spoiled:
            raise DatabaseError("a call of the transaction was cancelled: begin another one")


class AsyncChanges:
    """A transaction that was begun: `Changes`, asynchronously."""

    def __init__(self, changes: Changes, calls: Calls) -> None:
        self._changes = changes
        self.hosts = AsyncHosts(changes.hosts, calls)
        self.cells = AsyncCells(changes.cells, calls)

    @property
    def revision(self) -> int:
        """The revision that it makes, if it changes anything."""
        return self._changes.revision

    @property
    def change_id(self) -> str:
        """The UUID by which the history knows it."""
        return self._changes.change_id

    @property
    def now(self) -> datetime:
        """The time of all its changes."""
        return self._changes.now


@asynccontextmanager
async def block(
    calls: Calls, database: Database, transaction: AbstractContextManager[Changes]
) -> AsyncIterator[AsyncChanges]:
    """A block in a transaction."""
    thread = TransactionThread(database)
    stack = ExitStack()

    def undo() -> None:
        """End it without a commit, unless it has ended."""
        with suppress(BaseException):
            stack.__exit__(CancelledError, CancelledError(), None)

    calls.begin(thread.serve)
    try:
        changes = await thread.call(stack.enter_context, transaction)
        try:
            yield AsyncChanges(changes, thread)
            await thread.call(stack.close)
        except (Exception, CancelledError):  # but not where there is no loop any more
            undoing = Job(undo)
            thread.begin(undoing.run)
            await shield(undoing.result)
            raise
    finally:
        thread.begin(undo)
        thread.leave()


class Run(Generic[T]):
    """A coroutine function that is run in a transaction, more than once if need be."""

    def __init__(self, fn: Callable[[AsyncChanges], Awaitable[T]], database: Database) -> None:
        self._fn = fn
        self._database = database
        self._loop = get_running_loop()
        self._task: Task[T] | None = None
        self._cancelled = False

    def attempt(self, changes: Changes) -> T:
        """Run it once, in the event loop, while this thread makes the calls of the transaction.

        :raises CancelledError: it was cancelled.
        """
        thread = TransactionThread(self._database)
        self._loop.call_soon_threadsafe(self._begin, AsyncChanges(changes, thread), thread)
        thread.serve()
        return self._result(thread)

    def _result(self, thread: TransactionThread) -> T:
        task = self._task
        if task is None or self._cancelled:
            raise CancelledError
        result = task.result()
        thread.refuse_if_spoiled()
        return result

    def _begin(self, changes: AsyncChanges, thread: OneThread) -> None:
        if self._cancelled:
            thread.leave()
            return
        self._task = self._loop.create_task(self._call(changes))
        self._task.add_done_callback(partial(self._ended, thread))

    def _ended(self, thread: OneThread, task: Task[T]) -> None:
        if not task.cancelled():
            task.exception()  # will be raised by the thread, if anybody is there to get it
        thread.leave()

    async def _call(self, changes: AsyncChanges) -> T:
        returned: object = self._fn(changes)
        if not isawaitable(returned):
            raise InvalidValue("fn", "must be a coroutine function")
        result: T = await returned
        return result

    async def cancel(self) -> None:
        """Cancel it, and return when it has ended; or raise what it has raised instead."""
        self._cancelled = True
        task = self._task
        if task is not None and not task.done():
            if not task.cancelling():  # as it is already where a loop ends
                task.cancel()
            await wait([task])
            if not task.cancelled():
                task.result()
