"""Borrowing connections: from any pool, for a block, and in the mode that the library wants.

Classes and not generators, which would cost every lookup some microseconds more.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, suppress
from time import monotonic
from typing import TYPE_CHECKING

from hostmap_sql.dialects import external_pool
from hostmap_sql.dialects.process import PerProcess, own_pid
from hostmap_sql.dialects.watch import WATCH
from hostmap_sql.errors import DatabaseError, HostMapError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager
    from types import TracebackType

    from hostmap_sql.dialects.base import Connection, Connections, Dialect, Row
    from hostmap_sql.rows import Fits
    from hostmap_sql.translator import Translator


LAST_WORDS = 0.1
"""How long, in seconds, a connection may still take to be put in order when the time is up."""


def close_quietly(connection: Connection) -> None:
    """Close a connection that is of no use any more: pools do not lend it again."""
    with suppress(Exception):
        connection.close()


def roll_back_quietly(connection: Connection, dialect: Dialect, deadline: float) -> None:
    """End a transaction of which nothing is to remain."""
    WATCH.begin(connection, max(deadline, monotonic() + LAST_WORDS), dialect.cut)
    try:
        connection.rollback()
    except Exception:  # noqa: BLE001 - whatever it is, the server rolls back what is closed
        close_quietly(connection)
    finally:
        WATCH.end(connection)


def refuse_alien(rows: Iterable[Row], fits: Fits, connection: Connection, database: str) -> None:
    """Close a connection whose rows are no answer to what was asked of it: somebody else uses it.

    :raises DatabaseError: they are none.
    """
    try:
        if all(map(fits, rows)):
            return
    except (LookupError, TypeError):  # they have other columns
        pass
    close_quietly(connection)
    raise DatabaseError(
        f"{database}: the connection answered another question than it was asked, so it was "
        "closed: is it shared with another process or thread?"
    )


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
        # The connections that were looked at. A parent's are there from the beginning, so none of
        # them has the place in memory of one that is gone.
        self._known: PerProcess[set[int]] = PerProcess(lambda _: set())
        self._lent: PerProcess[dict[int, ExitStack]] = PerProcess(lambda _: {})

    @contextmanager
    def __call__(self, deadline: float) -> Iterator[Connection]:
        """Lend a connection for a block."""
        autocommit, pid = self._dialect.autocommit, own_pid()
        failure: BaseException | None = None
        try:
            with ExitStack() as stack:
                connection = self._enter(stack)
                self._refuse_parents(connection)
                was = self._set_mode(connection, autocommit, deadline)
                try:
                    self._refuse_unfit(connection, deadline)
                    yield connection
                except BaseException as error:
                    failure = error
                    raise
                finally:
                    if pid != own_pid():
                        # What his pool does to a transaction is not to reach the parent's.
                        with suppress(Exception):
                            self._dialect.disown(connection, True)
                    elif was != autocommit:
                        # Fails on one that was closed, which needs no mode any more.
                        with suppress(Exception):
                            self._set_mode(connection, was, max(deadline, monotonic() + LAST_WORDS))
            if failure is not None:  # his pool has kept it to itself
                raise failure
        finally:
            failure = None  # its traceback holds this frame

    def _refuse_parents(self, connection: Connection) -> None:
        known = self._known()
        if id(connection) in known:
            return
        is_parents = False
        with suppress(Exception):  # of a driver's connection in a wrapper, say, nothing is told
            is_parents = self._dialect.is_parents(connection)
        if is_parents:
            raise DatabaseError(
                "the pool lent a connection of the process that this one was forked from: "
                "make the pool after the fork"
            )
        known.add(id(connection))

    def _refuse_unfit(self, connection: Connection, deadline: float) -> None:
        WATCH.begin(connection, deadline, self._dialect.cut)
        try:
            self._dialect.refuse_unfit(connection)
        finally:
            WATCH.end(connection)

    def _enter(self, stack: ExitStack) -> Connection:
        """The driver's connection that his pool lends until the stack ends."""
        dialect = self._dialect
        try:
            lender = external_pool.called(self._connections)
            lent = external_pool.entered(lender)
        except Exception as error:
            dialect.complete(error)
            raise
        stack.push(lender.__exit__)
        connection = external_pool.driver_connection(lent, dialect)
        connection = external_pool.renewed(lent, connection, dialect)
        all_lent = self._lent()
        if all_lent.setdefault(id(connection), stack) is not stack:
            stack.pop_all()  # giving it back might end the transaction that the other one is in
            raise external_pool.lent_twice()
        stack.callback(all_lent.pop, id(connection))
        stack.callback(external_pool.discard_if_closed, lent, connection, dialect)
        driver_connection: Connection = connection
        return driver_connection

    def _set_mode(self, connection: Connection, mode: object, deadline: float) -> object:
        WATCH.begin(connection, deadline, self._dialect.cut)
        try:
            return self._dialect.set_mode(connection, mode)
        finally:
            WATCH.end(connection)
