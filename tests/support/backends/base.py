"""The base classes of backends (a fresh database each) and of the factories that make them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import uuid4

from hostmap_sql import DatabaseError, HostMap, HostMapError, connect
from hostmap_sql.dialects import dialect_named
from tests.support.backends.catalog import catalog
from tests.support.pace import PATIENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    Lend = Callable[[], AbstractContextManager[Any]]

    from hostmap_sql.dialects.base import Dialect
    from hostmap_sql.sql.statement import Statement
    from tests.support.backends.expected_schema import Table
    from tests.support.servers.containers import Server

LOCK_ROW = "INSERT INTO yoyo_lock (locked, ctime, pid) VALUES (1, '2026-01-02 03:04:05', 1)"
"""Takes yoyo's lock for a process whose id is 1, as in a container."""
PRIMARY_KEY = "primary key"
FULL_SCAN = "full scan"
TABLES = {
    "cell": "cell_mapping",
    "host": "host_mapping",
    "changeset": "mapping_changeset",
    "host_change": "host_mapping_change",
    "cell_change": "cell_mapping_change",
}
"""The tables by their aliases in the statements."""


def new_name() -> str:
    """Return a name for a database that no other run of the suite uses."""
    return f"hostmap_test_{uuid4().hex[:16]}"


@dataclass(frozen=True)
class Driver:
    """The driver of a database, and two of its exceptions that tests raise themselves."""

    module: str
    error: type[Exception]
    """The base of its exceptions."""
    lost_connection: Exception
    """Raised when the answer to a statement does not arrive."""
    transient_failure: Exception
    """Raised when a transaction was rolled back and may be run again."""
    database_argument: str = "database"
    """The argument of `connect` that names the database."""
    any_thread: dict[str, Any] = field(default_factory=dict)
    """Arguments that make a connection usable by several threads."""


@dataclass(frozen=True)
class SqlTexts:
    """SQL that differs between databases and that the library itself does not need."""

    guards_off: tuple[str, ...]
    """Switches off, for a session, foreign keys and the check of the one row's id."""
    quoting_triggers: Mapping[str, tuple[str, ...]]
    """By the event, what makes a trigger that refuses cells and quotes them, as far as it can."""
    begin: str = "BEGIN"
    """Begins a transaction that writes."""
    session_id: str | None = None
    """Returns the number of the session."""
    time_zone: str | None = None
    """Returns the server's own time zone."""
    isolation_level: str | None = None
    """Returns the isolation level of the transaction."""
    created_at: str = "created_at"
    """The column `created_at` in UTC, whatever the session's zone."""
    utc_suffix: str = ""
    """Follows a time in UTC that is a literal in a statement."""
    indexed_url: str = "transport_url"
    """The column `transport_url` in a definition of an index."""


class Backend(ABC):
    """A fresh database with the tables, for one test alone."""

    kind: ClassVar[str]
    dialect_name: ClassVar[str]
    """Its name in `HostMap(dialect=...)`, and its folder of migrations."""
    driver: ClassVar[Driver]
    sql: ClassVar[SqlTexts]
    yoyo_scheme: ClassVar[str]
    """The scheme of yoyo's own URLs."""
    sqlalchemy_scheme: ClassVar[str]
    """The scheme of SQLAlchemy's URLs."""
    missing_error: ClassVar[type[HostMapError]] = DatabaseError
    """Raised for a database that does not exist."""
    random_examples: ClassVar[int] = 12
    """The number of random sequences of calls that are tried: servers are slow."""
    read_only_problem: ClassVar[str] = "read_only is on for"
    """What the error says of a write in a read-only session."""
    duplicate_code: ClassVar[str]
    """The database's error code for a violated unique index."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._open = ExitStack()
        self._hostmap: HostMap | None = None

    @property
    def dialect(self) -> Dialect:
        return dialect_named(self.dialect_name)

    @property
    def yoyo_url(self) -> str:
        """The URL for yoyo's own command, which rejects `sslmode`."""
        return f"{self.yoyo_scheme}://{self.url.partition('?')[0].partition('://')[2]}"

    @property
    def hostmap(self) -> HostMap:
        """The directory, opened with the arguments that suit most tests."""
        if self._hostmap is None:
            self._hostmap = self.connect(author="tester")
        return self._hostmap

    def connect(self, **arguments: Any) -> HostMap:
        """Open another `HostMap` on the database. It is closed after the test."""
        arguments = {"timeout": PATIENT} | arguments
        return self._open.enter_context(connect(self.url, **arguments))

    @abstractmethod
    def read_only(self) -> AbstractContextManager[HostMap]:
        """Open a read-only `HostMap` for a block."""

    @abstractmethod
    def read_only_ways(self) -> Iterator[HostMap]:
        """Yield a read-only `HostMap` for each way of making sessions read-only by default."""

    @property
    @abstractmethod
    def missing_url(self) -> str:
        """The URL of a database that does not exist."""

    def url_for(self, **parts: Any) -> str:
        """Return the URL of the database with another password, host or port."""
        raise NotImplementedError(f"{self.kind}: see backends.LACKS: {parts}")

    def url_of_socket(self, folder: str) -> str:
        """Return the URL of a server that listens on a Unix socket in this folder."""
        raise NotImplementedError(f"{self.kind}: see backends.LACKS: {folder}")

    user_password = "sécret €"

    def url_of_user(self, connections: int | None = None) -> str:
        """Create a user, named as the database, with rights on its tables only; return the URL.

        :param connections: The most connections that the user may have.
        """
        raise NotImplementedError(f"{self.kind}: see backends.LACKS: {connections}")

    def change_password(self, password: str) -> None:
        """Give that user another password."""
        raise NotImplementedError(f"{self.kind}: see backends.LACKS: {password}")

    account_password = "change-me"

    def url_of_account(self, name: str) -> str:
        """Create an account without any right, not even those that all have; return its URL."""
        raise NotImplementedError(f"{self.kind}: see backends.LACKS: {name}")

    def drop_account(self, name: str) -> None:
        """Drop that account."""
        raise NotImplementedError(f"{self.kind}: see backends.LACKS: {name}")

    def drop_user(self) -> None:
        """Drop that user."""
        raise NotImplementedError(f"{self.kind}: see backends.LACKS")

    def run_script(self, text: str) -> None:
        """Run many statements, such as a dump."""
        raise NotImplementedError(f"{self.kind}: see backends.LACKS: {text[:20]}")

    def statements_sent(self) -> AbstractContextManager[list[str]]:
        """Record every statement that is sent to the server in a block."""
        raise NotImplementedError(f"{self.kind}: see backends.LACKS")

    def raw(self, **arguments: Any) -> Any:
        """Open a plain connection in autocommit mode. It is closed after the test."""
        connection = self.open_raw(**arguments)
        self._open.callback(connection.close)
        return connection

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement without the library, and return its rows as tuples."""
        connection = self.open_raw()
        try:
            cursor = connection.cursor()
            cursor.execute(statement)
            return [tuple(row) for row in cursor.fetchall()] if cursor.description else []
        finally:
            connection.close()

    def damage(self, *statements: str) -> None:
        """Run, once in a test, statements that the database refuses unless its guards are off."""
        self.execute(*self.sql.guards_off, *statements)

    def execute(self, *statements: str) -> None:
        """Run statements without the library, on one connection."""
        connection = self.open_raw()
        try:
            cursor = connection.cursor()
            for statement in statements:
                cursor.execute(statement)
        finally:
            connection.close()

    def close(self) -> None:
        self._open.close()

    def explain(self, statement: Statement, parameters: dict[str, Any]) -> dict[str, str]:
        """Return the index with which a statement finds the rows of each table."""
        connection = self.raw()
        self._gather_statistics(connection)
        return dict(self._explain(connection, self.dialect.sql[statement], parameters))

    @abstractmethod
    def open_raw(self, **arguments: Any) -> Any:
        """Open a plain connection of the driver, in autocommit mode."""

    def impatient(self, *, timeout: float) -> HostMap:
        """Open a `HostMap` on a caller's connections, which wait at most a second for a lock."""
        hostmap = HostMap(self.impatient_connections, self.dialect_name, timeout=timeout)
        self._open.callback(hostmap.close)
        return hostmap

    def empty(self) -> None:
        """Remove all rows, which is quicker than making a fresh database."""
        self.execute(
            "DELETE FROM host_mapping",
            "DELETE FROM cell_mapping",
            "DELETE FROM mapping_changeset",
            "DELETE FROM host_mapping_change",
            "DELETE FROM cell_mapping_change",
            "UPDATE mapping_revision SET revision = 0, pruned_revision = 0",
        )

    def reset(self, revision: int) -> None:
        """Undo all hosts and all changes of the fixture `cells` after a revision."""
        self.execute(
            *(
                f"DELETE FROM {table} WHERE revision > {revision}"
                for table in (
                    "host_mapping",
                    "host_mapping_change",
                    "cell_mapping_change",
                    "mapping_changeset",
                )
            ),
            f"UPDATE mapping_revision SET revision = {revision}, pruned_revision = 0",
            *(
                f"UPDATE cell_mapping SET revision = {number}, name = 'cell{number}',"
                f" disabled = {'TRUE' if number == 3 else 'FALSE'}, updated_at = NULL"
                f" WHERE name LIKE 'cell{number}%'"
                for number in (1, 2, 3)
            ),
        )

    @abstractmethod
    def own_pools(self) -> Iterator[tuple[Lend, Callable[[Any], object]]]:
        """Yield callers' pools in modes unlike ours, each with a function that reads its mode."""

    def driver_pools(self) -> Iterator[tuple[str, Lend]]:
        """Yield the driver's own pools, with their names."""
        yield from ()

    @abstractmethod
    def impatient_connections(self) -> AbstractContextManager[Any]:
        """Yield a connection that waits at most a second for a lock."""

    def tables(self) -> dict[str, Table]:
        """Return the shape of the library's tables, to compare with the declared one."""
        return catalog(self).shape()

    @abstractmethod
    def definition(self) -> list[tuple[Any, ...]]:
        """Return the definition of the tables as the database prints it."""

    @abstractmethod
    def end_other_sessions(self) -> int:
        """End all other sessions in this database, as an administrator would; count them."""

    def busy_sessions(self) -> int:
        """Count the other sessions in this database that run a statement."""
        return 0

    def sessions(self) -> int:
        """Count the other sessions in this database."""
        raise NotImplementedError(f"{self.kind}: see backends.LACKS")

    @abstractmethod
    def _gather_statistics(self, connection: Any) -> None: ...

    @abstractmethod
    def _explain(
        self, connection: Any, text: str, parameters: dict[str, Any]
    ) -> Iterator[tuple[str, str]]: ...


class Factory(ABC):
    """Makes fresh databases of one kind: copies of one that was migrated once."""

    kind: ClassVar[str]
    speak_german: ClassVar[str]
    """Sets the language of a session's messages to German."""

    @abstractmethod
    def __init__(self, server: Server | None) -> None:
        """Set up the template, on the server if there is one."""

    @property
    @abstractmethod
    def version(self) -> str:
        """The name and version of the database."""

    def learn_german(self) -> None:  # noqa: B027 - most servers speak it already
        """Enable German in the server, which is a container of ours."""

    @abstractmethod
    def fresh(self) -> Backend:
        """Create a database with the tables."""

    @abstractmethod
    def bare(self) -> Backend:
        """Create an empty database."""

    @abstractmethod
    def drop(self, backend: Backend) -> None:
        """Drop a database."""

    @abstractmethod
    def close(self) -> None:
        """Drop the template, and disconnect."""
