"""Doing the same with many things at once, each within its time."""

from __future__ import annotations

import threading
from queue import Empty, SimpleQueue
from time import monotonic
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")
R = TypeVar("R")


class _Task(Generic[T, R]):
    """One call, in a thread that nobody waits for at the end of the program."""

    def __init__(self, work: Callable[[T], R], item: T, done: SimpleQueue[_Task[T, R]]) -> None:
        self.item = item
        self.started = monotonic()
        self.result: R | None = None
        self.error: BaseException | None = None
        self._work = work
        self._done = done
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        try:
            self.result = self._work(self.item)
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
            self.error = error
        self._done.put(self)


def side_by_side(
    work: Callable[[T], R], items: Iterable[T], *, parallel: int, timeout: float
) -> Iterator[tuple[T, R | None, BaseException | None]]:
    """Call `work` with each item, so many at once; give each item with its result or its error.

    They come as they get ready. One that takes longer than `timeout` seconds comes with a
    `TimeoutError`; its thread is left to itself, and makes room for the next.
    """
    waiting = iter(items)
    done: SimpleQueue[_Task[T, R]] = SimpleQueue()
    running: dict[int, _Task[T, R]] = {}
    while True:
        while len(running) < parallel:
            try:
                task = _Task(work, next(waiting), done)
            except StopIteration:
                break
            running[id(task)] = task
        if not running:
            return
        oldest = min(running.values(), key=lambda task: task.started)
        try:
            task = done.get(timeout=max(0.0, oldest.started + timeout - monotonic()))
        except Empty:
            del running[id(oldest)]
            yield oldest.item, None, TimeoutError(f"no answer within {timeout:g} s")
            continue
        # One that was given up may still come in.
        if running.pop(id(task), None) is not None:
            yield task.item, task.result, task.error
