"""`connect` and `HostMap`: the directory as a whole."""

from __future__ import annotations

from contextlib import contextmanager
from copy import copy
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

from hostmap_sql.concealing import HiddenFrames, conceal
from hostmap_sql.dialects import dialect_named, dialect_of_scheme
from hostmap_sql.directory.cells import Cells
from hostmap_sql.directory.history import History
from hostmap_sql.directory.secrets import Secrets
from hostmap_sql.directory.wait_for_hosts import WaitableHosts
from hostmap_sql.directory.write_transaction import WriteTransaction
from hostmap_sql.engine.database import Database
from hostmap_sql.engine.external_pool import ExternalPool
from hostmap_sql.engine.external_pool_checks import refuse_unusable
from hostmap_sql.engine.password import PasswordFunction
from hostmap_sql.engine.pool import pool_for
from hostmap_sql.errors import DatabaseUnavailable, OutcomeUnknown
from hostmap_sql.maintenance import Maintenance
from hostmap_sql.masking import mask
from hostmap_sql.quoting import show_name
from hostmap_sql.replica.replica import Replica
from hostmap_sql.sealing.url_codec import UrlCodec
from hostmap_sql.secret_arguments import hide_arguments, hide_arguments_of, hide_arguments_with_urls
from hostmap_sql.validation import (
    valid_author,
    valid_flag,
    valid_number,
    valid_reason,
    valid_timeout,
    valid_uuid,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType
    from typing import Self

    from hostmap_sql.engine.lost_commits import Outcome
    from hostmap_sql.runtime.dbapi import Connections
    from hostmap_sql.sealing.cipher import Cipher
    from hostmap_sql.sealing.references import References

T = TypeVar("T")

DEFAULT_TIMEOUT = 30.0
"""The timeout of a call, in seconds."""

DEFAULT_POOL_SIZE = 5
"""The most connections that are open at the same time."""


@hide_arguments_with_urls
def connect(
    url: str,
    *,
    timeout: float = DEFAULT_TIMEOUT,
    pool_size: int = DEFAULT_POOL_SIZE,
    author: str | None = None,
    password: Callable[[], str] | None = None,
    urls: bool = True,
    cipher: Cipher | None = None,
    references: References | None = None,
) -> HostMap:
    """Return the directory in the database of a URL. It does not connect yet.

    :param url: ``sqlite:///relative.db``, ``sqlite:////absolute.db``,
        ``mysql://user:password@host:3306/database`` or
        ``postgresql://user:password@host:5432/database``; SQLAlchemy's schemes work too. In the
        query, ``sslmode=`` and ``sslrootcert=`` take libpq's values on both servers. By default
        the certificate of a server on another machine is verified.
    :param timeout: the timeout of a call, in seconds: how long it retries before it fails.
    :param pool_size: the most connections that are open at the same time.
    :param author: the author of changes in the history, unless a call names another.
    :param password: a function that returns the password, in place of one in the URL: for tokens
        that expire and secrets that are rotated. It is called for each new connection, in a thread
        of its own, and by several threads at the same time. Its time counts against the timeout.
    :param urls: False reads no URLs of cells, so the account needs no right to read them. The
        attributes then raise `UrlsNotRead`, and cells cannot be created or changed.
    :param cipher: a `KeyRing` or another `Cipher`, which seals the URLs of cells before they are
        written, and opens them in `SecretUrl.reveal`. Default: the URLs are in clear text.
    :param references: the references that `SecretUrl.reveal` follows. Default: none.
    :raises InvalidValue: the URL or another argument cannot be used. No password is in the message.

    >>> with connect("sqlite:///hostmap.db", author="docs") as hostmap:
    ...     hostmap.revision()
    2
    """
    url = conceal(url)
    # Lazy: with `urllib`, 3 ms of import time that programs with a pool of their own save.
    from hostmap_sql.dialects.database_url import DatabaseUrl  # noqa: PLC0415

    parsed = DatabaseUrl.parse(url)
    dialect = dialect_of_scheme(parsed.scheme)
    size = valid_number(pool_size, "pool_size", least=1)
    seconds = valid_timeout(timeout)
    read_password = None if password is None else PasswordFunction(password, str(parsed))
    with HiddenFrames():
        pool = pool_for(dialect, parsed, size=size, timeout=seconds, password=read_password)
    database = Database(
        pool,
        dialect,
        str(parsed),
        timeout=seconds,
        author=valid_author(author),
        urls=valid_flag(urls, "urls"),
        quotes_secret=parsed.may_be_quoted_by,
    )
    database.codec = UrlCodec(cipher, references)
    hostmap = HostMap.__new__(HostMap)
    hostmap._set_up(database, mask(url.strip()), dialect.creator(parsed))  # noqa: SLF001 - this module
    return hostmap


def _attribute(name: str, doc: str) -> Any:
    """Make a read-only attribute with a docstring, in C because each lookup reads `hosts`."""
    return property(attrgetter(name), doc=doc)


@hide_arguments_of()
class HostMap(Maintenance):
    """The directory of hosts and cells. Threads can share it.

    `connect` returns one. The constructor takes the caller's own connection pool instead:

    :param connections: any callable that returns a context manager with a DB-API connection, such
        as the ``connection`` method of a psycopg_pool.
    :param dialect: "mysql" (also for MariaDB), "postgresql" or "sqlite".
    :param timeout: the timeout of a call, in seconds: how long it retries before it fails.
    :param author: the author of changes in the history, unless a call names another.
    :param urls: see `connect`.
    :param name: the name of the database in messages.
    :param cipher: see `connect`.
    :param references: see `connect`.
    :raises InvalidValue: an argument cannot be used, or the dialect's driver is not installed. The
        first call raises it too, if the pool's connections cannot be used.

    >>> HostMap(pool.connection, "sqlite").hosts.get("compute-1").cell.name
    'cell1'
    """

    _description = "not opened"  # for reports of a failure to open it

    def __init__(
        self,
        connections: Connections,
        dialect: str,
        *,
        timeout: float = DEFAULT_TIMEOUT,
        author: str | None = None,
        urls: bool = True,
        name: str = "the database",
        cipher: Cipher | None = None,
        references: References | None = None,
    ) -> None:
        refuse_unusable(connections)
        known = dialect_named(dialect)
        database = Database(
            ExternalPool(connections, known),
            known,
            show_name(name),
            timeout=valid_timeout(timeout),
            author=valid_author(author),
            urls=valid_flag(urls, "urls"),
        )
        database.codec = UrlCodec(cipher, references)
        # The caller creates the database too.
        owner = getattr(connections, "__self__", connections)
        self._set_up(database, f"{known.name}, {type(owner).__qualname__}", lambda: None)

    def _set_up(
        self, database: Database, description: str, create_database: Callable[[], object]
    ) -> None:
        self._description = description
        self._create_database = create_database
        self._use(database)

    def _use(self, database: Database) -> None:
        self._database = database
        self._hosts = WaitableHosts(database)
        self._cells = Cells(database)
        self._history = History(database)
        self._secrets = Secrets(database)

    def __repr__(self) -> str:
        return f"<HostMap {self._description}>"

    hosts: WaitableHosts = _attribute(
        "_hosts", "The hosts and the cell of each, see `Hosts` and `WaitableHosts`."
    )
    cells: Cells = _attribute("_cells", "The cells and their URLs, see `Cells`.")
    history: History = _attribute("_history", "The record of all changes, see `History`.")
    secrets: Secrets = _attribute("_secrets", "Sealing the URLs of all cells, see `Secrets`.")

    # --- transactions -------------------------------------------------------------------------

    @contextmanager
    @hide_arguments
    def transaction(
        self, *, author: str | None = None, reason: str | None = None
    ) -> Iterator[WriteTransaction]:
        """Run a block whose changes are made together, as one changeset, or not at all.

        It holds the lock of all writers from beginning to end. Any exception rolls it back. A block
        cannot be retried after a transient failure; a function passed to `run` can.

        :param author: the author of the changeset.
        :param reason: the reason for the changeset.
        :raises DatabaseUnavailable: the database failed temporarily. Nothing was written.
        :raises OutcomeUnknown: the answer to the commit was lost, and the timeout passed before its
            outcome was known: see `outcome`.

        >>> cell2 = hostmap.cells.get_by_name("cell2")
        >>> with hostmap.transaction(author="burn-in", reason="rack 9") as tx:
        ...     moved = tx.hosts.move("compute-1", cell2.uuid)
        ...     updated = tx.cells.update(cell2.uuid, disabled=True)
        >>> moved.revision == updated.revision == hostmap.revision()
        True
        """
        with self._database_with(author, reason).transaction() as transaction:
            yield WriteTransaction(transaction)

    def run(
        self,
        fn: Callable[[WriteTransaction], T],
        *,
        author: str | None = None,
        reason: str | None = None,
    ) -> T:
        """Call ``fn(tx)`` in a transaction, and return its result.

        After a transient failure, such as a deadlock or a lost connection, the whole function runs
        again, until the timeout. Its other side effects must allow for that.

        :param author: the author of the changeset.
        :param reason: the reason for the changeset.
        :raises DatabaseUnavailable: the database kept failing until the timeout.
        :raises OutcomeUnknown: the answer to the commit was lost, and the timeout passed before its
            outcome was known: see `outcome`.

        >>> hostmap.run(lambda tx: tx.hosts.delete("compute-1"), reason="scrapped").reason
        'scrapped'
        """
        database = self._database_with(author, reason)
        return database.write(lambda transaction: fn(WriteTransaction(transaction)))

    def with_author(self, *, author: str | None = None, reason: str | None = None) -> HostMap:
        """Return the same directory, with an author and a reason for its changes.

        :param author: the author of changes in the history. Default: as before.
        :param reason: the reason for changes in the history. Default: as before.

        >>> hostmap.with_author(reason="new rack").hosts.delete("compute-1").reason
        'new rack'
        """
        other = copy(self)
        other._use(self._database_with(author, reason))  # noqa: SLF001 - a copy of this object
        return other

    def _database_with(self, author: str | None, reason: str | None) -> Database:
        return self._database.with_author(valid_author(author), valid_reason(reason))

    # --- timeouts and lost commits ------------------------------------------------------------

    @contextmanager
    @hide_arguments
    def timeout(self, seconds: float) -> Iterator[None]:
        """Limit the timeout of each call in a block, in seconds. A longer timeout has no effect.

        The limit is for this directory in this thread or asyncio task.

        >>> with hostmap.timeout(0.5):
        ...     hostmap.hosts.get("compute-1").cell.name
        'cell1'
        """
        with self._database.limit_timeout(valid_timeout(seconds)):
            yield

    def outcome(self, change_id: str, *, revision: int | None = None) -> Outcome:
        """Return the outcome of the change of an `OutcomeUnknown`: "committed" or "aborted".

        It waits until the database has decided. The outcome is final.

        :param change_id: the `change_id` of the exception.
        :param revision: the `revision` of the exception, needed only if the history is pruned.
        :raises OutcomeUnknown: the timeout passed before the outcome was known.
        :raises HistoryPruned: the change is not on record, and may have been pruned.

        >>> hostmap.outcome(hostmap.history.since(0)[-1].change_id)
        'committed'
        >>> hostmap.outcome("0d5e0d3c-9f3c-4d55-8a43-0c6e4d1d9a10")
        'aborted'
        """
        change_id = valid_uuid(change_id, "change_id")
        if revision is not None:
            valid_number(revision, "revision", least=1)
        try:
            return self._database.outcome(change_id, revision)
        except DatabaseUnavailable as error:
            raise OutcomeUnknown(change_id, revision) from error

    # --- replicas -----------------------------------------------------------------------------

    def replica(self, *, max_age: float | None = None, read_through: bool = True) -> Replica:
        """Load an in-memory copy of the whole directory, which can follow all changes.

        See `Replica`.

        :param max_age: the age, in seconds, at which its lookups raise `StaleReplica`. Default: no
            limit.
        :param read_through: look up in the database the hosts that the copy lacks.
        :raises DatabaseUnavailable: the database could not be reached before the timeout.

        >>> with hostmap.replica(max_age=60).start() as replica:
        ...     replica.cell_of("compute-1").name, len(replica)
        ('cell1', 3)
        """
        return Replica(self._database, self.hosts, max_age=max_age, read_through=read_through)

    # --- the revision -------------------------------------------------------------------------

    def revision(self) -> int:
        """Return the newest committed revision, 0 in a new directory.

        >>> hostmap.revision()
        2
        """
        return self.history.newest()

    # --- closing ------------------------------------------------------------------------------

    def close(self) -> None:
        """Close the connections that `connect` opened. A pool of the caller stays open."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.close()
