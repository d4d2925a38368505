"""What a dialect is: all that the library has to know about one kind of database."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import Enum
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from hostmap_sql.dialects.lifo_pool import LifoPool
from hostmap_sql.dialects.opening import Opening
from hostmap_sql.dialects.url_options import UrlOptions
from hostmap_sql.statements import HOSTS_TABLE, IN_HOSTS, IN_NUMBERS, Statement

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from hostmap_sql.database_url import DatabaseUrl
    from hostmap_sql.dialects.migration_tools import MigrationTools

# How long, in seconds, a session may leave a transaction open and say nothing. Nobody else can
# write meanwhile, and a client that the network has cut off would be waited for, for hours.
_IDLE_LIMIT = 60

Row = tuple[Any, ...]
Parameters = dict[str, Any]


class Cursor(Protocol):
    """What is used of a DB-API cursor."""

    @property
    def description(self) -> object: ...
    @property
    def rowcount(self) -> int: ...
    def execute(self, sql: str, parameters: Any = ..., /) -> object: ...
    def fetchone(self) -> Any: ...
    def fetchall(self) -> Any: ...


class Connection(Protocol):
    """What is used of a DB-API connection, the caller's own included."""

    def commit(self) -> object: ...
    def rollback(self) -> object: ...
    def close(self) -> object: ...


class Connections(Protocol):
    """Where connections come from: as a pool's ``connection`` method, it lends one for a block."""

    def __call__(self) -> AbstractContextManager[Any]: ...


class Lender(Protocol):
    """Where the library takes a connection for a block: one that is in autocommit mode.

    It waits for one until the deadline, by the monotonic clock.
    """

    def __call__(self, deadline: float, /) -> AbstractContextManager[Any]: ...


class Pool(Protocol):
    """A source of connections that the library itself made, and so has to close."""

    def connection(self, deadline: float, /) -> AbstractContextManager[Any]:
        """Lend a connection for a block. It is in autocommit mode."""
        ...

    def close(self) -> None:
        """Close the connections. Those that are lent are closed when they come back."""
        ...


def idle_limit(timeout: float) -> float:
    """For how many seconds a session may leave a transaction open and say nothing."""
    return max(timeout, _IDLE_LIMIT)


class Fault(Enum):
    """What a failure means for what is to be done next.

    Told by its code alone, which each database has its own table for. The server that answers a
    statement with a code of no table has refused it: that is UNLISTED, and as permanent as
    PERMANENT. In answer to COMMIT it says nothing sure, and one has to look.
    """

    AGAIN = "the transaction took no effect; run it again"
    RECONNECT = "this connection or node will not do it; run it again on another"
    WAIT = "not to be had just now; wait, then try again"
    LOST = "the connection is gone; if it was in COMMIT the outcome is in doubt"
    NO_TABLE = "a table or column is missing"
    PERMANENT = "refused; trying again will not help"
    STUCK = "refused; trying again will not help, and this connection will go on refusing"
    UNLISTED = "of no list, or telling nothing; not tried again, and in COMMIT in doubt"

    @property
    def is_transient(self) -> bool:
        """Whether the same may succeed a little later."""
        return self in _TRANSIENT

    @property
    def spoils_connection(self) -> bool:
        """Whether the connection is of no use from now on."""
        return self in (Fault.RECONNECT, Fault.LOST, Fault.STUCK)

    @property
    def leaves_commit_in_doubt(self) -> bool:
        """Whether a COMMIT that ended so may have been done."""
        return self in (Fault.LOST, Fault.UNLISTED)


_TRANSIENT = frozenset({Fault.AGAIN, Fault.RECONNECT, Fault.WAIT, Fault.LOST})


class Dialect(ABC):
    """All that the library has to know about one kind of database.

    The statements of `overrides` replace the common ones, `in_hosts` the way to say "one of these
    hosts", and `hosts_table` the way to make a table of them: nothing else of the SQL differs.
    """

    name: ClassVar[str]
    """The name that `HostMap(dialect=...)` takes, and of the folder below ``migrations/``."""

    url_options: ClassVar[UrlOptions] = UrlOptions()
    """What it knows of the options of a URL."""

    in_hosts: ClassVar[str] = IN_HOSTS
    hosts_table: ClassVar[str] = HOSTS_TABLE
    in_numbers: ClassVar[str] = IN_NUMBERS
    overrides: ClassVar[Mapping[Statement, str]] = {}

    longest_pause: ClassVar[float] = 1.0
    """The longest pause, in seconds, before something that failed is tried again."""

    driver: ClassVar[str]
    """What messages call the driver."""

    connection_class: ClassVar[type]
    """Of which the driver's connections are."""

    driver_attribute: ClassVar[str]
    """An attribute that the connections of no other driver have."""

    autocommit: ClassVar[Any] = True
    """The transaction mode in which a statement outside of a transaction is one by itself."""

    def __init__(self) -> None:
        self.sql: Mapping[Statement, str] = {
            statement: self.adapted(self.overrides.get(statement, statement.value))
            for statement in Statement
        }

    def adapted(self, sql: str) -> str:
        """A statement of the common form as this database's driver takes it."""
        sql = sql.replace(IN_HOSTS, self.in_hosts).replace(HOSTS_TABLE, self.hosts_table)
        return sql.replace(IN_NUMBERS, self.in_numbers)

    # --- connections --------------------------------------------------------------------------

    @abstractmethod
    def opener(self, url: DatabaseUrl, timeout: float) -> Callable[[float], Any]:
        """What opens connections, given the deadline, by the monotonic clock.

        They are in autocommit mode, their sessions at READ COMMITTED. The server, too, gives up a
        statement and a wait for a lock after `timeout` seconds, so that what was given up here does
        not go on there, and ends a session that leaves a transaction open for `idle_limit`.

        :raises InvalidValue: the URL has an option that the driver does not know.
        """

    @abstractmethod
    def is_open(self, connection: Any) -> bool:
        """Whether nobody has closed it, as far as can be told without asking the server."""

    @abstractmethod
    def cut(self, connection: Any) -> None:
        """End, from another thread, what a connection is waiting for. May raise anything."""

    @abstractmethod
    def disown(self, connection: Any, lent: bool) -> None:  # noqa: FBT001 - as the pool calls it
        """Let go, in this process, a connection of its parent's: without a word to the database.

        :param lent: whether it was lent when this process was forked, so that it may be in the
            middle of a transaction, or of a call.
        """

    @abstractmethod
    def is_parents(self, connection: Any) -> bool:
        """Whether this is a connection of another process's, as far as can be told."""

    def pool(self, url: DatabaseUrl, *, size: int, timeout: float) -> Pool:
        """Make a pool of at most `size` connections. It opens none before it is asked for one."""
        opener = self.opener(url, timeout)
        return LifoPool(opener, self.is_open, size=size, disown=self.disown)

    def connect(self, url: DatabaseUrl, timeout: float) -> Connection:
        """Open a connection of its own, within so many seconds."""
        opening = Opening(self.opener(url, timeout), monotonic() + timeout, lambda: None)
        connection: Connection = opening.connection()
        return connection

    def creator(self, url: DatabaseUrl) -> Callable[[], None]:  # noqa: ARG002 - none on a server
        """What makes the database itself, if the library can make it: an SQLite file."""
        return lambda: None

    @abstractmethod
    def yoyo_backend(self) -> Any:
        """The backend class of yoyo for this database."""

    @abstractmethod
    def migration_tools(self) -> MigrationTools:
        """What migrating has to know about this database, for one run."""

    @abstractmethod
    def set_mode(self, connection: Any, mode: Any) -> Any:
        """Set a connection's transaction mode, if it is another; return the one that it had."""

    def refuse_unfit(self, connection: Any) -> None:  # noqa: B027 - not all can be
        """Refuse a caller's connection whose session would make answers wrong in silence.

        Its mode was set before. It asks the server at most once for each connection.

        :raises DatabaseError: it says what to set.
        """

    @abstractmethod
    def cursor(self, connection: Any) -> Cursor:
        """Make a cursor that gives tuples, whatever row factory the caller's pool has set."""

    # --- statements ---------------------------------------------------------------------------

    def execute(self, cursor: Any, sql: str, parameters: Parameters) -> None:
        """Run a statement of this database's form."""
        cursor.execute(sql, parameters)

    @abstractmethod
    def begin(self, cursor: Cursor) -> None:
        """Begin a transaction that is to write, at READ COMMITTED."""

    @abstractmethod
    def begin_snapshot(self, cursor: Cursor) -> None:
        """Begin a transaction that is only to read: all it reads is as it is now."""

    @abstractmethod
    def take_revision(self, cursor: Cursor) -> int | None:
        """Take the lock of all writers and return the new revision; None if the row is missing."""

    # --- values -------------------------------------------------------------------------------

    @abstractmethod
    def encode_hosts(self, hosts: Sequence[str]) -> object:
        """Many host names as the parameter of `in_hosts`."""

    def encode_hosts_table(self, hosts: Sequence[str]) -> object:
        """Many host names as the parameter of `hosts_table`."""
        return self.encode_hosts(hosts)

    def encode_numbers(self, numbers: Sequence[int]) -> object:
        """Many numbers as the parameter of `in_numbers`."""
        return [*numbers]

    @abstractmethod
    def encode_time(self, time: datetime) -> object:
        """An aware time as a parameter."""

    @abstractmethod
    def decode_time(self, value: Any) -> datetime:
        """A time that was read, as an aware one in UTC."""

    # --- errors -------------------------------------------------------------------------------

    @abstractmethod
    def code(self, error: Exception) -> str | None:
        """The database's own code of an error: errno, SQLSTATE or SQLite's name for it."""

    def complete(self, error: Exception) -> None:  # noqa: B027 - of most, nothing is missing
        """Find out what a caller's own pool could not learn from the driver: the error's code.

        :raises DatabaseError: it is one for which the database has no code.
        """

    @abstractmethod
    def classify(self, error: Exception, *, connecting: bool) -> Fault:
        """What an error means, told by its code alone: messages are translated."""

    def describe(self, error: Exception) -> str:
        """The first line of the database's own message; what others raise is named too."""
        message, name = str(error).strip().partition("\n")[0], type(error).__name__
        if not message:
            return name
        # Of the driver, and of the system, the message alone says it.
        is_known = isinstance(error, OSError) or _root(type(error)) in (
            _root(self.connection_class),
            _root(Dialect),
        )
        return message if is_known else f"{name}: {message}"

    @abstractmethod
    def has_table(self, cursor: Cursor, table: str) -> bool:
        """Whether the database has this table, in the schema that plain names mean."""

    def column_charset(self, cursor: Cursor, table: str, column: str) -> str | None:  # noqa: ARG002
        """The character set of a column, None if it takes all of Unicode."""
        return None


def _root(kind: type) -> str:
    """The package that a class is of."""
    return kind.__module__.partition(".")[0]
