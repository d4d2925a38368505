"""Running tests that are coroutines."""

from __future__ import annotations

import asyncio
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

P = ParamSpec("P")


async def hang(begun: asyncio.Event) -> None:
    """Set the event, then wait until the task is cancelled."""
    begun.set()
    await asyncio.Event().wait()


async def wait_until_begun(begun: asyncio.Event, task: asyncio.Task[Any]) -> None:
    """Wait until a task sets the event, or ends."""
    waiting = asyncio.ensure_future(begun.wait())
    await asyncio.wait([waiting, task], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()


def in_a_loop(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run a test in an event loop of its own, which warns about coroutines never awaited."""

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(test(*args, **kwargs))

    return run
