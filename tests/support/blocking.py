"""The asyncio API behind blocking calls, so that the same tests run on both APIs."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from functools import wraps
from inspect import isasyncgen, iscoroutine
from threading import Thread
from typing import TYPE_CHECKING, Any

from hostmap_sql.aio import AsyncHostMap, AsyncWriteTransaction
from hostmap_sql.aio.proxies import AsyncProxy

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator


class LoopThread:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = Thread(target=self.loop.run_forever, name="event loop")
        self._thread.start()

    def wait_for(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine to its end and return its result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result()

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


class EndsTheLoop(Exception):
    """Carries an exception that would end the event loop if a task raised it."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(error)
        self.error = error


class Blocking:
    """An asynchronous proxy whose calls block, so that it behaves as the synchronous object."""

    def __init__(self, proxy: Any, loop: LoopThread) -> None:
        self._proxy = proxy
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._proxy, name)
        if isinstance(value, AsyncProxy):
            return Blocking(value, self._loop)
        if name == "run" and isinstance(self._proxy, AsyncHostMap):
            return self._run
        return (
            wraps(value)(lambda *a, **k: self._result(value(*a, **k))) if callable(value) else value
        )

    def _result(self, result: Any) -> Any:
        if iscoroutine(result):
            return self._loop.wait_for(result)
        if isasyncgen(result):
            return self._items(result)
        if hasattr(result, "__aenter__") and not isinstance(result, AsyncProxy):
            return self._block(result)
        return Blocking(result, self._loop) if isinstance(result, AsyncProxy) else result

    def _items(self, items: AsyncGenerator[Any, Any]) -> Iterator[Any]:
        while (item := self._loop.wait_for(_next(items))) is not None:
            yield item

    @contextmanager
    def _block(self, block: Any) -> Iterator[Any]:
        entered = self._loop.wait_for(block.__aenter__())
        try:
            yield Blocking(entered, self._loop)
        except BaseException as error:
            if not self._loop.wait_for(block.__aexit__(type(error), error, error.__traceback__)):
                raise
        else:
            self._loop.wait_for(block.__aexit__(None, None, None))

    def _run(self, fn: Callable[[Any], Any], *arguments: Any, **options: Any) -> Any:
        async def in_a_thread(changes: AsyncWriteTransaction) -> Any:
            try:
                return await asyncio.to_thread(fn, Blocking(changes, self._loop))
            except (KeyboardInterrupt, SystemExit) as error:
                raise EndsTheLoop(error) from error

        try:
            return self._loop.wait_for(self._proxy.run(in_a_thread, *arguments, **options))
        except EndsTheLoop as error:
            raise error.error from None


async def _next(items: AsyncGenerator[Any, Any]) -> Any:
    return await anext(items, None)
