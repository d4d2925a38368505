"""The directory as a whole for asyncio: `connect` and `AsyncHostMap`."""

from __future__ import annotations

from asyncio import CancelledError
from typing import TYPE_CHECKING, TypeVar

from hostmap_sql.aio.proxies import (
    AsyncCells,
    AsyncHistory,
    AsyncSecrets,
    AsyncWaitableHosts,
    ClosableProxy,
    to_coroutine,
)
from hostmap_sql.aio.replica import AsyncReplica
from hostmap_sql.aio.threads import ThreadPool
from hostmap_sql.aio.transactions import RetryingTransaction, transaction_block
from hostmap_sql.concealing import conceal
from hostmap_sql.hostmap import DEFAULT_POOL_SIZE, DEFAULT_TIMEOUT, HostMap
from hostmap_sql.hostmap import connect as connect_synchronously
from hostmap_sql.secret_arguments import hide_arguments_of, hide_arguments_with_urls
from hostmap_sql.validation import valid_number

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager, AbstractContextManager

    from hostmap_sql.aio.transactions import AsyncWriteTransaction
    from hostmap_sql.sealing.cipher import Cipher
    from hostmap_sql.sealing.references import References

T = TypeVar("T")


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
) -> AsyncHostMap:
    """Return the directory in the database of a URL, for asyncio, as `hostmap_sql.connect`.

    It does not connect yet.

    :param password: a plain function, not a coroutine function: it is called in a thread of its
        own, where it may wait.

    >>> async def main():
    ...     async with connect("sqlite:///hostmap.db") as hostmap:
    ...         mapping = await hostmap.hosts.get("compute-1")
    ...         return mapping.cell.name
    >>> asyncio.run(main())
    'cell1'
    """
    url = conceal(url)
    hostmap = connect_synchronously(
        url,
        timeout=timeout,
        pool_size=pool_size,
        author=author,
        password=password,
        urls=urls,
        cipher=cipher,
        references=references,
    )
    return AsyncHostMap(hostmap, threads=pool_size)


@hide_arguments_of()
class AsyncHostMap(ClosableProxy[HostMap]):
    """The directory, asynchronously: each method of `HostMap` that may wait is a coroutine.

    Made by `connect`, or from a `HostMap` on the caller's own pool. It belongs to no event loop:
    several threads, each with a loop, may share it.

    :param hostmap: the directory whose calls are made.
    :param threads: the most threads that make calls; ideally the size of the connection pool.
    :raises InvalidValue: the number cannot be used.

    >>> async def main():
    ...     hostmap = AsyncHostMap(HostMap(pool.connection, "sqlite"), threads=2)
    ...     async for mapping in hostmap.hosts.iterate(prefix="compute-3"):
    ...         print(mapping.host, mapping.cell.name)
    >>> asyncio.run(main())
    compute-3 cell2
    """

    def __init__(self, hostmap: HostMap, *, threads: int = DEFAULT_POOL_SIZE) -> None:
        size = valid_number(threads, "threads", least=1)
        self._use(hostmap, ThreadPool(hostmap._database, size))  # noqa: SLF001 - of its proxy

    def _use(self, hostmap: HostMap, threads: ThreadPool) -> None:
        super().__init__(hostmap, threads)
        self._threads = threads
        self._database = hostmap._database  # noqa: SLF001 - of its proxy
        self._hosts = AsyncWaitableHosts(hostmap.hosts, threads)
        self._cells = AsyncCells(hostmap.cells, threads)
        self._history = AsyncHistory(hostmap.history, threads)
        self._secrets = AsyncSecrets(hostmap.secrets, threads)

    def __repr__(self) -> str:
        return f"<AsyncHostMap of {self._sync!r}>"

    @property
    def hosts(self) -> AsyncWaitableHosts:
        """The hosts and the cell of each, see `AsyncHosts` and `AsyncWaitableHosts`."""
        return self._hosts

    @property
    def cells(self) -> AsyncCells:
        """The cells and their URLs, see `AsyncCells`."""
        return self._cells

    @property
    def history(self) -> AsyncHistory:
        """The record of all changes, see `AsyncHistory`."""
        return self._history

    @property
    def secrets(self) -> AsyncSecrets:
        """Sealing the URLs of all cells, see `AsyncSecrets`."""
        return self._secrets

    outcome = to_coroutine(HostMap.outcome)
    revision = to_coroutine(HostMap.revision)
    check = to_coroutine(HostMap.check)
    fix_file_mode = to_coroutine(HostMap.fix_file_mode)
    # Some databases cannot roll back a migration that was interrupted.
    migrate = to_coroutine(HostMap.migrate, to_its_end=True)
    rollback_migrations = to_coroutine(HostMap.rollback_migrations, to_its_end=True)
    migration_status = to_coroutine(HostMap.migration_status)
    break_migration_lock = to_coroutine(HostMap.break_migration_lock, to_its_end=True)

    # --- transactions -------------------------------------------------------------------------

    def transaction(
        self, *, author: str | None = None, reason: str | None = None
    ) -> AbstractAsyncContextManager[AsyncWriteTransaction]:
        """Open a block whose changes are made together or not at all, as `HostMap.transaction`.

        Its calls are made one after the other. If one is cancelled, nothing is written.

        >>> async def main(hostmap):
        ...     async with hostmap.transaction(reason="rack 9") as tx:
        ...         cell2 = await tx.cells.resolve("cell2")
        ...         return await tx.hosts.move("compute-1", cell2.uuid)
        >>> asyncio.run(main(AsyncHostMap(hostmap))).cell.name
        'cell2'
        """
        return transaction_block(
            self._threads, self._database, self._sync.transaction(author=author, reason=reason)
        )

    async def run(
        self,
        fn: Callable[[AsyncWriteTransaction], Awaitable[T]],
        *,
        author: str | None = None,
        reason: str | None = None,
    ) -> T:
        """Await ``fn(changes)`` in a transaction and return its result, as `HostMap.run`.

        After transient failures, such as a deadlock, the function is called again from the start.

        :param fn: a coroutine function.

        >>> async def scrap(tx):
        ...     return await tx.hosts.delete("compute-1")
        >>> asyncio.run(AsyncHostMap(hostmap).run(scrap, reason="scrapped")).reason
        'scrapped'
        """
        run = RetryingTransaction(fn, self._database)
        try:
            return await self._threads.call(
                self._sync.run, run.attempt, author=author, reason=reason
            )
        except CancelledError:
            await run.cancel()
            raise

    def with_author(self, *, author: str | None = None, reason: str | None = None) -> AsyncHostMap:
        """Return the same directory, with an author and a reason for its writes.

        >>> hosts = AsyncHostMap(hostmap).with_author(reason="new rack").hosts
        >>> asyncio.run(hosts.delete("compute-1")).reason
        'new rack'
        """
        other = AsyncHostMap.__new__(AsyncHostMap)
        hostmap = self._sync.with_author(author=author, reason=reason)
        other._use(hostmap, self._threads)  # noqa: SLF001 - of its own class
        return other

    # --- the rest -----------------------------------------------------------------------------

    def timeout(self, seconds: float) -> AbstractContextManager[None]:
        """Limit the timeout of each call in a block, as `HostMap.timeout`.

        >>> async def main(hostmap):
        ...     with hostmap.timeout(0.5):
        ...         return await hostmap.revision()
        >>> asyncio.run(main(AsyncHostMap(hostmap)))
        2
        """
        return self._sync.timeout(seconds)

    async def replica(
        self, *, max_age: float | None = None, read_through: bool = True
    ) -> AsyncReplica:
        """Copy the whole directory into this process, as `HostMap.replica`.

        >>> async def main(hostmap):
        ...     async with await hostmap.replica() as replica:
        ...         await replica.start(interval=0.5)
        ...         return (await replica.cell_of("compute-1")).name
        >>> asyncio.run(main(AsyncHostMap(hostmap)))
        'cell1'
        """
        replica = await self._threads.call(
            self._sync.replica, max_age=max_age, read_through=read_through
        )
        return AsyncReplica(replica, self._threads)

    async def close(self) -> None:
        """Close the connections that `connect` made, and end the threads."""
        self._threads.shut_down()
        self._sync.close()
