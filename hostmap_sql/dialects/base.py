"""The interfaces that each database implements: `Dialect`, and `MigrationTools` for migrating."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from hostmap_sql import sql
from hostmap_sql.dialects.migration_support import Creation, inserts_revision_row
from hostmap_sql.dialects.url_options import UrlOptions
from hostmap_sql.sql.statement import (
    HOSTS_TABLE,
    IN_HOSTS,
    IN_NUMBERS,
    NO_URLS,
    URL_COLUMNS,
    Statement,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from hostmap_sql.dialects.database_url import DatabaseUrl
    from hostmap_sql.dialects.fault import Fault
    from hostmap_sql.runtime.dbapi import Cursor

# An idle transaction blocks all writers. Without a limit, a client that the network has cut off
# would block them for hours.
_SHORTEST_IDLE_LIMIT = 60


def idle_limit(timeout: float) -> float:
    """Return how long, in seconds, a session may keep a transaction open without a statement."""
    return max(timeout, _SHORTEST_IDLE_LIMIT)


class Dialect(ABC):
    """One kind of database: its SQL, driver, connections, values and errors."""

    name: ClassVar[str]
    """The name: a value of ``HostMap(dialect=...)``, and the folder in ``migrations/``."""

    driver: ClassVar[str]
    """The driver's name in messages."""

    connection_class: ClassVar[type]
    """The class of the driver's connections."""

    driver_attribute: ClassVar[str]
    """An attribute that only this driver's connections have."""

    has_server: ClassVar[bool] = True
    """Whether its databases are on servers."""

    is_closed: ClassVar[staticmethod[[Any], object]]
    """Whether a connection of `connector` is closed, in C: each lookup calls it."""

    url_options: ClassVar[UrlOptions] = UrlOptions()
    """The options that a database URL may have."""

    autocommit: ClassVar[Any] = True
    """The argument of `set_mode` for autocommit mode."""

    longest_pause: ClassVar[float] = 1.0
    """The longest pause before a retry, in seconds."""

    in_hosts: ClassVar[str] = IN_HOSTS
    """Replaces `IN_HOSTS` in statements: "one of these hosts"."""

    hosts_table: ClassVar[str] = HOSTS_TABLE
    """Replaces `HOSTS_TABLE` in statements: these hosts as a table."""

    in_numbers: ClassVar[str] = IN_NUMBERS
    """Replaces `IN_NUMBERS` in statements: "one of these numbers"."""

    overrides: ClassVar[Mapping[Statement, str]] = {}
    """The statements whose text differs, with their text in the common form."""

    sql: Mapping[Statement, str]
    """The text of each statement, as the driver takes it."""

    sql_without_urls: Mapping[Statement, str]
    """The same, with NULL in place of the URLs of cells."""

    def __init__(self) -> None:
        self.sql = {
            statement: self.render(self.overrides.get(statement, statement.text))
            for statement in sql.STATEMENTS
        }
        self.sql_without_urls = {
            statement: text.replace(URL_COLUMNS, NO_URLS) for statement, text in self.sql.items()
        }

    def render(self, text: str) -> str:
        """Return the text of a statement in the form that the driver takes."""
        text = text.replace(IN_HOSTS, self.in_hosts).replace(HOSTS_TABLE, self.hosts_table)
        return text.replace(IN_NUMBERS, self.in_numbers)

    # --- connections --------------------------------------------------------------------------

    @abstractmethod
    def connector(
        self, url: DatabaseUrl, timeout: float, password: Callable[[], str] | None = None
    ) -> Callable[[float], Any]:
        """Return a function that opens a connection, given a deadline by the monotonic clock.

        Connections are in autocommit mode, at READ COMMITTED. The server also ends statements and
        lock waits after `timeout` seconds, and sessions that are idle in a transaction after
        `idle_limit`, so that nothing keeps running after the call.

        :param password: returns the password of each new connection; None if the URL has it.
        :raises InvalidValue: the URL has an unknown or unusable option, or names a password too.
        """

    def creator(self, url: DatabaseUrl) -> Callable[[], None]:  # noqa: ARG002 - servers have none
        """Return a function that creates the database, where the library can: an SQLite file."""
        return lambda: None

    @abstractmethod
    def is_open(self, connection: Any) -> bool:
        """Whether a connection of the driver, own or external, is open, without a round trip."""

    @abstractmethod
    def interrupt(self, connection: Any) -> None:
        """Interrupt, from another thread, the call on a connection. May raise any exception."""

    @abstractmethod
    def cursor(self, connection: Any) -> Cursor:
        """Return a cursor that yields tuples, even on a connection of an external pool."""

    @abstractmethod
    def disown(self, connection: Any, lent: bool) -> None:  # noqa: FBT001 - as the pool calls it
        """Release this process's copy of a parent's connection, sending nothing to the server.

        :param lent: whether it was in use when this process was forked, so that a transaction or
            a call may be in progress on it.
        """

    # --- connections of external pools --------------------------------------------------------

    @abstractmethod
    def set_mode(self, connection: Any, mode: Any) -> Any:
        """Set the transaction mode of a connection; return the previous one."""

    @abstractmethod
    def claim(self, connection: Any) -> bool:
        """Claim a connection for this process; return False if the parent process uses it too."""

    def prepare_session(self, connection: Any) -> None:  # noqa: B027 - not every one needs it
        """Refuse a session that would give wrong answers. Called after `set_mode`.

        Queries the server at most once for each connection.

        :raises DatabaseError: with the setting to change.
        """

    def add_missing_code(self, error: Exception) -> None:  # noqa: B027 - most drivers give codes
        """Add the code of a failure to connect, where the driver gives none.

        :raises DatabaseError: the server refused the connection for a reason that has no code.
        """

    def forget_connection(self, error: Exception) -> None:  # noqa: B027 - most drivers keep none
        """Remove the objects that contain a login from a driver's exception."""

    # --- statements ---------------------------------------------------------------------------

    @abstractmethod
    def begin(self, cursor: Cursor) -> None:
        """Begin a write transaction, at READ COMMITTED."""

    @abstractmethod
    def begin_snapshot(self, cursor: Cursor) -> None:
        """Begin a read-only transaction in which all reads see the same snapshot."""

    @abstractmethod
    def take_revision(self, cursor: Cursor) -> int | None:
        """Lock out other writers and return the new revision; None if its row is missing."""

    @abstractmethod
    def commit(self, connection: Any) -> None:
        """Commit. An answer with a warning raises an exception."""

    # --- values -------------------------------------------------------------------------------

    @abstractmethod
    def encode_hosts(self, hosts: Sequence[str]) -> object:
        """Return the parameter of `in_hosts`."""

    def encode_hosts_table(self, hosts: Sequence[str]) -> object:
        """Return the parameter of `hosts_table`."""
        return self.encode_hosts(hosts)

    def encode_numbers(self, numbers: Sequence[int]) -> object:
        """Return the parameter of `in_numbers`."""
        return [*numbers]

    @abstractmethod
    def encode_time(self, time: datetime) -> object:
        """Return an aware time as a parameter."""

    # --- errors -------------------------------------------------------------------------------

    @abstractmethod
    def code(self, error: Exception) -> str | None:
        """Return the database's code of an error: errno, SQLSTATE or SQLite's name for it."""

    @abstractmethod
    def classify(self, error: Exception, *, connecting: bool) -> Fault:
        """Classify an error by its code; servers translate their messages."""

    def describe(self, error: Exception) -> str:
        """Return the first line of an error's message, with the class if it is not the driver's."""
        message, name = str(error).strip().partition("\n")[0], type(error).__name__
        if not message:
            return name
        is_known = isinstance(error, OSError) or _package(type(error)) in (
            _package(self.connection_class),
            _package(Dialect),
        )
        return message if is_known else f"{name}: {message}"

    def why_read_only(self, connection: Any, error: Exception) -> str | None:  # noqa: ARG002
        """Return the reason if only this account or session is read-only, not the server; or None.

        Called after a refused write; queries the server. May raise any exception.
        """
        return None

    def is_clustered(self, cursor: Cursor) -> bool:  # noqa: ARG002 - a file is on one machine
        """Whether a commit on this server needs other nodes, so that its own data may be late."""
        return False

    # --- schema -------------------------------------------------------------------------------

    @abstractmethod
    def has_table(self, cursor: Cursor, table: str) -> bool:
        """Whether the database has a table, in the schema of unqualified names."""

    def hidden_schema(self, cursor: Cursor, table: str) -> str | None:  # noqa: ARG002
        """Return the schema that holds a table if the account may not use the schema; or None.

        Tables in such a schema seem not to exist.
        """
        return None

    @abstractmethod
    def readable_columns(self, cursor: Cursor, table: str) -> frozenset[str] | None:
        """Return the columns of a table that the account may read; None if there is no table."""

    def open_schemas(self, cursor: Cursor) -> Sequence[str]:  # noqa: ARG002 - only PostgreSQL has any
        """Return the schemas of unqualified names in which every account may create."""
        return ()

    @abstractmethod
    def grants(self, cursor: Cursor, role: str, user: str, *, urls: bool) -> Sequence[str]:
        """Return the statements that grant an account the rights of a role in this database.

        :param role: one of `rights.ROLES`.
        :param urls: whether the role "lookup" may read the URLs of cells.
        """

    def column_charset(self, cursor: Cursor, table: str, column: str) -> str | None:  # noqa: ARG002
        """Return the character set of a column; None if it can hold all of Unicode."""
        return None

    def files_open_to_others(self, cursor: Cursor) -> Sequence[str]:  # noqa: ARG002 - SQLite's
        """List the files of the database that other users of this machine can read or write."""
        return ()

    def deny_others_access(self, files: Sequence[str]) -> None:  # noqa: B027 - servers list none
        """Remove all permissions of other users from these files.

        :raises DatabaseError: this user may not change them.
        """

    @abstractmethod
    def yoyo_backend(self) -> Any:
        """Return yoyo's backend class for this database."""

    @abstractmethod
    def migration_tools(self) -> MigrationTools:
        """Return the tools for one run of migrations."""


class MigrationTools(ABC):
    """Migrations on one kind of database: their transaction or lock, and checks of its tables."""

    session_lock: SessionLock | None = None
    """The lock of a run whose DDL commits; None where all migrations are one transaction."""

    savepoint: ClassVar[str] = "SAVEPOINT hostmap_sql"
    """Sets the savepoint before each migration of a transaction."""

    back_to_savepoint: ClassVar[str] = "ROLLBACK TO SAVEPOINT hostmap_sql"
    """Undoes a migration in a transaction."""

    advice: ClassVar[Mapping[str, str]] = {}
    """How to fix a failed migration, by the code of the failure."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect

    @property
    def ddl_is_transactional(self) -> bool:
        """Whether a rollback undoes DDL; if so, the lock and all migrations are one transaction."""
        return self.session_lock is None

    def refuse_foreign_tables(self, cursor: Any) -> None:  # noqa: B027 - only PostgreSQL has any
        """Refuse tables that another account may have made to run code as this one.

        :raises DatabaseError: with the table and its owner.
        """

    def begin(self, cursor: Any, lock_timeout: float) -> None:  # noqa: ARG002 - SQLite's is fixed
        """Begin the transaction of a run, with this limit, in seconds, on waits for a lock."""
        self.dialect.begin(cursor)

    def restore_lock_timeout(self, cursor: Any) -> None:  # noqa: B027 - SQLite's is fixed
        """Restore the session's own limit on waits for a lock."""

    def is_made(self, cursor: Any, statement: str) -> bool:
        """Whether the table, index or revision row of a statement exists exactly as it says."""
        if inserts_revision_row(statement):
            cursor.execute(self.dialect.sql[sql.REVISION_GET])
            return cursor.fetchone() is not None
        creation = Creation.parse(statement)
        return creation is not None and self.matches(cursor, creation)

    @abstractmethod
    def matches(self, cursor: Any, creation: Creation) -> bool:
        """Whether the table or index exists exactly as its statement says."""

    def is_gone(self, cursor: Any, statement: str) -> bool:
        """Whether a statement creates a table, and there is no such table."""
        creation = Creation.parse(statement)
        if creation is None or creation.kind != "TABLE":
            return False
        return not self.dialect.has_table(cursor, creation.name)

    def advise(self, cursor: Any, code: str | None) -> str | None:  # noqa: ARG002 - some ask
        """Return the fix of a failure with this code, as a clause; None if it is unknown."""
        return self.advice.get(code or "")


class SessionLock(ABC):
    """A lock of the server that ends with the session that holds it."""

    @abstractmethod
    def acquire(self, cursor: Any) -> bool | None:
        """Acquire the lock if it is free; return None if the server has no such locks."""

    @abstractmethod
    def release(self, cursor: Any) -> None:
        """Release the lock."""

    @abstractmethod
    def server_number(self, cursor: Any) -> int:
        """Return a number of 30 bits for the server on which these locks exclude each other."""


def _package(kind: type) -> str:
    return kind.__module__.partition(".")[0]
