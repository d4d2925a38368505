"""Pools of a caller, and connections whose commits fail."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager


class WatchedPool:
    """Wraps a pool, and records the mode of each connection before and after its use."""

    def __init__(
        self, lend: Callable[[], AbstractContextManager[Any]], mode: Callable[[Any], object]
    ) -> None:
        self._lend = lend
        self._mode = mode
        self.modes: list[tuple[object, object]] = []

    @contextmanager
    def __call__(self) -> Iterator[Any]:
        with self._lend() as connection:
            before = self._mode(connection)
            yield connection
            self.modes.append((before, self._mode(connection)))


class Wrapped:
    """A connection with another commit."""

    def __init__(self, connection: Any, commit: Callable[[Any], None]) -> None:
        vars(self).update(_connection=connection, _commit=commit)

    def commit(self) -> None:
        vars(self)["_commit"](vars(self)["_connection"])

    def __getattr__(self, name: str) -> Any:
        return getattr(vars(self)["_connection"], name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(vars(self)["_connection"], name, value)


def failing_commits(
    open_connection: Callable[[], Any], failures: Sequence[tuple[bool, BaseException]]
) -> Callable[[], AbstractContextManager[Any]]:
    """Return a pool whose next commits fail, each either applied or not."""

    left = list(failures)

    def commit(connection: Any) -> None:
        if not left:
            connection.commit()
            return
        done, error = left.pop(0)
        if done:
            connection.commit()
        raise error

    @contextmanager
    def lend() -> Iterator[Any]:
        connection = open_connection()
        try:
            yield Wrapped(connection, commit)
        finally:
            connection.close()

    return lend


class Switch:
    """A pool that opens a connection for each use, counts uses, and can be switched off."""

    def __init__(self, open_connection: Callable[[], Any]) -> None:
        self._open_connection = open_connection
        self.failure: BaseException | None = None
        """Raised instead of a checkout, unless None."""
        self.uses = 0

    @contextmanager
    def __call__(self) -> Iterator[Any]:
        self.uses += 1
        if self.failure is not None:
            raise self.failure
        connection = self._open_connection()
        try:
            yield connection
        finally:
            connection.close()
