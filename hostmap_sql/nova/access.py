"""Reading Nova's own databases: connections, statements, errors, several cells side by side."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING

from hostmap_sql.database_url import DatabaseUrl
from hostmap_sql.dialects import dialect_of_scheme
from hostmap_sql.dialects.base import Fault
from hostmap_sql.dialects.tls import TlsRefused
from hostmap_sql.errors import DatabaseError, HostMapError, InvalidValue
from hostmap_sql.hostmap import DEFAULT_TIMEOUT
from hostmap_sql.leases import close_quietly
from hostmap_sql.models import valid_number, valid_seconds
from hostmap_sql.nova.templates import fill
from hostmap_sql.sessions import NO_PARAMETERS
from hostmap_sql.translator import Translator

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hostmap_sql.dialects.base import Connection, Parameters, Row
    from hostmap_sql.models import CellMapping
    from hostmap_sql.nova.statements import NovaStatement
    from hostmap_sql.statements import Statement


@dataclass(frozen=True)
class CellAccess:
    """How the databases of the cells are reached.

    :param options: options for the query of every cell's URL, such as ``sslmode=prefer``.
    :param template_url: fills the URLs that are templates: Nova's ``[database]/connection``.
    :param trusted_hosts: hosts that its user and password may be sent to, beside its own.
    :param parallel: how many cells are read side by side.
    :param timeout: how long one cell may take, in seconds.
    """

    options: str | None = None
    template_url: str | None = field(default=None, repr=False)
    trusted_hosts: tuple[str, ...] = ()
    parallel: int = 8
    timeout: float = DEFAULT_TIMEOUT

    def __post_init__(self) -> None:
        valid_number(self.parallel, "parallel", least=1)
        valid_seconds(self.timeout, "timeout", zero=False)
        trusted: object = self.trusted_hosts
        if isinstance(trusted, str):  # of which each part would be trusted
            raise InvalidValue("trusted_hosts", "must be many names, not one: put it into a tuple")
        options = [option.partition("=") for option in (self.options or "").split("&")]
        if self.options is not None and not all(name and equals for name, equals, _ in options):
            raise InvalidValue("options", "must be of the form option=value&option=value")
        if self.template_url is not None:
            try:
                DatabaseUrl.parse(self.template_url)
            except InvalidValue as error:
                raise InvalidValue("template_url", error.problem) from None

    def url(self, cell: CellMapping) -> str:
        """The URL of a cell's database, filled in and with the options.

        :raises InvalidValue: it has none, or a template that cannot be filled.
        """
        if cell.database_connection is None:
            raise InvalidValue("database_connection", "is not set")
        url = fill(cell.database_connection.reveal(), self.template_url, self.trusted_hosts)
        if self.options is None:
            return url
        return f"{url}{'&' if '?' in url else '?'}{self.options}"

    @contextmanager
    def open(self, cell: CellMapping) -> Iterator[NovaDatabase]:
        """The database of a cell, for a block."""
        with ExitStack() as stack:
            try:
                database = stack.enter_context(NovaDatabase.open(self.url(cell), self.timeout))
            except TlsRefused as error:
                # Nova does not look at certificates by itself, so its URLs say nothing of them.
                problem = f"{error.problem}, or of all cells with --cell-options"
                raise DatabaseError(problem, error.code) from error.__cause__
            yield database


class _NovaTranslator(Translator):
    """As ours, but what is missing are Nova's tables."""

    def running(self, error: Exception, statement: Statement | None) -> HostMapError:
        if self.dialect.classify(error, connecting=False) is Fault.NO_TABLE:
            problem = f"names {self.database}, which is none of Nova's: it lacks a table or column"
            return InvalidValue("database URL", f"{problem} that Nova has")
        return super().running(error, statement)


class NovaDatabase:
    """One of Nova's databases, on one connection, for so many seconds."""

    def __init__(self, url: str, timeout: float) -> None:
        parsed = DatabaseUrl.parse(url)
        self._dialect = dialect_of_scheme(parsed.scheme)
        self._translator = _NovaTranslator(self._dialect, str(parsed))
        self._deadline = monotonic() + timeout
        try:
            self._connection: Connection = self._dialect.connect(parsed, timeout)
        except HostMapError:
            raise
        except Exception as error:
            raise self._translator.connecting(error) from error

    @classmethod
    @contextmanager
    def open(cls, url: str, timeout: float) -> Iterator[NovaDatabase]:
        """Connect for a block, all of which has to end within `timeout` seconds.

        :raises InvalidValue: the URL cannot be used.
        :raises DatabaseUnavailable: there is no answer.
        """
        database = cls(url, timeout)
        try:
            yield database
        finally:
            close_quietly(database._connection)

    def all(self, statement: NovaStatement) -> Sequence[Row]:
        """Run a SELECT and return its rows."""
        cursor = self._dialect.cursor(self._connection)
        with self._translator.calls(self._connection, self._deadline):
            cursor.execute(self._dialect.adapted(statement.value), NO_PARAMETERS)
            rows: Sequence[Row] = cursor.fetchall()
            return rows

    def execute(self, statement: NovaStatement, parameters: Parameters) -> int:
        """Run a statement that writes, as a transaction of its own; return the rows it wrote."""
        cursor = self._dialect.cursor(self._connection)
        with self._translator.calls(self._connection, self._deadline):
            cursor.execute(self._dialect.adapted(statement.value), parameters)
            return cursor.rowcount

    def encode_numbers(self, numbers: Sequence[int]) -> object:
        """Many numbers as one parameter."""
        return self._dialect.encode_numbers(numbers)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """A block whose statements all see the same state."""
        with self._translator.calls(self._connection, self._deadline):
            self._dialect.begin_snapshot(self._dialect.cursor(self._connection))
        yield
        with self._translator.calls(self._connection, self._deadline):
            self._connection.rollback()
