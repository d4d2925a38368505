"""The asynchronous face of a replica."""

from __future__ import annotations

from asyncio import sleep, to_thread
from contextlib import suppress
from functools import partial
from threading import Event
from typing import TYPE_CHECKING, ParamSpec

from hostmap_sql.aio.faces import Face, awaited, in_the_loop
from hostmap_sql.bulk import valid_hosts
from hostmap_sql.errors import DatabaseUnavailable
from hostmap_sql.replica import SHORTEST_PAUSE, Replica

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType
    from typing import Self

    from hostmap_sql.models import CellMapping, ChangeSet


P = ParamSpec("P")


class AsyncReplica(Face[Replica]):
    """A copy of the directory that answers without asking the database: `Replica`, asynchronously.

    Made by `AsyncHostMap.replica`. What it knows it answers at once, in the event loop.
    """

    refresh = awaited(Replica.refresh)

    # --- answering ----------------------------------------------------------------------------

    async def cell_of(self, host: str) -> CellMapping:
        """The cell of a host, as `Replica.cell_of`; only a look-up needs a thread."""
        if not self.read_through:
            return self._sync.cell_of(host)
        known = self._sync.known_cell_of(host)
        return await self._calls.call(self._sync.cell_of, host) if known is None else known

    async def cells_of(self, hosts: Iterable[str]) -> dict[str, CellMapping]:
        """The cells of many hosts, as `Replica.cells_of`; only a look-up needs a thread."""
        names = valid_hosts(hosts)
        found = self._sync.known_cells_of(names)
        if len(found) == len(names) or not self.read_through:
            return found
        return await self._calls.call(self._sync.cells_of, names)

    def known_cell_of(self, host: str) -> CellMapping | None:
        """The cell of a host that the replica knows, as `Replica.known_cell_of`."""
        return self._sync.known_cell_of(host)

    def known_cells_of(self, hosts: Iterable[str]) -> dict[str, CellMapping]:
        """The cells of those hosts that the replica knows, as `Replica.known_cells_of`."""
        return self._sync.known_cells_of(hosts)

    def hosts_of(self, cell_uuid: str) -> list[str]:
        """The hosts of a cell, as `Replica.hosts_of`."""
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
        """The revision that it answers from."""
        return self._sync.revision

    @property
    def age(self) -> float:
        """How long ago, in seconds, it was last known to be current."""
        return self._sync.age

    @property
    def read_through(self) -> bool:
        """Whether a host that it does not know is looked up in the database."""
        return self._sync.read_through

    # --- following ----------------------------------------------------------------------------

    async def start(self, interval: float = 1.0) -> Self:
        """Follow the changes in a thread from now on, as `Replica.start`, until `close`."""
        await to_thread(self._sync.start, interval)
        return self

    async def close(self) -> None:
        """Stop following, as `Replica.close`; whatever else is under way, or closed by now."""
        await to_thread(self._sync.close)

    async def wait_for(self, revision: int, timeout: float | None = None) -> None:
        """Return when it has a revision, as `Replica.wait_for`."""
        replica = self._sync
        for left in replica._waiting_for(revision, timeout):  # noqa: SLF001 - of a face
            if replica._follower is None:  # noqa: SLF001
                with suppress(DatabaseUnavailable):  # there was no thread for it in that time
                    await self._calls.call_within(left, partial(replica._try_refresh, left))  # noqa: SLF001
            if replica.revision < revision:
                await sleep(min(left, SHORTEST_PAUSE))

    async def subscribe(
        self,
        callback: Callable[[ChangeSet], object],
        *,
        reloaded: Callable[[], object] | None = None,
    ) -> Callable[[], None]:
        """Have each changeset to come handed to a function, as `Replica.subscribe`.

        Both functions are called in the event loop, which logs what they raise. Once the function
        that this returns was called, they are not.
        """
        is_over = Event()

        def here(function: Callable[P, object]) -> Callable[P, None]:
            def tell(*args: P.args, **kwargs: P.kwargs) -> None:
                if not is_over.is_set():
                    function(*args, **kwargs)

            return in_the_loop(tell)

        told, reload = here(callback), reloaded and here(reloaded)
        try:
            unsubscribe = await self._calls.call(self._sync.subscribe, told, reloaded=reload)
        except BaseException:
            is_over.set()  # it may be subscribed nevertheless
            raise

        def end() -> None:
            is_over.set()
            unsubscribe()

        return end

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        await self.close()
