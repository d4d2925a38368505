"""The asynchronous faces of `Hosts`, `Cells` and `History`: the same methods, as coroutines."""

from __future__ import annotations

from asyncio import get_running_loop, shield
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, Generic, ParamSpec, TypeVar

from hostmap_sql.cells import Cells
from hostmap_sql.dialects.process import own_id
from hostmap_sql.history import History
from hostmap_sql.hosts import Hosts
from hostmap_sql.models import valid_seconds

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
    from typing import Any

    from hostmap_sql.aio.threads import Calls
    from hostmap_sql.models import ChangeSet, HostMapping
    from hostmap_sql.waiting import WatchedHosts

S = TypeVar("S")
S_co = TypeVar("S_co", covariant=True)
T = TypeVar("T")
P = ParamSpec("P")


class Face(Generic[S_co]):
    """An asynchronous face of something synchronous."""

    def __init__(self, sync: S_co, calls: Calls) -> None:
        self._sync = sync
        self._calls = calls


def awaited(
    method: Callable[Concatenate[S, P], T], *, to_its_end: bool = False
) -> Callable[Concatenate[Face[S], P], Coroutine[Any, Any, T]]:
    """The method as a coroutine: the same arguments, result and errors.

    :param to_its_end: whether it goes on when it is cancelled.
    """

    @wraps(method)
    async def call(self: Face[S], /, *args: P.args, **kwargs: P.kwargs) -> T:
        called = self._calls.call(method, self._sync, *args, **kwargs)
        return await (shield(called) if to_its_end else called)

    return call


def in_the_loop(callback: Callable[P, object]) -> Callable[P, None]:
    """A function that has this one called in the event loop, whatever thread calls it.

    In a process that was forked meanwhile it does nothing: the loop is its parent's.
    """
    loop, process = get_running_loop(), own_id()

    def call(*args: P.args, **kwargs: P.kwargs) -> None:
        if process == own_id():
            loop.call_soon_threadsafe(lambda: callback(*args, **kwargs))

    return call


class AsyncHosts(Face[Hosts]):
    """The hosts, and the cell of each: `Hosts`, asynchronously."""

    get = awaited(Hosts.get)
    get_many = awaited(Hosts.get_many)
    list = awaited(Hosts.list)
    create = awaited(Hosts.create)
    move = awaited(Hosts.move)
    delete = awaited(Hosts.delete)
    create_many = awaited(Hosts.create_many)
    delete_many = awaited(Hosts.delete_many)

    async def iterate(
        self, cell_uuid: str | None = None, prefix: str | None = None
    ) -> AsyncGenerator[HostMapping, None]:
        """Every mapping, as `Hosts.iterate`."""
        async for mapping in self._calls.each(self._sync.iterate(cell_uuid, prefix)):
            yield mapping

    async def move_all(
        self, from_uuid: str, to_uuid: str, *, progress: Callable[[int], object] | None = None
    ) -> int:
        """Move all hosts of a cell to another, as `Hosts.move_all`. `progress` is called here."""
        progress = progress and in_the_loop(progress)
        return await self._calls.call(self._sync.move_all, from_uuid, to_uuid, progress=progress)


class AsyncWatchedHosts(AsyncHosts):
    """The hosts, and waiting for them: `WatchedHosts`, asynchronously."""

    _sync: WatchedHosts

    async def wait(
        self,
        hosts: Iterable[str],
        cell_uuid: str | None = None,
        *,
        timeout: float | None = None,
        poll: float = 0.5,
        progress: Callable[[int], object] | None = None,
    ) -> None:
        """Return when all these hosts are mapped, as `WatchedHosts.wait`."""
        progress = progress and in_the_loop(progress)
        looks = self._sync._waiting(  # noqa: SLF001 - of a face
            hosts, cell_uuid, timeout=timeout, poll=poll, progress=progress
        )
        seconds = None if timeout is None else valid_seconds(timeout, "timeout")
        async for _ in self._calls.each(looks, seconds):
            pass  # only pauses come, never an item


class AsyncCells(Face[Cells]):
    """The cells, and how each is reached: `Cells`, asynchronously."""

    get = awaited(Cells.get)
    get_by_name = awaited(Cells.get_by_name)
    find = awaited(Cells.find)
    list = awaited(Cells.list)
    host_counts = awaited(Cells.host_counts)
    create = awaited(Cells.create)
    update = awaited(Cells.update)
    update_many = awaited(Cells.update_many)
    delete = awaited(Cells.delete)


class AsyncHistory(Face[History]):
    """The record of all changes: `History`, asynchronously."""

    of_host = awaited(History.of_host)
    of_cell = awaited(History.of_cell)
    since = awaited(History.since)
    all_since = awaited(History.all_since)
    poll = awaited(History.poll)
    newest = awaited(History.newest)
    last_before = awaited(History.last_before)
    prune = awaited(History.prune)

    async def iterate(
        self, since: int = 0, *, hosts: Iterable[str] | None = None
    ) -> AsyncGenerator[ChangeSet, None]:
        """Each changeset after a revision, as `History.iterate`."""
        async for changeset in self._calls.each(self._sync.iterate(since, hosts=hosts)):
            yield changeset

    async def follow(self, since: int, *, poll: float = 1.0) -> AsyncGenerator[ChangeSet, None]:
        """The changesets after a revision, and then those to come, as `History.follow`."""
        looks = self._sync._following(since, poll=poll)  # noqa: SLF001 - of a face
        async for changeset in self._calls.each(looks):
            yield changeset
