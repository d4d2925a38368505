"""The asynchronous face of the directory as a whole."""

from __future__ import annotations

from asyncio import CancelledError
from typing import TYPE_CHECKING, TypeVar

from hostmap_sql.aio.faces import AsyncCells, AsyncHistory, AsyncWatchedHosts, Face, awaited
from hostmap_sql.aio.replica import AsyncReplica
from hostmap_sql.aio.threads import Threads
from hostmap_sql.aio.transactions import Run, block
from hostmap_sql.hostmap import DEFAULT_POOL_SIZE, DEFAULT_TIMEOUT, HostMap
from hostmap_sql.hostmap import connect as connect_synchronously
from hostmap_sql.models import valid_number

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager, AbstractContextManager
    from types import TracebackType
    from typing import Self

    from hostmap_sql.aio.transactions import AsyncChanges

T = TypeVar("T")


def connect(
    url: str,
    *,
    timeout: float = DEFAULT_TIMEOUT,
    pool_size: int = DEFAULT_POOL_SIZE,
    author: str | None = None,
) -> AsyncHostMap:
    """A directory, by the URL of its database, for asyncio: as `hostmap_sql.connect`.

    No connection is made before it is used.

    >>> async def main():
    ...     async with connect("sqlite:///hostmap.db") as hostmap:
    ...         mapping = await hostmap.hosts.get("compute-1")
    ...         return mapping.cell.name
    >>> asyncio.run(main())
    'cell1'
    """
    hostmap = connect_synchronously(url, timeout=timeout, pool_size=pool_size, author=author)
    return AsyncHostMap(hostmap, threads=pool_size)


class AsyncHostMap(Face[HostMap]):
    """The directory, asynchronously: each method of `HostMap` that may wait is a coroutine.

    Made by `connect`, or of a `HostMap` on a pool of the caller's own. It belongs to no event loop;
    to be shared between threads, each with a loop, it needs no care either.

    :param hostmap: what does the work.
    :param threads: in how many threads at most; as many as its pool has connections is right.
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
        self._use(hostmap, Threads(hostmap._database, size))  # noqa: SLF001 - of a face

    def _use(self, hostmap: HostMap, threads: Threads) -> None:
        super().__init__(hostmap, threads)
        self._threads = threads
        self._database = hostmap._database  # noqa: SLF001 - of a face
        self.cells = AsyncCells(hostmap.cells, threads)
        """The cells, see `AsyncCells`."""
        self.hosts = AsyncWatchedHosts(hostmap.hosts, threads)
        """The hosts, see `AsyncWatchedHosts`."""
        self.history = AsyncHistory(hostmap.history, threads)
        """The record of all changes, see `AsyncHistory`."""

    outcome = awaited(HostMap.outcome)
    revision = awaited(HostMap.revision)
    check = awaited(HostMap.check)
    # Not every database undoes half of a migration.
    migrate = awaited(HostMap.migrate, to_its_end=True)
    rollback_migrations = awaited(HostMap.rollback_migrations, to_its_end=True)
    migration_status = awaited(HostMap.migration_status)
    break_migration_lock = awaited(HostMap.break_migration_lock, to_its_end=True)

    # --- writing several things as one --------------------------------------------------------

    def transaction(
        self, author: str | None = None, reason: str | None = None
    ) -> AbstractAsyncContextManager[AsyncChanges]:
        """A block whose changes are all made or none of them, as `HostMap.transaction`.

        Its calls are made one after the other. If one of them is cancelled, none of it is written.

        >>> async def main(hostmap):
        ...     async with hostmap.transaction(reason="rack 9") as tx:
        ...         cell2 = await tx.cells.find("cell2")
        ...         return await tx.hosts.move("compute-1", cell2.uuid)
        >>> asyncio.run(main(AsyncHostMap(hostmap))).cell.name
        'cell2'
        """
        return block(self._threads, self._database, self._sync.transaction(author, reason))

    async def run(
        self,
        fn: Callable[[AsyncChanges], Awaitable[T]],
        author: str | None = None,
        reason: str | None = None,
    ) -> T:
        """Await ``fn(changes)`` in a transaction and return its result, as `HostMap.run`.

        After a deadlock, a lost connection and the like it is run again as a whole, from the start.

        :param fn: a coroutine function.

        >>> async def scrap(tx):
        ...     return await tx.hosts.delete("compute-1")
        >>> asyncio.run(AsyncHostMap(hostmap).run(scrap, reason="scrapped")).reason
        'scrapped'
        """
        run = Run(fn, self._database)
        try:
            return await self._threads.call(self._sync.run, run.attempt, author, reason)
        except CancelledError:
            await run.cancel()
            raise

    def signed(self, author: str | None = None, reason: str | None = None) -> AsyncHostMap:
        """The same directory, its writes recorded with this author and this reason.

        >>> hosts = AsyncHostMap(hostmap).signed(reason="new rack").hosts
        >>> asyncio.run(hosts.delete("compute-1")).reason
        'new rack'
        """
        other = AsyncHostMap.__new__(AsyncHostMap)
        other._use(self._sync.signed(author, reason), self._threads)  # noqa: SLF001 - a copy
        return other

    # --- the rest -----------------------------------------------------------------------------

    def timeout(self, seconds: float) -> AbstractContextManager[None]:
        """A block in which each call may take so many seconds at most, as `HostMap.timeout`.

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
        """A copy of the whole directory in this process, as `HostMap.replica`.

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
        self._threads.end()
        self._sync.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        await self.close()
