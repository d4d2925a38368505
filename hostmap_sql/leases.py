"""Borrowing connections: from any pool, for a block, and in the mode that the library wants.

Classes and not generators, which would cost every lookup some microseconds more.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, suppress
from time import monotonic
from typing import TYPE_CHECKING

from hostmap_sql.dialects import external_pool
from hostmap_sql.dialects.watch import WATCH
from hostmap_sql.errors import HostMapError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from types import TracebackType

    from hostmap_sql.dialects.base import Connection, Connections, Dialect
    from hostmap_sql.sessions import Translator


LAST_WORDS = 0.1
"""How long, in seconds, a connection may still take to be put in order when the time is up."""


class Lease:
    """A connection that is lent for a block, what the pool raises being translated."""

    __slots__ = ("_lender", "_translator")

    def __init__(self, lender: AbstractContextManager[Connection], translator: Translator) -> None:
        self._lender = lender
        self._translator = translator

    def __enter__(self) -> Connection:
        try:
            return self._lender.__enter__()
        except HostMapError:
            raise
        except Exception as error:
            raise self._translator.connecting(error) from error

    def __exit__(
        self,
        type_: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # What the block did is done, and what it raised is raised, whatever becomes of the
        # connection: a pool that fails to take it back must not make a write seem undone.
        with suppress(Exception):
            self._lender.__exit__(type_, error, traceback)


class InAutocommit:
    """The connections of a caller's own pool, in autocommit mode while they are lent to us.

    How long his pool lets us wait for one is his affair.
    """

    def __init__(self, connections: Connections, dialect: Dialect) -> None:
        self._connections = connections
        self._dialect = dialect
        self._lent: dict[int, ExitStack] = {}

    @contextmanager
    def __call__(self, deadline: float) -> Iterator[Connection]:
        """Lend a connection for a block."""
        autocommit = self._dialect.autocommit
        failure: BaseException | None = None
        try:
            with ExitStack() as stack:
                connection = self._enter(stack)
                was = self._set_mode(connection, autocommit, deadline)
                try:
                    yield connection
                except BaseException as error:
                    failure = error
                    raise
                finally:
                    if was != autocommit:
                        # Fails on one that was closed, which needs no mode any more.
                        with suppress(Exception):
                            self._set_mode(connection, was, max(deadline, monotonic() + LAST_WORDS))
            if failure is not None:  # his pool has kept it to itself
                raise failure
        finally:
            failure = None  # its traceback holds this frame

    def _enter(self, stack: ExitStack) -> Connection:
        """The driver's connection that his pool lends until the stack ends."""
        dialect = self._dialect
        lender = external_pool.called(self._connections)
        lent = external_pool.entered(lender)
        stack.push(lender.__exit__)
        connection = external_pool.driver_connection(lent, dialect)
        connection = external_pool.renewed(lent, connection, dialect)
        if self._lent.setdefault(id(connection), stack) is not stack:
            stack.pop_all()  # giving it back might end the transaction that the other one is in
            raise external_pool.lent_twice()
        stack.callback(self._lent.pop, id(connection))
        stack.callback(external_pool.discard_if_closed, lent, connection, dialect)
        driver_connection: Connection = connection
        return driver_connection

    def _set_mode(self, connection: Connection, mode: object, deadline: float) -> object:
        WATCH.begin(connection, deadline, self._dialect.cut)
        try:
            return self._dialect.set_mode(connection, mode)
        finally:
            WATCH.end(connection)
