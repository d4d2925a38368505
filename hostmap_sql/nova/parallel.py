"""Calls in parallel threads, each with its own timeout."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, wait
from itertools import islice
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")
R = TypeVar("R")


def call_in_parallel(
    function: Callable[[T], R], items: Iterable[T], *, parallel: int, timeout: float
) -> Iterator[tuple[T, Future[R]]]:
    """Call a function with each item, `parallel` at a time; yield each item with its future.

    Items come in the order in which their calls end. If a call takes longer than `timeout` seconds,
    its future comes unfinished, so that ``result(0)`` raises `TimeoutError`; its thread is
    abandoned and no longer counts.
    """
    waiting = iter(items)
    running: dict[Future[R], tuple[T, float]] = {}
    while True:
        for item in islice(waiting, parallel - len(running)):
            running[_start(function, item)] = item, monotonic() + timeout
        if not running:
            return
        next_deadline = min(deadline for _, deadline in running.values())
        wait(running, max(0, next_deadline - monotonic()), FIRST_COMPLETED)
        now = monotonic()
        for future, (item, deadline) in [*running.items()]:
            if future.done() or deadline <= now:
                del running[future]
                yield item, future


def _start(function: Callable[[T], R], item: T) -> Future[R]:
    """Call the function in a thread of its own.

    Not in a `ThreadPoolExecutor`: at exit the interpreter joins its threads, so that one call that
    hangs would keep the process from ending, and occupy a worker until then.
    """
    future: Future[R] = Future()

    def call() -> None:
        try:
            future.set_result(function(item))
        except BaseException as error:  # noqa: BLE001 - raised by `future.result`
            future.set_exception(error)

    Thread(target=call, daemon=True).start()
    return future
