"""Reading Nova's own databases: connections, statements, errors, several cells side by side."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any

from hostmap_sql.dialects import dialect_of_scheme
from hostmap_sql.dialects.base import Fault
from hostmap_sql.dialects.tls import TlsRefused
from hostmap_sql.dialects.url_options import plain
from hostmap_sql.errors import DatabaseError, DatabaseUnavailable, HostMapError, InvalidValue
from hostmap_sql.hostmap import DEFAULT_TIMEOUT
from hostmap_sql.leases import close_quietly, roll_back_quietly
from hostmap_sql.models import valid_number, valid_seconds
from hostmap_sql.nova.statements import NovaStatement
from hostmap_sql.nova.templates import check_base, fill
from hostmap_sql.nova.urls import OptionChanges, read_url, refuse_files
from hostmap_sql.sessions import NO_PARAMETERS
from hostmap_sql.translator import Translator

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hostmap_sql.database_url import DatabaseUrl
    from hostmap_sql.dialects.base import Connection, Parameters, Row
    from hostmap_sql.models import CellMapping
    from hostmap_sql.statements import Statement


@dataclass(frozen=True)
class CellAccess:
    """How the databases of the cells are reached.

    :param options: what becomes of the options of every cell's URL: ``sslmode=prefer&-plugin`` sets
        the one, in the place of what the URL has, and drops the other.
    :param template_url: fills the URLs that are templates: Nova's ``[database]/connection``.
    :param trusted_hosts: hosts that its user and password may be sent to, beside its own.
    :param parallel: how many cells are read side by side.
    :param timeout: how long one cell may take, in seconds.
    :param transport_template_url: fills the URLs of queues: Nova's ``[DEFAULT]/transport_url``.
    :param trusted_files: files on this machine that the URLs of cells may name, each as it stands
        there. What `options` and `template_url` name is trusted anyway.
    """

    options: str | None = None
    template_url: str | None = field(default=None, repr=False)
    trusted_hosts: tuple[str, ...] = ()
    parallel: int = 8
    timeout: float = DEFAULT_TIMEOUT
    transport_template_url: str | None = field(default=None, repr=False)
    trusted_files: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        valid_number(self.parallel, "parallel", least=1)
        valid_seconds(self.timeout, "timeout", zero=False)
        for name in ("trusted_hosts", "trusted_files"):
            if isinstance(getattr(self, name), str):  # of which each part would be trusted
                raise InvalidValue(name, "must be many names, not one: put it into a tuple")
        if self.options is not None:
            OptionChanges.parse(self.options)
        try:
            if self.template_url is not None:
                check_base(self.template_url, "database_connection")
        except InvalidValue as error:
            raise InvalidValue("template_url", error.problem) from None
        try:
            if self.transport_template_url is not None:
                check_base(self.transport_template_url, "transport_url")
        except InvalidValue as error:
            raise InvalidValue("transport_template_url", error.problem) from None

    def url(self, cell: CellMapping) -> str:
        """The URL of a cell's database, filled in and with the options.

        :raises InvalidValue: it has none, or a template that cannot be filled.
        """
        if cell.database_connection is None:
            raise InvalidValue("database_connection", "is not set")
        url = fill(cell.database_connection.reveal(), self.template_url, self.trusted_hosts)
        return url if self.options is None else OptionChanges.parse(self.options).apply(url)

    def transport_url(self, cell: CellMapping) -> str:
        """The URL of a cell's message queue, filled in by the same rules as that of its database.

        :raises InvalidValue: it has none, or a template that cannot be filled.

        >>> access = CellAccess(
        ...     transport_template_url="rabbit://nova:s3cret@mq1:5672,nova:s3cret@mq2:5672/")
        >>> template = "rabbit://{username1}:{password1}@{hostname1}:{port1}/cell1"
        >>> cell = hostmap.cells.create("cell7", transport_url=template)
        >>> access.transport_url(cell)
        'rabbit://nova:s3cret@mq1:5672/cell1'
        """
        if cell.transport_url is None:
            raise InvalidValue("transport_url", "is not set")
        base, trusted = self.transport_template_url, self.trusted_hosts
        return fill(cell.transport_url.reveal(), base, trusted, field="transport_url")

    @contextmanager
    def open(self, cell: CellMapping) -> Iterator[NovaDatabase]:
        """The database of a cell, for a block."""
        with ExitStack() as stack:
            url = read_url(self.url(cell))
            refuse_files(url, self._typed(), self.trusted_files)
            try:
                database = stack.enter_context(NovaDatabase.open(url, self.timeout))
            except TlsRefused as error:
                # Nova does not look at certificates by itself, so its URLs say nothing of them.
                problem = f"{error.problem}, or of all cells with --cell-options"
                raise DatabaseError(problem, error.code) from error.__cause__
            yield database

    def _typed(self) -> dict[str, str]:
        """The options that the operator has typed himself."""
        base = read_url(self.template_url).options if self.template_url else {}
        own = OptionChanges.parse(self.options).values if self.options is not None else {}
        return {plain(name): value for name, value in base.items()} | {**own}


class _NovaTranslator(Translator):
    """As ours, but what is missing are Nova's tables."""

    def running(self, error: Exception, statement: Statement | None) -> HostMapError:
        if self.dialect.classify(error, connecting=False) is Fault.NO_TABLE:
            problem = f"names {self.database}, which is none of Nova's: it lacks a table or column"
            return InvalidValue("database URL", f"{problem} that Nova has")
        return super().running(error, statement)


class NovaDatabase:
    """One of Nova's databases, on one connection, for so many seconds."""

    def __init__(self, url: str | DatabaseUrl, timeout: float) -> None:
        parsed = read_url(url) if isinstance(url, str) else url
        self._dialect = dialect_of_scheme(parsed.scheme)
        self._translator = _NovaTranslator(self._dialect, str(parsed))
        self._timeout = timeout
        self.restart_clock()
        try:
            self._connection: Connection = self._dialect.connect(parsed, timeout)
        except HostMapError:
            raise
        except Exception as error:
            raise self._translator.connecting(error) from error

    @classmethod
    @contextmanager
    def open(cls, url: str | DatabaseUrl, timeout: float) -> Iterator[NovaDatabase]:
        """Connect for a block, all of which has to end within `timeout` seconds.

        :raises InvalidValue: the URL cannot be used.
        :raises DatabaseUnavailable: there is no answer.
        """
        database = cls(url, timeout)
        try:
            yield database
        finally:
            close_quietly(database._connection)

    def all(
        self, statement: NovaStatement, parameters: Parameters = NO_PARAMETERS
    ) -> Sequence[Row]:
        """Run a SELECT and return its rows."""
        cursor = self._dialect.cursor(self._connection)
        with self._translator.calls(self._connection, self._deadline):
            cursor.execute(self._dialect.adapted(statement.value), parameters)
            rows: Sequence[Row] = cursor.fetchall()
            return rows

    def number(self, statement: NovaStatement, parameters: Parameters) -> int:
        """Run a SELECT of one number and return that."""
        return int(self.all(statement, parameters)[0][0])

    def write(self, statement: NovaStatement, parameters: Parameters) -> int:
        """Run a statement that writes; return the number of rows it wrote.

        Outside of `transaction` it is one by itself.
        """
        cursor = self._dialect.cursor(self._connection)
        with self._translator.calls(self._connection, self._deadline):
            cursor.execute(self._dialect.adapted(statement.value), parameters)
            return cursor.rowcount

    def write_many(self, statement: NovaStatement, parameters: Sequence[Parameters]) -> None:
        """Run a statement that writes for each of these."""
        cursor: Any = self._dialect.cursor(self._connection)
        with self._translator.calls(self._connection, self._deadline):
            cursor.executemany(self._dialect.adapted(statement.value), parameters)

    def takes_for_same(self, one: str, other: str) -> bool:
        """Whether Nova's table takes two names of hosts for one."""
        names = {"one": one, "other": other}
        return bool(self.all(NovaStatement.SAME_HOST, names)[0][0])

    def charset(self, table: str, column: str) -> str | None:
        """The character set of a column, None if it takes all of Unicode."""
        cursor = self._dialect.cursor(self._connection)
        with self._translator.calls(self._connection, self._deadline):
            return self._dialect.column_charset(cursor, table, column)

    def has_table(self, table: str) -> bool:
        """Whether there is this table."""
        cursor = self._dialect.cursor(self._connection)
        with self._translator.calls(self._connection, self._deadline):
            return self._dialect.has_table(cursor, table)

    def restart_clock(self) -> None:
        """Give what comes now all of the time."""
        self._deadline = monotonic() + self._timeout

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A block whose writes are all done or none. It has all of the time for itself."""
        self.restart_clock()
        with self._translator.calls(self._connection, self._deadline):
            self._dialect.begin(self._dialect.cursor(self._connection))
        try:
            yield
        except BaseException:
            roll_back_quietly(self._connection, self._dialect, self._deadline)
            raise
        try:
            with self._translator.calls(self._connection, self._deadline):
                self._connection.commit()
        except DatabaseUnavailable as error:
            problem = "the answer to a commit was lost: do it again, it goes on with what is left"
            raise DatabaseError(f"{self._translator.database}: {problem}") from error.__cause__

    def encode_hosts(self, hosts: Sequence[str]) -> object:
        """Many names of hosts as one parameter."""
        return self._dialect.encode_hosts(hosts)

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
