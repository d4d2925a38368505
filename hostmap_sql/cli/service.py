"""For commands that run until they are told to stop."""

from __future__ import annotations

import atexit
import os
import select
import signal
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# `timeout` of coreutils tells a process twice: by its number, and with its group. In seconds.
_TOLD_ONCE = 1.0

# What select() takes on every system; whoever waits longer is woken in between.
_LONGEST_WAIT = 86_400.0


class Stop:
    """Whether the process was told to stop, and a sleep that ends when it is."""

    def __init__(self, reader: int) -> None:
        self._reader = reader

    def is_set(self) -> bool:
        """Whether it was told to."""
        return self.wait(0)

    def wait(self, seconds: float) -> bool:
        """Sleep so long, or until told to stop; return whether that was so."""
        return bool(select.select([self._reader], [], [], min(seconds, _LONGEST_WAIT))[0])


@contextmanager
def stopping() -> Iterator[Stop]:
    """A block in which SIGTERM does not end the process: the block is told, and ends itself.

    Another SIGTERM, more than a second later, ends the process at once, as it would without the
    block. SIGINT stays what it is, a KeyboardInterrupt.

    >>> with stopping() as stop:
    ...     stop.wait(0.001)
    False
    """
    # Not a threading.Event: its set(), called by the handler of a signal in the midst of its
    # wait(), would wait for the lock that its own thread holds.
    reader, writer = os.pipe()
    before = signal.getsignal(signal.SIGTERM)
    first: float | None = None

    def told(number: int, _frame: object) -> None:
        nonlocal first
        if first is None:
            first = monotonic()
            os.write(writer, b".")
            # Python takes its handlers away before it has ended.
            atexit.register(signal.signal, number, signal.SIG_IGN)
        elif monotonic() > first + _TOLD_ONCE:
            signal.signal(number, before)
            signal.raise_signal(number)

    signal.signal(signal.SIGTERM, told)
    try:
        yield Stop(reader)
    finally:
        if first is None:  # else it may still be told for the second time
            signal.signal(signal.SIGTERM, before)
        os.close(reader)
        os.close(writer)
