"""Opens connections in a thread that can be abandoned at the deadline.

A silent name server or a stalled handshake blocks a driver for longer than its own timeout, and
nothing can interrupt it.
"""

from __future__ import annotations

import threading
from time import monotonic
from typing import TYPE_CHECKING, Generic, TypeVar

from hostmap_sql.runtime.deadlines import NoConnectionInTime, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from hostmap_sql.dialects.base import Dialect
    from hostmap_sql.dialects.database_url import DatabaseUrl
    from hostmap_sql.runtime.dbapi import Connection

ConnectionT = TypeVar("ConnectionT", bound="Connection")

NO_ANSWER = "no answer to the attempt to connect"
NO_PASSWORD = "no answer from the password function, or to the attempt to connect"  # noqa: S105


class ConnectAttempt(Generic[ConnectionT]):
    """One attempt to connect.

    :param open_connection: connects, given the deadline, by the monotonic clock.
    :param ended: called when the attempt has ended without a connection for the caller, perhaps
        long after the caller's deadline.
    :param late: the message if the attempt does not end before the deadline.
    """

    def __init__(
        self,
        open_connection: Callable[[float], ConnectionT],
        deadline: float,
        ended: Callable[[], object],
        late: str = NO_ANSWER,
    ) -> None:
        self._open_connection = open_connection
        self._deadline = deadline
        self._ended = ended
        self._late = late
        self._has_result = threading.Event()
        self._handover = threading.Lock()
        self._abandoned = False
        self._results: list[ConnectionT | BaseException] = []

    def connection(self) -> ConnectionT:
        """Connect and return the connection.

        :raises NoConnectionInTime: the attempt had not ended at the deadline.
        """
        try:
            self._start()
            wait_until(self._deadline, self._has_result.wait)
        except BaseException:
            result = self._take_result()
            if result is not None:
                self._dispose(result)
            raise
        result = self._take_result()
        if result is None:
            raise NoConnectionInTime(self._late)
        if isinstance(result, BaseException):
            self._ended()
            raise result
        return result

    def _start(self) -> None:
        try:
            threading.Thread(target=self._work, name="hostmap_sql connecting", daemon=True).start()
        except RuntimeError:
            # No more threads can start: the program is ending, say.
            self._work()

    def _take_result(self) -> ConnectionT | BaseException | None:
        """Take the result; without one, abandon the attempt and return None."""
        with self._handover:
            self._abandoned = not self._results
            return self._results.pop() if self._results else None

    def _dispose(self, result: ConnectionT | BaseException) -> None:
        """Close a connection that arrived too late."""
        try:
            if not isinstance(result, BaseException):
                result.close()
        finally:
            self._ended()

    def _work(self) -> None:
        result: ConnectionT | BaseException
        try:
            result = self._open_connection(self._deadline)
        except BaseException as error:  # noqa: BLE001 - raised in the waiting thread
            result = error
        with self._handover:
            if not self._abandoned:
                self._results.append(result)
                self._has_result.set()
                return
        self._dispose(result)


def connect(dialect: Dialect, url: DatabaseUrl, timeout: float) -> Connection:
    """Open a single connection, within `timeout` seconds."""
    attempt = ConnectAttempt(dialect.connector(url, timeout), monotonic() + timeout, lambda: None)
    connection: Connection = attempt.connection()
    return connection
