"""The watchdog: interrupts driver calls that are still running at their deadline.

No driver limits the time until an answer is complete: a paused server, lost packets or one byte a
second keep it waiting. So one thread for each process watches all calls. It sleeps until the first
deadline; a call that ends in time costs one entry in a dict.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from math import inf
from threading import get_ident
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

from hostmap_sql.concealing import drop_frames
from hostmap_sql.errors import DatabaseError
from hostmap_sql.runtime.dbapi import close_quietly
from hostmap_sql.runtime.processes import MARK, PerProcess, notice

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType
    from typing import NoReturn, Self

    from hostmap_sql.runtime.dbapi import Connection, Cursor, Fits, Parameters, Row
    from hostmap_sql.sql.statement import Statement

_REPEAT = 0.02
"""Seconds until an interrupted call that has not ended is interrupted again."""

_GRACE = 0.1
"""Seconds that a cancelled call may still take: most calls end by themselves in this time."""

CLEANUP_TIME = 0.1
"""Seconds that cleaning up a connection may take after the deadline."""

_FOREIGN_ANSWER = (
    "the connection returned an answer to another query, so it was closed: "
    "is it shared with another process or thread?"
)


class _Calls:
    """The running calls of one process, and the thread that watches them."""

    def __init__(self) -> None:
        self.running: dict[int, tuple[float, Callable[[Any], object], Any, int]] = {}
        self.cancelled: dict[int, float] = {}
        self.wakes_at = inf
        self._wake = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def wake_at(self, time: float) -> None:
        """Wake the thread at this time, or earlier."""
        self.wakes_at = time
        if self._thread is None:
            self._start()
        self._wake.set()

    def _start(self) -> None:
        # A program that is ending cannot start threads: its calls then have no limit.
        with self._starting, suppress(RuntimeError):
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="hostmap_sql watch", daemon=True)
                thread.start()
                self._thread = thread

    def _run(self) -> None:
        while True:
            # In this order: a call that begins after this is seen below, or sets the event.
            self._wake.clear()
            self.wakes_at = inf
            self.wakes_at = soonest = min(self.wakes_at, self._interrupt_overdue())
            self._wake.wait(None if soonest == inf else max(0, soonest - monotonic()))

    def _interrupt_overdue(self) -> float:
        """Interrupt overdue calls; return the time of the next deadline."""
        now = monotonic()
        soonest = now + _REPEAT if self.cancelled else inf
        # Values are copied in one step, items are not: other threads begin calls.
        for call in list(self.running.values()):
            deadline, interrupt, connection, thread = call
            is_overdue = deadline <= now or self.cancelled.get(thread, inf) <= now
            if is_overdue and self.running.get(id(connection)) is call:  # else it has just ended
                with suppress(Exception):  # the connection may be closed
                    interrupt(connection)
            soonest = min(soonest, max(deadline, now + _REPEAT))
        return soonest


class Watchdog:
    """Interrupts overdue calls, in each process by a thread of its own."""

    def __init__(self) -> None:
        self._process = PerProcess(lambda _: _Calls())

    def arm(self, connection: Any, deadline: float, interrupt: Callable[[Any], object]) -> None:
        """Begin a call: run ``interrupt(connection)`` if it has not ended at the deadline."""
        if not MARK[0]:  # inline, on the hot path
            notice()
        calls = self._process.value
        calls.running[id(connection)] = deadline, interrupt, connection, get_ident()
        if deadline < calls.wakes_at:
            calls.wake_at(deadline)

    def disarm(self, connection: Any) -> None:
        """End the call on this connection."""
        self._process.value.running.pop(id(connection), None)

    def cancel(self, thread: int) -> None:
        """Interrupt this thread's calls soon, and keep it from committing anything."""
        calls = self._process()
        calls.cancelled[thread] = soon = monotonic() + _GRACE
        calls.wake_at(soon)

    def is_cancelled(self) -> bool:
        """Whether this thread was cancelled."""
        if not MARK[0]:
            notice()
        return get_ident() in self._process.value.cancelled

    def clear(self, thread: int) -> None:
        """Forget that this thread was cancelled."""
        self._process().cancelled.pop(thread, None)


WATCHDOG = Watchdog()


class ErrorHandler(Protocol):
    """Raises the translation of a driver's exception, and closes a connection that it spoiled."""

    def __call__(
        self,
        connection: Connection,
        error: Exception,
        statement: Statement | None,
        deadline: float,
        /,
    ) -> NoReturn:
        """Raise the error."""
        ...


class CallTranslator(Protocol):
    """Interrupts the calls of one kind of driver, and translates their errors."""

    @property
    def interrupt(self) -> Callable[[Any], object]:
        """The function that ends a connection's wait, from another thread."""
        ...

    @property
    def raise_call_error(self) -> ErrorHandler:
        """The function that raises the translation of an error."""
        ...


class TimedCall:
    """Driver calls on one connection, within a deadline: the only frame around them.

    An interruption such as KeyboardInterrupt closes the connection, which would otherwise give the
    next call the answer to this one.

    :param deadline: by the monotonic clock.
    :param interrupt: ends the connection's wait, from another thread.
    :param on_error: translates exceptions. Without it they pass as they are.
    """

    # A class with slots: a generator costs each lookup one microsecond more.
    __slots__ = ("_connection", "_deadline", "_interrupt", "_on_error", "_statement")

    def __init__(
        self,
        connection: Any,
        deadline: float,
        interrupt: Callable[[Any], object],
        on_error: ErrorHandler | None = None,
        statement: Statement | None = None,
    ) -> None:
        self._connection = connection
        self._deadline = deadline
        self._interrupt = interrupt
        self._on_error = on_error
        self._statement = statement

    def __enter__(self) -> Self:
        WATCHDOG.arm(self._connection, self._deadline, self._interrupt)
        return self

    def __exit__(
        self,
        type_: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        WATCHDOG.disarm(self._connection)
        if error is None:
            return
        if not isinstance(error, Exception):
            drop_frames(error)  # those of a driver hold statements with their values
            close_quietly(self._connection)
        elif self._on_error is not None:
            try:
                self._on_error(self._connection, error, self._statement, self._deadline)
            finally:
                del error, traceback  # they may quote a row

    @staticmethod
    def select(
        cursor: Cursor, text: str, parameters: Parameters, fits: Fits | None
    ) -> Sequence[Row]:
        """Run a SELECT and return its rows.

        :param fits: whether a row can answer the query; None if every row can.
        :raises DatabaseError: the rows answer another query.
        """
        cursor.execute(text, parameters)
        rows: Sequence[Row] = cursor.fetchall()
        if not rows and cursor.description is None:  # not even the answer to a SELECT
            raise DatabaseError(_FOREIGN_ANSWER)
        if fits is not None:
            try:
                for row in rows:  # on the hot path: all(map(fits, rows)) takes twice as long
                    if not fits(row):
                        raise DatabaseError(_FOREIGN_ANSWER)
            except (LookupError, TypeError) as error:  # the rows have other columns
                raise DatabaseError(_FOREIGN_ANSWER) from error
        return rows


def timed_call(
    translator: CallTranslator,
    connection: Connection,
    deadline: float,
    statement: Statement | None = None,
) -> TimedCall:
    """Return a frame for driver calls that ends them at the deadline and translates errors."""
    return TimedCall(
        connection, deadline, translator.interrupt, translator.raise_call_error, statement
    )
