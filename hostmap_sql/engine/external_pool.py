"""Connections of an external pool, in autocommit mode while they are lent."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from time import monotonic
from typing import TYPE_CHECKING

from hostmap_sql.engine import external_pool_checks as checks
from hostmap_sql.errors import DatabaseError
from hostmap_sql.runtime.processes import Living, PerProcess, is_running, own_id, read_id
from hostmap_sql.runtime.watchdog import CLEANUP_TIME, TimedCall

if TYPE_CHECKING:
    from types import TracebackType

    from hostmap_sql.dialects.base import Dialect
    from hostmap_sql.runtime.dbapi import Connection, Connections


class _KnownConnections:
    """The connections that the pool has lent in one process."""

    def __init__(self, parents: _KnownConnections | None) -> None:
        self.process = read_id()  # `own_id` would notice the new process, which calls this
        self.own: Living[Connection] = Living()
        self.inherited: list[tuple[Connection, str]] = []
        """The connections of parent processes, each with the process that has used it."""
        if parents:
            own = [(connection, parents.process) for connection in parents.own]
            self.inherited = [*parents.inherited, *own]
        self.dropped: set[int] = set()
        """The ids of dropped inherited connections. They stay alive, so no id is reused."""
        self.unreferenced: set[int] = set()
        """The ids of own connections that allow no weak references: SQLite's."""

    def is_own(self, connection: Connection) -> bool:
        """Whether this process has used the connection before."""
        return connection in self.own or id(connection) in self.unreferenced

    def add(self, connection: Connection) -> None:
        """Add a connection of this process."""
        try:
            self.own.add(connection)
        except TypeError:
            self.unreferenced.add(id(connection))


class ExternalPool:
    """An external pool. Its own timeout for connections applies."""

    is_own = False

    def __init__(self, connections: Connections, dialect: Dialect) -> None:
        self._connections = connections
        self._dialect = dialect
        self.make_cursor = dialect.cursor
        self._known: PerProcess[_KnownConnections] = PerProcess(_KnownConnections)
        self._lent: PerProcess[dict[int, ExitStack]] = PerProcess(lambda _: {})
        self._returns: dict[int, ExitStack] = {}
        """The stack that returns each lent connection, by its id; a forked child has a copy."""

    def close(self) -> None:
        """Leave the pool open: its owner closes it."""

    def take(self, deadline: float) -> Connection:
        """Take a connection, for `give_back`, and put it into autocommit mode."""
        with ExitStack() as stack:
            self._drop_inherited()
            connection = self._enter(stack)
            self._refuse_inherited(connection)
            mode = self._set_mode(connection, self._dialect.autocommit, deadline)
            stack.callback(self._restore, connection, mode, deadline, own_id())
            with TimedCall(connection, deadline, self._dialect.interrupt):
                self._dialect.prepare_session(connection)
            self._returns[id(connection)] = stack.pop_all()
        return connection

    def give_back(
        self,
        connection: Connection,
        type_: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Return a connection to its pool, with the exception that ended its use."""
        self._returns.pop(id(connection)).__exit__(type_, error, traceback)

    def _restore(self, connection: Connection, mode: object, deadline: float, process: str) -> None:
        """Restore the mode of a connection. In a forked child, drop the connection instead."""
        with suppress(Exception):  # the connection may be closed
            if process != own_id():
                # The pool will end its transaction: that must not reach the parent's.
                self._dialect.disown(connection, True)
            elif mode != self._dialect.autocommit:
                self._set_mode(connection, mode, max(deadline, monotonic() + CLEANUP_TIME))

    def _set_mode(self, connection: Connection, mode: object, deadline: float) -> object:
        with TimedCall(connection, deadline, self._dialect.interrupt):
            return self._dialect.set_mode(connection, mode)

    def _enter(self, stack: ExitStack) -> Connection:
        """Lend the driver's connection until the stack ends."""
        dialect = self._dialect
        try:
            checkout = checks.call(self._connections)
            lent = checks.enter(checkout)
        except Exception as error:
            dialect.add_missing_code(error)
            raise
        stack.push(checkout.__exit__)
        connection: Connection = checks.driver_connection(lent, dialect)
        connection = checks.reconnect_if_closed(lent, connection, dialect)
        all_lent = self._lent()
        if all_lent.setdefault(id(connection), stack) is not stack:
            stack.pop_all()  # returning it might end the transaction of its other user
            raise checks.lent_twice()
        stack.callback(all_lent.pop, id(connection))
        stack.callback(checks.invalidate_if_closed, lent, connection, dialect)
        return connection

    # --- connections of a parent process ------------------------------------------------------

    def _drop_inherited(self) -> None:
        """Drop the connections of a parent that still runs, before the pool uses them.

        Nothing that the pool then does to them reaches the parent.
        """
        known = self._known()
        while known.inherited:
            connection, process = known.inherited[-1]
            if is_running(process):
                self._drop(connection)
            known.inherited.pop()  # last, so that a fork in between does not lose it

    def _drop(self, connection: Connection) -> None:
        with suppress(Exception):  # it may be closed
            self._dialect.disown(connection, True)
            if self._dialect.is_open(connection):
                self._known().dropped.add(id(connection))

    def _refuse_inherited(self, connection: Connection) -> None:
        """Refuse a connection of a parent process.

        :raises DatabaseError: it is one.
        """
        known = self._known()
        if known.is_own(connection):
            return
        is_inherited = id(connection) in known.dropped
        if not is_inherited:
            with suppress(Exception):  # a proxy may not tell
                is_inherited = not self._dialect.claim(connection)
            if not is_inherited:
                known.add(connection)
                return
            self._drop(connection)
        raise DatabaseError(
            "the pool lent a connection of the process that this one was forked from: "
            "make the pool, and all of its connections, after the fork"
        )
