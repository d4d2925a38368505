"""Opening connections in a thread, which can be left to itself when the time is up.

A name server that does not answer, and a server that stalls the handshake, keep a driver for longer
than it was told; nothing can interrupt it.
"""

from __future__ import annotations

import threading
from time import monotonic
from typing import TYPE_CHECKING, Generic, TypeVar

from hostmap_sql.dialects.watch import WATCH

if TYPE_CHECKING:
    from collections.abc import Callable

    from hostmap_sql.dialects.base import Connection

ConnectionT = TypeVar("ConnectionT", bound="Connection")


class NoConnectionInTime(Exception):
    """No connection was to be had within the time of the call."""


# How soon, in seconds, a thread that waits for a connection sees that its caller has left.
_LOOK = 0.1


def wait_until(deadline: float, wait: Callable[[float], bool]) -> bool:
    """Wait, by what waits so many seconds, no longer than the caller does; return what it says."""
    while True:
        left = deadline - monotonic()
        if wait(max(0, min(left, _LOOK))):
            return True
        if left <= 0 or WATCH.has_given_up():
            return False


class Opening(Generic[ConnectionT]):
    """One attempt to connect.

    :param open_connection: connects, given the deadline, by the monotonic clock.
    :param ended: is called when the attempt has ended without a connection for the caller, be it
        long after he has left.
    """

    def __init__(
        self,
        open_connection: Callable[[float], ConnectionT],
        deadline: float,
        ended: Callable[[], object],
    ) -> None:
        self._open_connection = open_connection
        self._deadline = deadline
        self._ended = ended
        self._has_result = threading.Event()
        self._handover = threading.Lock()
        self._abandoned = False
        self._results: list[ConnectionT | BaseException] = []

    def connection(self) -> ConnectionT:
        """The connection, once it is there.

        :raises NoConnectionInTime: it was not there at the deadline.
        """
        try:
            self._start()
            wait_until(self._deadline, self._has_result.wait)
        except BaseException:
            result = self._result()
            if result is not None:
                self._dispose(result)
            raise
        result = self._result()
        if result is None:
            raise NoConnectionInTime("no answer to the attempt to connect")
        if isinstance(result, BaseException):
            self._ended()
            raise result
        return result

    def _start(self) -> None:
        try:
            threading.Thread(target=self._work, name="hostmap_sql connecting", daemon=True).start()
        except RuntimeError:
            # There are no more threads to be had: the program is ending, say.
            self._work()

    def _result(self) -> ConnectionT | BaseException | None:
        """What has come of it; None if it has not ended, and nobody will ask again."""
        with self._handover:
            self._abandoned = not self._results
            return self._results.pop() if self._results else None

    def _dispose(self, result: ConnectionT | BaseException) -> None:
        """Nobody wants it."""
        try:
            if not isinstance(result, BaseException):
                result.close()
        finally:
            self._ended()

    def _work(self) -> None:
        result: ConnectionT | BaseException
        try:
            result = self._open_connection(self._deadline)
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            result = error
        with self._handover:
            if not self._abandoned:
                self._results.append(result)
                self._has_result.set()
                return
        self._dispose(result)
