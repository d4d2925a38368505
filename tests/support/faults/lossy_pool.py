"""A caller's pool whose connections lose answers to commits."""

from __future__ import annotations

import random
from contextlib import contextmanager
from threading import Lock, Thread
from time import sleep
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.backends import Backend

LONGEST_DELAY = 0.05


class LossyPool:
    """A pool that loses the answers to a share of the commits.

    A third of these commits are applied, a third never arrive, and a third arrive later.
    """

    def __init__(self, backend: Backend, part: float, seed: int) -> None:
        self._backend = backend
        self._part = part
        self._chance = random.Random(seed)
        self._lock = Lock()
        self._idle: list[Any] = []
        self._late: list[Thread] = []
        self.lost = 0
        """The number of lost answers."""

    @contextmanager
    def connection(self) -> Iterator[_Lossy]:
        """Check out a connection for a block."""
        with self._lock:
            own = self._idle.pop() if self._idle else None
        if own is None:
            own = self._backend.open_raw(**self._backend.driver.any_thread)
        lent = _Lossy(own, self._commit)
        try:
            yield lent
        finally:
            if not lent.is_gone:
                with self._lock:
                    self._idle.append(own)

    def close(self) -> None:
        """Wait for late commits, then close the idle connections."""
        for thread in self._late:
            thread.join()
        for connection in self._idle:
            connection.close()

    def _commit(self, own: Any) -> None:
        with self._lock:
            fate = self._chance.random() / self._part
            delay = self._chance.uniform(0, LONGEST_DELAY)
            self.lost += fate < 1
        if fate >= 1:
            own.commit()
            return
        if fate < 1 / 3:
            own.commit()
            own.close()
        elif fate < 2 / 3:
            own.close()
        else:
            self._send_late(own, delay)
        raise _LostError(self._backend.driver.lost_connection)

    def _send_late(self, own: Any, delay: float) -> None:
        def arrive() -> None:
            sleep(delay)
            own.commit()
            own.close()

        thread = Thread(target=arrive, name="a commit that is late")
        thread.start()
        with self._lock:
            self._late.append(thread)


class _LostError(Exception):
    """Carries the driver's exception for a lost answer."""

    def __init__(self, reason: Exception) -> None:
        super().__init__(reason)
        self.reason = reason


class _Lossy:
    """A connection that is unusable once an answer was lost."""

    def __init__(self, own: Any, commit: Callable[[Any], None]) -> None:
        vars(self).update(_own=own, _commit=commit, is_gone=False)

    def commit(self) -> None:
        own = self._usable()
        try:
            vars(self)["_commit"](own)
        except _LostError as error:
            vars(self)["is_gone"] = True
            raise error.reason from None

    def close(self) -> None:
        if not self.is_gone:
            vars(self)["is_gone"] = True
            vars(self)["_own"].close()

    def _usable(self) -> Any:
        if self.is_gone:
            raise ConnectionResetError("it was closed")
        return vars(self)["_own"]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._usable(), name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._usable(), name, value)
