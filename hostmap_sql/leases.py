"""Borrowing connections: from any pool, for a block, and in the mode that the library wants.

Classes and not generators, which would cost every lookup some microseconds more.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, suppress
from time import monotonic
from typing import TYPE_CHECKING

from hostmap_sql.dialects import external_pool
from hostmap_sql.dialects.process import Living, PerProcess, is_running, own_id
from hostmap_sql.dialects.watch import WATCH
from hostmap_sql.errors import DatabaseError, HostMapError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager
    from types import TracebackType

    from hostmap_sql.dialects.base import Connection, Connections, Cursor, Dialect, Row
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


def refuse_alien(
    cursor: Cursor, rows: Sequence[Row], fits: Fits | None, connection: Connection, database: str
) -> None:
    """Close a connection whose rows are no answer to what was asked of it: somebody else uses it.

    :param fits: whether a row can be of the answer; None if nothing is known of it.
    :raises DatabaseError: they are none.
    """
    try:
        for row in rows:  # every lookup passes here: `all(map(fits, rows))` takes twice as long
            if fits is not None and not fits(row):
                break
        else:
            if rows or cursor.description is not None:  # else it is not even that to a SELECT
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


class _Seen:
    """The connections that a caller's pool has lent in one process."""

    def __init__(self, parents: _Seen | None) -> None:
        self.process = own_id()
        self.own: Living[Connection] = Living()
        self.inherited: list[tuple[Connection, str]] = []
        """Those of its parents, each with the process that has used it."""
        if parents:
            own = [(connection, parents.process) for connection in parents.own]
            self.inherited = [*parents.inherited, *own]
        self.parents: set[int] = set()
        """The ids of those that it has let go. They stay, so no other one has their ids."""
        self.unreferenced: set[int] = set()
        """The ids of its own to which there are no weak references: SQLite's."""

    def is_own(self, connection: Connection) -> bool:
        """Whether it was looked at, and is this process's."""
        return connection in self.own or id(connection) in self.unreferenced

    def add(self, connection: Connection) -> None:
        """One of this process's was looked at."""
        try:
            self.own.add(connection)
        except TypeError:
            self.unreferenced.add(id(connection))


class InAutocommit:
    """The connections of a caller's own pool, in autocommit mode while they are lent to us.

    How long his pool lets us wait for one is his affair.
    """

    def __init__(self, connections: Connections, dialect: Dialect) -> None:
        self._connections = connections
        self._dialect = dialect
        self._seen: PerProcess[_Seen] = PerProcess(_Seen)
        self._lent: PerProcess[dict[int, ExitStack]] = PerProcess(lambda _: {})

    @contextmanager
    def __call__(self, deadline: float) -> Iterator[Connection]:
        """Lend a connection for a block."""
        autocommit, process = self._dialect.autocommit, own_id()
        failure: BaseException | None = None
        try:
            with ExitStack() as stack:
                self._leave_parents()
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
                    if process != own_id():
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

    def _leave_parents(self) -> None:
        """Let go what the parent is known to use, before a pool asks whether it is still alive.

        Whatever pools do from now on, and to what they are given back, does not reach the parent.
        """
        seen = self._seen()
        while seen.inherited:
            connection, process = seen.inherited[-1]
            if is_running(process):
                self._leave(connection)
            seen.inherited.pop()  # not before: a child of this process would not know of it

    def _leave(self, connection: Connection) -> None:
        with suppress(Exception):  # it may have been closed
            self._dialect.disown(connection, True)
            if self._dialect.is_open(connection):
                self._seen().parents.add(id(connection))

    def _refuse_parents(self, connection: Connection) -> None:
        seen = self._seen()
        if seen.is_own(connection):
            return
        is_parents = id(connection) in seen.parents
        if not is_parents:
            with suppress(Exception):  # of a driver's connection in a wrapper, say, nothing is told
                is_parents = self._dialect.is_parents(connection)
            if not is_parents:
                seen.add(connection)
                return
            self._leave(connection)
        raise DatabaseError(
            "the pool lent a connection of the process that this one was forked from: "
            "make the pool, and all of its connections, after the fork"
        )

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
