"""The classes of connections and cursors: own ones, own ones through a pooler, external ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hostmap_sql.dialects.postgresql.driver import Connection, Cursor, TransactionStatus

if TYPE_CHECKING:
    from typing import Self


class OwnConnection(Connection[Any]):
    """A connection that the library opened, with its own settings."""


class PoolerConnection(OwnConnection):
    """A connection that the library opened through a pooler such as PgBouncer.

    Each transaction may run in another session of the server. So each transaction sets
    its own limits, and a statement outside a transaction is sent together with them, in one round
    trip. Nothing is prepared, because the next session would not have it.
    """

    local_limits: str
    """The statement that sets the limits of a transaction."""


class PoolerCursor(Cursor[Any]):
    """A cursor of a `PoolerConnection`."""

    def begin(self, statement: str) -> None:
        """Begin a transaction and set its limits, in one round trip."""
        connection: Any = self.connection
        Cursor.execute(self, f"{statement}; {connection.local_limits}".encode())

    def execute(self, query: Any, params: Any = None, **options: Any) -> Self:
        connection: Any = self.connection
        if connection.pgconn.transaction_status != TransactionStatus.IDLE:
            return super().execute(query, params, **options)
        with connection.pipeline():  # one transaction, at whose end the limits are reset
            Cursor(connection).execute(connection.local_limits)
            return super().execute(query, params, **options)


class ExternalCursor(Cursor[Any]):
    """A cursor on a connection of an external pool."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> Self:
        # The server caches the plan of a repeated statement. A plan for few rows scans the table
        # once for each host, which is slow when many rows have been added. Own connections turn
        # such scans off; here each execution with many hosts gets a new plan.
        if params and "hosts" in params:
            options["prepare"] = False
        return super().execute(query, params, **options)
