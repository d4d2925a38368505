"""Translates driver exceptions by their code."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from hostmap_sql.concealing import drop_frames, raise_alone
from hostmap_sql.dialects.fault import Fault
from hostmap_sql.engine.programming_errors import is_programming_error
from hostmap_sql.errors import (
    DatabaseError,
    DatabaseUnavailable,
    DriverFailure,
    HostMapError,
    NotPermitted,
    SchemaOutOfDate,
)
from hostmap_sql.runtime.dbapi import close_quietly
from hostmap_sql.runtime.watchdog import TimedCall
from hostmap_sql.schema import known_migrations

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from hostmap_sql.dialects.base import Dialect
    from hostmap_sql.runtime.dbapi import Connection
    from hostmap_sql.sql.statement import Statement

_NOT_PERMITTED = (Fault.NOT_PERMITTED, Fault.READ_ONLY)

_NOT_SHOWN = (
    "its message is not shown, because it quotes a part of the URL that may be a secret: "
    "is a password in the wrong place?"
)

_CHECK_URL = "; check the URL, the user and password, and that the database exists"


class Translator:
    """Raises the library's errors in place of a driver's.

    :param database: the name of the database in messages.
    :param quotes_secret: tells whether a driver's message quotes a possible secret of the URL.
    """

    def __init__(
        self,
        dialect: Dialect,
        database: str,
        quotes_secret: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self.dialect = dialect
        self.interrupt = dialect.interrupt
        self.database = database
        self._quotes_secret = quotes_secret

    def connect_failure(self, error: Exception, *, is_own: bool) -> Exception:
        """Translate a failure to get a connection, and drop its frames, which hold logins.

        A programming error of an external pool stays as it is.

        :param is_own: whether the library itself tried to connect, not an external pool.
        """
        if isinstance(error, HostMapError):
            drop_frames(error)
            if isinstance(error.__cause__, Exception):
                error.__cause__ = self._cause(error.__cause__)
            if self._quotes_secret(str(error)):
                code = getattr(error, "code", None)
                return DatabaseError(f"{self.database}: {_NOT_SHOWN}", code)
            return error
        if not is_own and is_programming_error(error):
            return error
        failure = self._connect_failure(error)
        failure.__cause__ = self._cause(error)
        return failure

    def _connect_failure(self, error: Exception) -> HostMapError:
        fault = self.dialect.classify(error, connecting=True)
        if fault is Fault.NO_TABLE:
            missing = known_migrations(self.dialect.name)
            return SchemaOutOfDate(self.database, missing=missing)
        problem = self._describe(error)
        if fault.is_transient:
            return DatabaseUnavailable(self.database, problem)
        code = self.dialect.code(error)
        if fault in _NOT_PERMITTED:
            problem = f"{self.database}: {problem}"
            return NotPermitted(problem, code, remedy=self.remedy(None))
        if code is not None and not isinstance(getattr(error, "original_exception", None), OSError):
            problem += _CHECK_URL
        return DatabaseError(f"{self.database}: {problem}", code)

    def raise_call_error(
        self,
        connection: Connection,
        error: Exception,
        statement: Statement | None,
        deadline: float,
    ) -> NoReturn:
        """Raise the translation of a failed call; close the connection if it is unusable now."""
        fault = self.dialect.classify(error, connecting=False)
        refusal = None
        if fault is Fault.RECONNECT:
            refusal = self._read_only_refusal(connection, error, statement, deadline)
        # If the driver itself failed, the rest of an answer may still be unread.
        is_unread = fault is Fault.UNKNOWN and self.dialect.code(error) is None
        if fault.spoils_connection or is_unread:
            close_quietly(connection)
        failure: HostMapError
        if refusal is not None:
            failure = refusal
        elif fault is Fault.NO_TABLE and monotonic() >= deadline:
            # SQLite reports a missing table if it was interrupted while it looked for the table.
            failure = DatabaseUnavailable(self.database, "the call timed out")
        else:
            failure = self.statement_error(error, statement)
        cause = self.cause(error, statement)
        del error  # its text may quote a row
        raise_alone(failure, cause)

    def cause(self, error: Exception, statement: Statement | None) -> Exception:
        """Return the `__cause__` of an error: the driver's exception, without its frames.

        For a statement with URLs it is a `DriverFailure`.
        """
        if statement is not None and statement.is_confidential:
            return DriverFailure.of(error, self.dialect.code(error))
        return self._cause(error)

    def _cause(self, error: Exception) -> Exception:
        if isinstance(error, UnicodeEncodeError | UnicodeDecodeError):  # they hold the whole text
            return DriverFailure.of(error, None)
        if self._quotes_secret(f"{error} {error!r}"):
            return DriverFailure.of(error, self.dialect.code(error))
        drop_frames(error)
        self.dialect.forget_connection(error)
        return error

    def _describe(self, error: Exception) -> str:
        problem = self.dialect.describe(error)
        return _NOT_SHOWN if self._quotes_secret(problem) else problem

    def statement_error(self, error: Exception, statement: Statement | None) -> HostMapError:
        """Make the error of a failed statement."""
        fault = self.dialect.classify(error, connecting=False)
        if fault is Fault.NO_TABLE:
            return SchemaOutOfDate(self.database)
        # The server may quote the parameters, or the row.
        is_secret = statement is not None and statement.is_confidential
        problem = "the database refused it" if is_secret else self._describe(error)
        if fault.is_transient:
            return DatabaseUnavailable(self.database, problem, is_conflict=fault is Fault.CONFLICT)
        name = statement.name if statement else None
        code = self.dialect.code(error)
        problem = f"{self.database}: {problem}"
        if fault in _NOT_PERMITTED:
            remedy = self.remedy(statement) if fault is Fault.NOT_PERMITTED else None
            return NotPermitted(problem, code, name, remedy)
        return DatabaseError(problem, code, name)

    def remedy(self, statement: Statement | None) -> str | None:
        """Return a clause with the command that prints the missing grants."""
        if statement is None:
            return "`hostmap grants` prints the statements for each role"
        role = f"{statement.role} --urls" if statement.reads_urls else statement.role
        remedy = f"`hostmap grants --role {role}` prints the statements to run"
        if statement.reads_urls:
            remedy += ", and with `urls=False` the URLs are not read"
        return remedy

    def _read_only_refusal(
        self,
        connection: Connection,
        error: Exception,
        statement: Statement | None,
        deadline: float,
    ) -> NotPermitted | None:
        """Make the error for an account or session that is read-only; None if the server is.

        Only a server in a switchover is worth a retry.
        """
        try:
            with TimedCall(connection, deadline, self.interrupt):
                problem = self.dialect.why_read_only(connection, error)
        except Exception:  # noqa: BLE001 - the first error says more
            return None
        if problem is None:
            return None
        name, code = statement.name if statement else None, self.dialect.code(error)
        return NotPermitted(f"{self.database}: {problem}", code, name)
