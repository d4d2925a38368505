"""Transactions of coroutines: each makes all its calls in one thread, which it keeps to its end."""

from __future__ import annotations

from asyncio import CancelledError, get_running_loop, shield, wait
from contextlib import ExitStack, asynccontextmanager, suppress
from functools import partial
from inspect import isawaitable
from typing import TYPE_CHECKING, Generic, TypeVar

from hostmap_sql.aio.proxies import AsyncCells, AsyncHosts
from hostmap_sql.aio.threads import Job, SingleThread
from hostmap_sql.errors import DatabaseError, InvalidValue

if TYPE_CHECKING:
    from asyncio import Task
    from collections.abc import AsyncIterator, Awaitable, Callable
    from contextlib import AbstractContextManager
    from datetime import datetime

    from hostmap_sql.aio.threads import CallExecutor, P
    from hostmap_sql.directory.write_transaction import WriteTransaction
    from hostmap_sql.engine.database import Database

T = TypeVar("T")


class TransactionThread(SingleThread):
    """The thread of a transaction, which cannot go on after a cancelled call.

    That call may or may not have run, so the rest could be half of the intended changes.
    """

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._has_cancelled_call = False

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function in the thread, as `CallExecutor.call`.

        :raises DatabaseError: a call was cancelled before.
        """
        self.refuse_after_cancelled_call()
        try:
            return await super().call(function, *args, **kwargs)
        except CancelledError:
            self._has_cancelled_call = True
            raise

    def refuse_after_cancelled_call(self) -> None:
        """Refuse to go on if a call of the transaction was cancelled.

        :raises DatabaseError: one was.
        """
        if self._has_cancelled_call:
            raise DatabaseError("a call of the transaction was cancelled: begin another one")


class AsyncWriteTransaction:
    """A transaction that has begun: `WriteTransaction`, asynchronously."""

    def __init__(self, changes: WriteTransaction, calls: CallExecutor) -> None:
        self._changes = changes
        self._hosts = AsyncHosts(changes.hosts, calls)
        self._cells = AsyncCells(changes.cells, calls)

    @property
    def hosts(self) -> AsyncHosts:
        """The hosts, see `AsyncHosts`."""
        return self._hosts

    @property
    def cells(self) -> AsyncCells:
        """The cells, see `AsyncCells`."""
        return self._cells

    @property
    def revision(self) -> int:
        """The revision that the transaction makes, if it changes anything."""
        return self._changes.revision

    @property
    def change_id(self) -> str:
        """The UUID of the transaction in the history."""
        return self._changes.change_id

    @property
    def now(self) -> datetime:
        """The time of all changes of the transaction."""
        return self._changes.now


@asynccontextmanager
async def transaction_block(
    calls: CallExecutor, database: Database, transaction: AbstractContextManager[WriteTransaction]
) -> AsyncIterator[AsyncWriteTransaction]:
    """Open a block in a transaction, which is committed or rolled back when the block ends."""
    thread = TransactionThread(database)
    stack = ExitStack()

    def roll_back() -> None:
        """Roll the transaction back, unless it has ended, ignoring errors."""
        with suppress(BaseException):
            stack.__exit__(CancelledError, CancelledError(), None)

    calls.submit(thread.serve)
    try:
        changes = await thread.call(stack.enter_context, transaction)
        try:
            yield AsyncWriteTransaction(changes, thread)
            await thread.call(stack.close)
        except (Exception, CancelledError):  # not GeneratorExit: the loop may be closed by then
            rolling_back = Job(roll_back)
            thread.submit(rolling_back.run)
            await shield(rolling_back.result)
            raise
    finally:
        thread.submit(roll_back)
        thread.shut_down()


class RetryingTransaction(Generic[T]):
    """A coroutine function that runs in a transaction, once in each attempt of `HostMap.run`."""

    def __init__(
        self, fn: Callable[[AsyncWriteTransaction], Awaitable[T]], database: Database
    ) -> None:
        self._fn = fn
        self._database = database
        self._loop = get_running_loop()
        self._task: Task[T] | None = None
        self._is_cancelled = False

    def attempt(self, changes: WriteTransaction) -> T:
        """Run the function once in the event loop, and its calls in the current thread.

        :raises CancelledError: the function was cancelled.
        """
        thread = TransactionThread(self._database)
        transaction = AsyncWriteTransaction(changes, thread)
        self._loop.call_soon_threadsafe(self._start, transaction, thread)
        thread.serve()
        task = self._task
        if task is None or self._is_cancelled:
            raise CancelledError
        result = task.result()
        thread.refuse_after_cancelled_call()
        return result

    def _start(self, transaction: AsyncWriteTransaction, thread: SingleThread) -> None:
        if self._is_cancelled:
            thread.shut_down()
            return
        self._task = self._loop.create_task(self._await_function(transaction))
        self._task.add_done_callback(partial(self._finish, thread))

    def _finish(self, thread: SingleThread, task: Task[T]) -> None:
        if not task.cancelled():
            task.exception()  # marks it as retrieved: `attempt` raises it, unless it has ended
        thread.shut_down()

    async def _await_function(self, transaction: AsyncWriteTransaction) -> T:
        returned: object = self._fn(transaction)
        if not isawaitable(returned):
            raise InvalidValue("fn", "must be a coroutine function")
        result: T = await returned
        return result

    async def cancel(self) -> None:
        """Cancel the function, wait until it has ended, and raise its error, if any."""
        self._is_cancelled = True
        task = self._task
        if task is not None and not task.done():
            if not task.cancelling():  # a closing loop has cancelled it already
                task.cancel()
            await wait([task])
            if not task.cancelled():
                task.result()
