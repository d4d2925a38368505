"""One of Nova's databases: its connection, statements and transactions."""

from __future__ import annotations

from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any

from hostmap_sql.concealing import conceal
from hostmap_sql.dialects import dialect_of_scheme
from hostmap_sql.dialects.database_url import DatabaseUrl
from hostmap_sql.dialects.fault import Fault
from hostmap_sql.engine.connector import connect
from hostmap_sql.engine.error_translation import Translator
from hostmap_sql.engine.session import COMMIT_OF_CELLS, NO_PARAMETERS, roll_back_quietly
from hostmap_sql.errors import DatabaseError, DatabaseUnavailable, HostMapError, InvalidValue
from hostmap_sql.nova import nova_sql
from hostmap_sql.nova.urls import read_url
from hostmap_sql.runtime.dbapi import close_quietly
from hostmap_sql.runtime.watchdog import TimedCall, timed_call

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hostmap_sql.runtime.dbapi import Connection, Parameters, Row
    from hostmap_sql.sql.statement import Statement


class _NovaTranslator(Translator):
    """Translates as for the directory, except that missing tables mean a wrong URL."""

    def statement_error(self, error: Exception, statement: Statement | None) -> HostMapError:
        if self.dialect.classify(error, connecting=False) is Fault.NO_TABLE:
            problem = f"names {self.database}, which is not the right Nova database"
            return InvalidValue("database URL", f"{problem}: it lacks a table or column")
        return super().statement_error(error, statement)

    def remedy(self, statement: Statement | None) -> str | None:  # noqa: ARG002 - as in the base
        return None


def conceal_url(url: str | DatabaseUrl) -> str | DatabaseUrl:
    """Conceal a URL, unless it is parsed already."""
    return url if isinstance(url, DatabaseUrl) else conceal(url)


class NovaDatabase:
    """One of Nova's databases, on one connection, with a timeout in seconds.

    The timeout limits all calls together, until `transaction` or `restart_timeout` starts it again.
    """

    def __init__(self, url: str | DatabaseUrl, timeout: float) -> None:
        url = conceal_url(url)
        parsed = url if isinstance(url, DatabaseUrl) else read_url(url)
        self._dialect = dialect_of_scheme(parsed.scheme)
        self._translator = _NovaTranslator(self._dialect, str(parsed), parsed.may_be_quoted_by)
        self._timeout = timeout
        self.restart_timeout()
        self._has_changed_secrets = False
        try:
            self._connection: Connection = connect(self._dialect, parsed, timeout)
        except Exception as error:  # noqa: BLE001 - raised below
            failure = self._translator.connect_failure(error, is_own=True)
        else:
            return
        raise failure

    @classmethod
    @contextmanager
    def open(cls, url: str | DatabaseUrl, timeout: float) -> Iterator[NovaDatabase]:
        """Connect for a block.

        :raises InvalidValue: the URL cannot be used.
        :raises DatabaseUnavailable: the database cannot be reached in time.
        """
        url = conceal_url(url)
        database = cls(url, timeout)
        try:
            yield database
        finally:
            close_quietly(database._connection)

    def restart_timeout(self) -> None:
        """Restart the timeout."""
        self._deadline = monotonic() + self._timeout

    def _call(self, statement: Statement | None = None) -> TimedCall:
        """Return a frame for calls that end at the deadline and raise the library's errors."""
        return timed_call(self._translator, self._connection, self._deadline, statement)

    def _cursor(self) -> Any:
        return self._dialect.cursor(self._connection)

    # --- statements ---------------------------------------------------------------------------

    def fetch_all(
        self, statement: Statement, parameters: Parameters = NO_PARAMETERS
    ) -> Sequence[Row]:
        """Run a SELECT and return its rows."""
        with self._call(statement):
            cursor = self._cursor()
            cursor.execute(self._dialect.render(statement.text), parameters)
            rows: Sequence[Row] = cursor.fetchall()
            return rows

    def fetch_number(self, statement: Statement, parameters: Parameters) -> int:
        """Run a SELECT of one number and return the number."""
        return int(self.fetch_all(statement, parameters)[0][0])

    def execute(self, statement: Statement, parameters: Parameters) -> int:
        """Run a statement that writes, and return the number of rows that it changed.

        Outside of `transaction` it commits by itself.
        """
        self._has_changed_secrets = self._has_changed_secrets or statement.is_confidential
        with self._call(statement):
            cursor = self._cursor()
            cursor.execute(self._dialect.render(statement.text), parameters)
            changed: int = cursor.rowcount
            return changed

    def execute_many(self, statement: Statement, parameters: Sequence[Parameters]) -> None:
        """Run a statement that writes, once for each set of parameters."""
        with self._call(statement):
            self._cursor().executemany(self._dialect.render(statement.text), parameters)

    def encode_hosts(self, hosts: Sequence[str]) -> object:
        """Encode host names as one parameter."""
        return self._dialect.encode_hosts(hosts)

    def encode_numbers(self, numbers: Sequence[int]) -> object:
        """Encode numbers as one parameter."""
        return self._dialect.encode_numbers(numbers)

    # --- properties of tables -----------------------------------------------------------------

    def are_equal_hosts(self, one: str, other: str) -> bool:
        """Return whether the collation of Nova's table makes two host names equal."""
        names = {"one": one, "other": other}
        return bool(self.fetch_all(nova_sql.SAME_HOST, names)[0][0])

    def column_charset(self, table: str, column: str) -> str | None:
        """Return the character set of a column, None if the column takes all of Unicode."""
        with self._call():
            return self._dialect.column_charset(self._cursor(), table, column)

    def has_table(self, table: str) -> bool:
        """Return whether the table exists."""
        with self._call():
            return self._dialect.has_table(self._cursor(), table)

    # --- transactions -------------------------------------------------------------------------

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Open a read-only block whose statements all see the same state."""
        with self._call():
            self._dialect.begin_snapshot(self._cursor())
        yield
        with self._call():
            self._connection.rollback()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Open a block whose writes are made together or not at all, with a timeout of its own.

        :raises DatabaseError: the answer to the commit was lost.
        """
        self.restart_timeout()
        self._has_changed_secrets = False
        with self._call():
            self._dialect.begin(self._cursor())
        try:
            yield
        except BaseException:
            roll_back_quietly(self._connection, self._dialect, self._deadline)
            raise
        try:
            statement = COMMIT_OF_CELLS if self._has_changed_secrets else None
            with self._call(statement):
                self._connection.commit()
        except DatabaseUnavailable as error:
            problem = "the answer to a commit was lost: run it again to do the rest"
            raise DatabaseError(f"{self._translator.database}: {problem}") from error.__cause__
