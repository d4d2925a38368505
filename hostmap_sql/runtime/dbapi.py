"""The parts of DB-API that the library uses, and the pools that it takes connections from."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from types import TracebackType

Row = tuple[Any, ...]
Parameters = dict[str, Any]

if TYPE_CHECKING:
    Fits = Callable[[Row], bool]
    """Whether a row can answer the query."""
    MakeCursor = Callable[[Any], "Cursor"]
    """Makes a cursor that returns tuples."""


class Cursor(Protocol):
    """The part of a DB-API cursor that the library uses."""

    @property
    def description(self) -> object: ...
    @property
    def rowcount(self) -> int: ...
    def execute(self, sql: str, parameters: Any = ..., /) -> object: ...
    def fetchone(self) -> Any: ...
    def fetchall(self) -> Any: ...


class Connection(Protocol):
    """The part of a DB-API connection that the library uses, including those of external pools."""

    def commit(self) -> object: ...
    def rollback(self) -> object: ...
    def close(self) -> object: ...


class Connections(Protocol):
    """An external pool: a callable that lends a connection for a block."""

    def __call__(self) -> AbstractContextManager[Any]: ...


class Pool(Protocol):
    """A pool that lends connections: the library's own or an external one."""

    def take(self, deadline: float, /) -> Any:
        """Take a connection in autocommit mode; wait for one until the deadline."""
        ...

    def give_back(
        self,
        connection: Any,
        type_: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> object:
        """Return it, with the exception that ended its use."""
        ...

    @property
    def make_cursor(self) -> MakeCursor:
        """The function that makes cursors that return tuples."""
        ...

    @property
    def is_own(self) -> bool:
        """Whether the library itself opens the connections."""
        ...

    def close(self) -> None:
        """Close the idle connections now, and lent ones on their return."""
        ...


def close_quietly(connection: Connection) -> None:
    """Close a connection, ignoring errors. Pools do not lend it again."""
    with suppress(Exception):
        connection.close()
