"""The asynchronous proxy of a replica."""

from __future__ import annotations

from asyncio import sleep, to_thread
from contextlib import suppress
from functools import partial
from threading import Event
from typing import TYPE_CHECKING, ParamSpec

from hostmap_sql.aio.proxies import ClosableProxy, in_the_loop, to_coroutine
from hostmap_sql.directory.bulk_plan import valid_hosts
from hostmap_sql.errors import DatabaseUnavailable
from hostmap_sql.replica.replica import Replica
from hostmap_sql.replica.waiting import SHORTEST_PAUSE, seconds_left
from hostmap_sql.secret_arguments import hide_arguments_of, hide_frames

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Self

    from hostmap_sql.models import CellMapping, ChangeSet


P = ParamSpec("P")


@hide_arguments_of(except_for=["cell_of", "known_cell_of"])
class AsyncReplica(ClosableProxy[Replica]):
    """An in-memory copy of the directory, which answers without a query: `Replica`, asynchronously.

    Made by `AsyncHostMap.replica`. It answers from memory in the event loop, without a thread.
    """

    refresh = to_coroutine(Replica.refresh)

    # --- answering ----------------------------------------------------------------------------

    async def cell_of(self, host: str) -> CellMapping:
        """Return the cell of a host, as `Replica.cell_of`; only a lookup needs a thread."""
        try:  # inline: this is the hot path
            if not self.read_through:
                return self._sync.cell_of(host)
            known = self._sync.known_cell_of(host)
            return await self._calls.call(self._sync.cell_of, host) if known is None else known
        except BaseException as error:
            hide_frames(error, host)
            raise

    async def cells_of(self, hosts: Iterable[str]) -> dict[str, CellMapping]:
        """Return the cells of many hosts, as `Replica.cells_of`; only a lookup needs a thread."""
        names = valid_hosts(hosts)
        found = self._sync.known_cells_of(names)
        if len(found) == len(names) or not self.read_through:
            return found
        return await self._calls.call(self._sync.cells_of, names)

    def known_cell_of(self, host: str) -> CellMapping | None:
        """Return the cell of a host that the replica knows, as `Replica.known_cell_of`."""
        try:
            return self._sync.known_cell_of(host)
        except BaseException as error:
            hide_frames(error, host)
            raise

    def known_cells_of(self, hosts: Iterable[str]) -> dict[str, CellMapping]:
        """Return the cells of the hosts that the replica knows, as `Replica.known_cells_of`."""
        return self._sync.known_cells_of(hosts)

    def hosts_of(self, cell_uuid: str) -> list[str]:
        """Return the hosts of a cell, as `Replica.hosts_of`."""
        return self._sync.hosts_of(cell_uuid)

    @property
    def cells(self) -> Mapping[str, CellMapping]:
        """All cells, by their UUIDs."""
        return self._sync.cells

    def __contains__(self, host: object) -> bool:
        return host in self._sync

    def __len__(self) -> int:
        return len(self._sync)

    def __bool__(self) -> bool:
        return True  # also when it is empty

    @property
    def revision(self) -> int:
        """The revision of the copy."""
        return self._sync.revision

    @property
    def age(self) -> float:
        """The time, in seconds, since the copy was last known to be current."""
        return self._sync.age

    @property
    def read_through(self) -> bool:
        """Whether hosts that the copy lacks are looked up in the database."""
        return self._sync.read_through

    # --- following ----------------------------------------------------------------------------

    async def start(self, *, interval: float = 1.0) -> Self:
        """Follow the changes in a thread, as `Replica.start`, until `close`."""
        await to_thread(self._sync.start, interval=interval)
        return self

    async def close(self) -> None:
        """Stop following, as `Replica.close`, even while all threads of the pool are busy."""
        await to_thread(self._sync.close)

    async def wait_for(self, revision: int, *, timeout: float | None = None) -> None:
        """Wait until the copy has a revision, as `Replica.wait_for`."""
        refresher = self._sync._refresher  # noqa: SLF001 - of its proxy
        for left in seconds_left(refresher, revision, timeout):
            if refresher.thread is None:
                with suppress(DatabaseUnavailable):  # no thread became free in time
                    await self._calls.call_within(left, partial(refresher.try_refresh, left))
            if refresher.snapshot.revision < revision:
                await sleep(min(left, SHORTEST_PAUSE))

    async def subscribe(
        self,
        callback: Callable[[ChangeSet], object],
        *,
        reloaded: Callable[[], object] | None = None,
    ) -> Callable[[], None]:
        """Call a function with each new changeset, as `Replica.subscribe`.

        Both functions are called in the event loop, which logs their errors. Once the
        returned function has been called, neither is called again.
        """
        is_over = Event()

        def until_over(function: Callable[P, object]) -> Callable[P, None]:
            def call(*args: P.args, **kwargs: P.kwargs) -> None:
                if not is_over.is_set():
                    function(*args, **kwargs)

            return in_the_loop(call)

        changed = until_over(callback)
        reloaded = reloaded and until_over(reloaded)
        try:
            unsubscribe = await self._calls.call(self._sync.subscribe, changed, reloaded=reloaded)
        except BaseException:
            is_over.set()  # a cancelled call may have subscribed
            raise

        def end() -> None:
            is_over.set()
            unsubscribe()

        return end
