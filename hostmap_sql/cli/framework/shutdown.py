"""Graceful shutdown of commands that run until SIGTERM."""

from __future__ import annotations

import atexit
import os
import select
import signal
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

from hostmap_sql.validation import MAX_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

# `timeout` of coreutils signals a process twice: by its number, and with its group. In seconds.
_SAME_REQUEST = 1.0


class Stop:
    """A request to stop, and a sleep that it ends."""

    def __init__(self, reader: int) -> None:
        self._reader = reader

    def is_set(self) -> bool:
        """Return whether a stop was requested."""
        return self.wait(0)

    def wait(self, seconds: float) -> bool:
        """Sleep until the time is up or a stop is requested; return whether it is requested."""
        return bool(select.select([self._reader], [], [], min(seconds, MAX_SECONDS))[0])


@contextmanager
def stopping() -> Iterator[Stop]:
    """Turn SIGTERM into a request to stop, which the block polls.

    Another SIGTERM more than a second later ends the process at once. SIGINT remains a
    KeyboardInterrupt.

    >>> with stopping() as stop:
    ...     stop.wait(0.001)
    False
    """
    # A threading.Event would deadlock: set() in the handler needs the lock that wait() holds.
    reader, writer = os.pipe()
    before = signal.getsignal(signal.SIGTERM)
    first: float | None = None

    def request_stop(number: int, _frame: object) -> None:
        nonlocal first
        if first is None:
            first = monotonic()
            os.write(writer, b".")
            # Python removes its handlers before it has exited.
            atexit.register(signal.signal, number, signal.SIG_IGN)
        elif monotonic() > first + _SAME_REQUEST:
            signal.signal(number, before)
            signal.raise_signal(number)

    signal.signal(signal.SIGTERM, request_stop)
    try:
        yield Stop(reader)
    finally:
        if first is None:  # otherwise the second signal of `timeout` may still come
            signal.signal(signal.SIGTERM, before)
        os.close(reader)
        os.close(writer)
