"""What a backend of the suite is: a fresh database, and who makes such."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import uuid4

from hostmap_sql import DatabaseError, HostMap, HostMapError, connect
from hostmap_sql.dialects import dialect_named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    Lend = Callable[[], AbstractContextManager[Any]]

    from hostmap_sql.dialects.base import Dialect
    from hostmap_sql.statements import Statement
    from tests.support.schemas import Table
    from tests.support.servers import Server

LOCK_ROW = "INSERT INTO yoyo_lock (locked, ctime, pid) VALUES (1, '2026-01-02 03:04:05', 1)"
"""Takes yoyo's lock as the process 1 of a container does."""
PRIMARY_KEY = "primary key"
FULL_SCAN = "full scan"
TABLES = {
    "c": "cell_mapping",
    "h": "host_mapping",
    "s": "mapping_changeset",
    "x": "host_mapping_change",
}
"""The tables, by the names that the statements give them."""


def new_name() -> str:
    """A name for a database that no other run of the suite takes."""
    return f"hostmap_test_{uuid4().hex[:16]}"


class Backend(ABC):
    """A fresh database, with the tables, that is the test's alone."""

    kind: ClassVar[str]
    dialect_name: ClassVar[str]
    """What `HostMap(dialect=...)` calls it, and its folder of migrations."""
    zone_statement: ClassVar[str | None] = None
    """Tells the server's own time zone."""
    isolation_statement: ClassVar[str | None] = None
    """Tells the isolation level of the transaction."""
    yoyo_scheme: ClassVar[str]
    """How yoyo's own URLs begin."""
    sqlalchemy_scheme: ClassVar[str]
    """How SQLAlchemy's URLs begin."""
    driver_error: ClassVar[type[Exception]]
    """The base of the driver's exceptions."""
    lost_connection: ClassVar[Exception]
    """What the driver raises when the answer to a statement does not come."""
    begin_statement: ClassVar[str] = "BEGIN"
    """Begins a transaction that is to write."""
    session_statement: ClassVar[str | None] = None
    """Tells the number of the session."""
    for_any_thread: ClassVar[dict[str, Any]] = {}
    """What makes a plain connection one that threads may hand on."""
    guards_off: ClassVar[tuple[str, ...]]
    """Switches off, for a session, foreign keys and the check of the one row's id."""
    utc_suffix: ClassVar[str] = ""
    """What has to follow a time in UTC that is written into a statement."""
    time_as_text: ClassVar[str] = "created_at"
    """The column `created_at`, in UTC whatever the session's zone."""
    passing_failure: ClassVar[Exception]
    """What the driver raises when a transaction was rolled back and may be run again."""
    missing_error: ClassVar[type[HostMapError]] = DatabaseError
    """What comes of a database that is not there."""
    driver_module: ClassVar[str]
    database_argument: ClassVar[str] = "database"
    """What the driver calls the database's name."""
    duplicate_code: ClassVar[str]
    """The database's own code for a value that a unique index has already."""
    indexed_text: ClassVar[str] = "transport_url"
    """How an index on a text of any length says so."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._open = ExitStack()
        self._hostmap: HostMap | None = None

    @property
    def dialect(self) -> Dialect:
        return dialect_named(self.dialect_name)

    @property
    def yoyo_url(self) -> str:
        """The URL under which yoyo's own command finds the database: it knows no `sslmode`."""
        return f"{self.yoyo_scheme}://{self.url.partition('?')[0].partition('://')[2]}"

    @property
    def hostmap(self) -> HostMap:
        """The directory, with the arguments that most tests want."""
        if self._hostmap is None:
            self._hostmap = self.connect(author="tester")
        return self._hostmap

    def connect(self, **arguments: Any) -> HostMap:
        """Another `HostMap` on the same database. It is closed after the test."""
        arguments = {"timeout": 20.0} | arguments
        return self._open.enter_context(connect(self.url, **arguments))

    @abstractmethod
    def read_only(self) -> AbstractContextManager[HostMap]:
        """A `HostMap` that may only read, for a block."""

    @property
    @abstractmethod
    def missing_url(self) -> str:
        """The URL of a database that is not there."""

    def url_for(self, **parts: Any) -> str:
        """The URL of the database with another password, host or port."""
        raise NotImplementedError(f"{self.kind}: see backends.LACKS: {parts}")

    def url_of_socket(self, folder: str) -> str:
        """The URL of a server that listens at a Unix socket in this folder."""
        raise NotImplementedError(f"{self.kind}: see backends.LACKS: {folder}")

    user_password = "sécret €"

    def url_of_user(self, connections: int | None = None) -> str:
        """The URL for a user made for it, named as the database, who may only use the tables.

        With a number, that is how many connections he may have.
        """
        raise NotImplementedError(f"{self.kind}: see backends.LACKS: {connections}")

    def drop_user(self) -> None:
        """Drop him again."""
        raise NotImplementedError(f"{self.kind}: see backends.LACKS")

    def run_script(self, text: str) -> None:
        """Run many statements, such as a dump."""
        raise NotImplementedError(f"{self.kind}: see backends.LACKS: {text[:20]}")

    def statements_sent(self) -> AbstractContextManager[list[str]]:
        """A block in which every statement that is sent to a server is noted."""
        raise NotImplementedError(f"{self.kind}: see backends.LACKS")

    def raw(self, **arguments: Any) -> Any:
        """A plain connection of the driver, in autocommit mode, closed after the test."""
        connection = self.open_raw(**arguments)
        self._open.callback(connection.close)
        return connection

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement past the library, and return its rows as tuples."""
        connection = self.open_raw()
        try:
            cursor = connection.cursor()
            cursor.execute(statement)
            return [tuple(row) for row in cursor.fetchall()] if cursor.description else []
        finally:
            connection.close()

    def damage(self, *statements: str) -> None:
        """Run statements that the database would refuse, its guards being off. Once in a test."""
        connection = self.open_raw()
        try:
            cursor = connection.cursor()
            for statement in (*self.guards_off, *statements):
                cursor.execute(statement)
        finally:
            connection.close()

    def close(self) -> None:
        self._open.close()

    def explain(self, statement: Statement, parameters: dict[str, Any]) -> dict[str, str]:
        """The index by which a statement finds the rows of each table."""
        connection = self.raw()
        self._gather_statistics(connection)
        return dict(self._explain(connection, self.dialect.sql[statement], parameters))

    @abstractmethod
    def open_raw(self, **arguments: Any) -> Any:
        """Open a plain connection of the driver, in autocommit mode."""

    def impatient(self, *, timeout: float) -> HostMap:
        """A `HostMap` on connections of a caller's, which wait a second at most for a lock."""
        hostmap = HostMap(self.impatient_connections, self.dialect_name, timeout=timeout)
        self._open.callback(hostmap.close)
        return hostmap

    def empty(self) -> None:
        """Make the database as good as new, in less time."""
        for table in (
            "host_mapping",
            "cell_mapping",
            "mapping_changeset",
            "host_mapping_change",
            "cell_mapping_change",
        ):
            self.query(f"DELETE FROM {table}")
        self.query("UPDATE mapping_revision SET revision = 0, pruned_revision = 0")

    def reset(self, revision: int) -> None:
        """Take back all hosts, and all changes of cells, after a revision."""
        for table in ("host_mapping", "host_mapping_change", "cell_mapping_change"):
            self.query(f"DELETE FROM {table} WHERE revision > {revision}")
        self.query(f"DELETE FROM mapping_changeset WHERE revision > {revision}")
        self.query(f"UPDATE mapping_revision SET revision = {revision}, pruned_revision = 0")
        for number, name in ((1, "cell1"), (2, "cell2"), (3, "cell3")):
            self.query(
                f"UPDATE cell_mapping SET revision = {number}, name = '{name}',"
                f" disabled = {'TRUE' if number == 3 else 'FALSE'}, updated_at = NULL"
                f" WHERE name LIKE '{name}%'"
            )

    @abstractmethod
    def own_pools(self) -> Iterator[tuple[Lend, Callable[[Any], object]]]:
        """Pools such as callers have, in other modes than ours, and what tells their mode."""

    def driver_pools(self) -> Iterator[tuple[str, Lend]]:
        """The pools that the driver itself brings, by their names."""
        yield from ()

    @abstractmethod
    def impatient_connections(self) -> AbstractContextManager[Any]:
        """Lend a connection that waits a second at most for a lock."""

    @abstractmethod
    def tables(self) -> dict[str, Table]:
        """The library's own tables, in the words of `schemas`."""

    @abstractmethod
    def definition(self) -> list[tuple[Any, ...]]:
        """All that the database knows of their definition, in its own words."""

    @abstractmethod
    def end_other_sessions(self) -> int:
        """End all sessions in this database as an administrator would; return how many."""

    def busy_sessions(self) -> int:
        """How many other sessions in this database are running a statement."""
        return 0

    def sessions(self) -> int:
        """How many other sessions there are in this database."""
        raise NotImplementedError(f"{self.kind}: see backends.LACKS")

    @abstractmethod
    def _gather_statistics(self, connection: Any) -> None: ...

    @abstractmethod
    def _explain(
        self, connection: Any, text: str, parameters: dict[str, Any]
    ) -> Iterator[tuple[str, str]]: ...


class Factory(ABC):
    """Makes fresh databases of one kind, all of them copies of one that was migrated once."""

    kind: ClassVar[str]
    speak_german: ClassVar[str]
    """Has a session's messages in German."""

    @abstractmethod
    def __init__(self, server: Server | None) -> None:
        """Set up the template, on a server if the kind has such."""

    @property
    @abstractmethod
    def version(self) -> str:
        """What the database calls itself."""

    def learn_german(self) -> None:  # noqa: B027 - many know it
        """See to it that the server, a container of ours, can speak it."""

    @abstractmethod
    def fresh(self) -> Backend:
        """A new database with the tables."""

    @abstractmethod
    def bare(self) -> Backend:
        """A new database with nothing in it."""

    @abstractmethod
    def drop(self, backend: Backend) -> None:
        """Remove a database."""

    @abstractmethod
    def close(self) -> None:
        """Remove what the factory itself has made."""
