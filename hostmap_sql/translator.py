"""Errors translated: a driver's exception becomes one of the library's, by its code alone."""

from __future__ import annotations

from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

from hostmap_sql.dialects.base import Fault
from hostmap_sql.dialects.mistakes import is_mistake
from hostmap_sql.dialects.watch import WATCH
from hostmap_sql.errors import DatabaseError, DatabaseUnavailable, HostMapError, SchemaOutOfDate
from hostmap_sql.leases import close_quietly, refuse_alien
from hostmap_sql.schema import known_migrations
from hostmap_sql.statements import HOLDS_SECRETS, Statement

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hostmap_sql.dialects.base import Connection, Dialect, Parameters, Row
    from hostmap_sql.rows import Fits


class Translator:
    """Makes of a driver's exception one of ours, by its code."""

    def __init__(self, dialect: Dialect, database: str) -> None:
        self.dialect = dialect
        self.database = database

    def connecting(self, error: Exception) -> HostMapError:
        """The translation of a failure to get a connection. Mistakes are raised as they are."""
        if is_mistake(error):
            raise error
        fault = self.dialect.classify(error, connecting=True)
        if fault is Fault.NO_TABLE:
            missing = known_migrations(self.dialect.name)
            return SchemaOutOfDate(self.database, missing=missing)
        problem = self.dialect.describe(error)
        if fault.is_transient:
            return DatabaseUnavailable(self.database, problem)
        code = self.dialect.code(error)
        if code is not None and not isinstance(getattr(error, "original_exception", None), OSError):
            problem += "; check the URL, the user and password, and that the database exists"
        return DatabaseError(f"{self.database}: {problem}", code)

    def running(self, error: Exception, statement: Statement | None) -> HostMapError:
        """The translation of a failure of a statement."""
        fault = self.dialect.classify(error, connecting=False)
        if fault is Fault.NO_TABLE:
            return SchemaOutOfDate(self.database)
        # The server may quote what it was sent.
        secret = statement in HOLDS_SECRETS
        problem = "the database refused it" if secret else self.dialect.describe(error)
        if fault.is_transient:
            return DatabaseUnavailable(self.database, problem)
        name = statement.name.lower() if statement else None
        return DatabaseError(f"{self.database}: {problem}", self.dialect.code(error), name)

    @contextmanager
    def calls(
        self, connection: Connection, deadline: float, statement: Statement | None = None
    ) -> Iterator[None]:
        """Around calls of the driver: ends them at the deadline, by the monotonic clock.

        Translates what they raise, and closes a spoiled connection.
        """
        WATCH.begin(connection, deadline, self.dialect.cut)
        try:
            yield
        except Exception as error:
            raise self.failed(connection, error, statement, deadline) from error
        except BaseException:
            close_quietly(connection)
            raise
        finally:
            WATCH.end(connection)

    def failed(
        self,
        connection: Connection,
        error: Exception,
        statement: Statement | None,
        deadline: float,
    ) -> HostMapError:
        """Close a connection that an error has spoiled; return the translation of the error."""
        fault = self.dialect.classify(error, connecting=False)
        # What the driver itself failed at may have left the rest of an answer to be read.
        broke_off = fault is Fault.UNLISTED and self.dialect.code(error) is None
        if fault.spoils_connection or broke_off:
            close_quietly(connection)
        if fault is Fault.NO_TABLE and monotonic() >= deadline:
            # SQLite says so if it was cut while it looked for the table.
            return DatabaseUnavailable(self.database, "the time was up")
        return self.running(error, statement)


def fetch(  # noqa: PLR0917 - each lookup passes here
    translator: Translator,
    connection: Connection,
    deadline: float,
    statement: Statement,
    parameters: Parameters,
    fits: Fits | None = None,
) -> Sequence[Row]:
    """Run a SELECT, by itself or in a snapshot, and return its rows."""
    dialect = translator.dialect
    # As `calls` does it, which would cost every lookup some microseconds more.
    WATCH.begin(connection, deadline, dialect.cut)
    try:
        cursor = dialect.cursor(connection)
        dialect.execute(cursor, dialect.sql[statement], parameters)
        rows: Sequence[Row] = cursor.fetchall()
    except Exception as error:
        raise translator.failed(connection, error, statement, deadline) from error
    except BaseException:
        # Interrupted between a question and its answer: the next one would get the wrong one.
        close_quietly(connection)
        raise
    finally:
        WATCH.end(connection)
    refuse_alien(cursor, rows, fits, connection, translator.database)
    return rows
