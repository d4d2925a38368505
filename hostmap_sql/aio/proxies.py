"""Asynchronous proxies of `Hosts`, `Cells` and `History`: the same methods, as coroutines."""

from __future__ import annotations

from abc import ABC, abstractmethod
from asyncio import get_running_loop, shield
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar

from hostmap_sql.directory.cells import Cells
from hostmap_sql.directory.history import History
from hostmap_sql.directory.hosts import Hosts
from hostmap_sql.directory.secrets import Secrets
from hostmap_sql.runtime.processes import own_id
from hostmap_sql.secret_arguments import hide_arguments_of
from hostmap_sql.validation import valid_seconds

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
    from types import TracebackType
    from typing import Self

    from hostmap_sql.aio.threads import CallExecutor
    from hostmap_sql.batching import Progress
    from hostmap_sql.directory.wait_for_hosts import WaitableHosts
    from hostmap_sql.models import BulkResult, ChangeSet, HostMapping

S = TypeVar("S")
S_co = TypeVar("S_co", covariant=True)
T = TypeVar("T")
P = ParamSpec("P")


class AsyncProxy(Generic[S_co]):
    """An object whose methods make the calls of a synchronous object in threads."""

    def __init__(self, sync: S_co, calls: CallExecutor) -> None:
        self._sync = sync
        self._calls = calls


class ClosableProxy(AsyncProxy[S_co], ABC):
    """A proxy that an ``async with`` block closes."""

    @abstractmethod
    async def close(self) -> None:
        """Close it."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        await self.close()


def to_coroutine(
    method: Callable[Concatenate[S, P], T],
    *,
    to_its_end: bool = False,
) -> Callable[Concatenate[AsyncProxy[S], P], Coroutine[Any, Any, T]]:
    """Make a coroutine function of a method, with the same arguments, result and errors.

    :param to_its_end: whether the call runs to completion even if the coroutine is cancelled.
    """

    @wraps(method)
    async def call(self: AsyncProxy[S], /, *args: P.args, **kwargs: P.kwargs) -> T:
        called = self._calls.call(method, self._sync, *args, **kwargs)
        return await (shield(called) if to_its_end else called)

    return call


def in_the_loop(callback: Callable[P, object]) -> Callable[P, None]:
    """Make a function that any thread may call, and that calls this one in the event loop.

    It does nothing in a process that was forked since, because the loop is the parent's.
    """
    loop, process = get_running_loop(), own_id()

    def call(*args: P.args, **kwargs: P.kwargs) -> None:
        if process == own_id():
            loop.call_soon_threadsafe(lambda: callback(*args, **kwargs))

    return call


@hide_arguments_of()
class AsyncHosts(AsyncProxy[Hosts]):
    """The hosts, and the cell of each: `Hosts`, asynchronously."""

    get = to_coroutine(Hosts.get)
    get_many = to_coroutine(Hosts.get_many)
    list = to_coroutine(Hosts.list)
    create = to_coroutine(Hosts.create)
    move = to_coroutine(Hosts.move)
    delete = to_coroutine(Hosts.delete)
    create_many = to_coroutine(Hosts.create_many)
    delete_many = to_coroutine(Hosts.delete_many)

    async def iterate(
        self, *, cell_uuid: str | None = None, prefix: str | None = None
    ) -> AsyncGenerator[HostMapping, None]:
        """Iterate over all mappings, as `Hosts.iterate`."""
        mappings = self._sync.iterate(cell_uuid=cell_uuid, prefix=prefix)
        async for mapping in self._calls.iterate(mappings):
            yield mapping

    async def move_all(
        self, from_uuid: str, to_uuid: str, *, progress: Progress | None = None
    ) -> BulkResult:
        """Move all hosts of a cell, as `Hosts.move_all`; call `progress` in the event loop."""
        progress = progress and in_the_loop(progress)
        return await self._calls.call(self._sync.move_all, from_uuid, to_uuid, progress=progress)


@hide_arguments_of()
class AsyncWaitableHosts(AsyncHosts):
    """The hosts, and waiting for them: `WaitableHosts`, asynchronously."""

    _sync: WaitableHosts

    async def wait(
        self,
        hosts: Iterable[str],
        *,
        cell_uuid: str | None = None,
        timeout: float | None = None,
        interval: float = 0.5,
        progress: Progress | None = None,
    ) -> None:
        """Wait until all hosts are mapped, as `WaitableHosts.wait`."""
        progress = progress and in_the_loop(progress)
        looks = self._sync._pauses(  # noqa: SLF001 - of its proxy
            hosts, cell_uuid=cell_uuid, timeout=timeout, interval=interval, progress=progress
        )
        seconds = None if timeout is None else valid_seconds(timeout, "timeout")
        async for _ in self._calls.iterate(looks, seconds):
            pass  # the iterator yields pauses only, no items


@hide_arguments_of(always=["create", "update", "update_many"])
class AsyncCells(AsyncProxy[Cells]):
    """The cells and their URLs: `Cells`, asynchronously."""

    get = to_coroutine(Cells.get)
    get_by_name = to_coroutine(Cells.get_by_name)
    resolve = to_coroutine(Cells.resolve)
    list = to_coroutine(Cells.list)
    host_counts = to_coroutine(Cells.host_counts)
    create = to_coroutine(Cells.create)
    update = to_coroutine(Cells.update)
    update_many = to_coroutine(Cells.update_many)
    delete = to_coroutine(Cells.delete)


@hide_arguments_of()
class AsyncSecrets(AsyncProxy[Secrets]):
    """Seals the URLs of all cells: `Secrets`, asynchronously."""

    status = to_coroutine(Secrets.status)
    # The thread would run to completion even if cancelled; this way the coroutine has the result.
    seal = to_coroutine(Secrets.seal, to_its_end=True)
    rotate = to_coroutine(Secrets.rotate, to_its_end=True)


@hide_arguments_of()
class AsyncHistory(AsyncProxy[History]):
    """The record of all changes: `History`, asynchronously."""

    of_host = to_coroutine(History.of_host)
    of_cell = to_coroutine(History.of_cell)
    since = to_coroutine(History.since)
    all_since = to_coroutine(History.all_since)
    position = to_coroutine(History.position)
    newest = to_coroutine(History.newest)
    last_before = to_coroutine(History.last_before)
    prune = to_coroutine(History.prune)

    async def iterate(
        self, *, since: int = 0, hosts: Iterable[str] | None = None
    ) -> AsyncGenerator[ChangeSet, None]:
        """Iterate over the changesets after a revision, as `History.iterate`."""
        async for changeset in self._calls.iterate(self._sync.iterate(since=since, hosts=hosts)):
            yield changeset

    async def follow(self, since: int, *, interval: float = 1.0) -> AsyncGenerator[ChangeSet, None]:
        """Iterate over changesets, waiting for new ones, as `History.follow`."""
        looks = self._sync._changesets_and_pauses(since, interval=interval)  # noqa: SLF001 - of its proxy
        async for changeset in self._calls.iterate(looks):
            yield changeset
