"""Waiting until hosts are mapped."""

from __future__ import annotations

import time
from time import monotonic
from typing import TYPE_CHECKING

from hostmap_sql.bulk import valid_hosts
from hostmap_sql.errors import HostsNotMapped
from hostmap_sql.hosts import Hosts
from hostmap_sql.models import valid_cell_of_host, valid_seconds
from hostmap_sql.parts import LOOKUP_SIZE, in_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from hostmap_sql.database import Database

# How long a look may take when the time is up: the last one is not to fail for want of time.
_LAST_LOOK = 0.1

_SHORTEST_PAUSE = 0.01


class WatchedHosts(Hosts):
    """The hosts, and waiting for them: ``hostmap.hosts``.

    A transaction has no `wait`: nobody could map the hosts while it holds the lock of all writers.
    """

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._database = database

    def wait(
        self,
        hosts: Iterable[str],
        cell_uuid: str | None = None,
        *,
        timeout: float | None = None,
        poll: float = 0.5,
        progress: Callable[[int], object] | None = None,
    ) -> None:
        """Return when all these hosts are mapped; with `cell_uuid`, when all are in that cell.

        Only those still missing are looked up, a thousand a statement. Should the database go away
        meanwhile, it is waited for as well.

        :param timeout: how long, in seconds, at most a day. Default: as long as any other call
            tries.
        :param poll: the pause between two looks, in seconds.
        :param progress: called after each look with the number of hosts that it found.
        :raises HostsNotMapped: the time is up and some are missing or in another cell.
        :raises DatabaseUnavailable: the time is up and the database could not be asked.
        :raises InvalidValue: a value cannot be used.

        >>> hostmap.hosts.wait(["compute-1", "compute-2"], timeout=5)
        >>> hostmap.hosts.wait(["compute-1", "compute-99"], timeout=0.1)
        Traceback (most recent call last):
        hostmap_sql.errors.HostsNotMapped: after 0.1 s host 'compute-99' is not mapped to any cell
        """
        steps = self._waiting(hosts, cell_uuid, timeout=timeout, poll=poll, progress=progress)
        for pause in steps:
            time.sleep(pause)

    def _waiting(
        self,
        hosts: Iterable[str],
        cell_uuid: str | None = None,
        *,
        timeout: float | None = None,
        poll: float = 0.5,
        progress: Callable[[int], object] | None = None,
    ) -> Iterator[float]:
        """The looks of `wait`, one a step. What it gives is the pause, in seconds, after each."""
        missing: Sequence[str] = valid_hosts(hosts)
        cell = None if cell_uuid is None else valid_cell_of_host(cell_uuid)
        timeout = self._database.timeout if timeout is None else valid_seconds(timeout, "timeout")
        poll = valid_seconds(poll, "poll")
        deadline = monotonic() + timeout
        while True:
            found = self._look(missing, deadline)
            left = [
                host for host in missing if host not in found or cell not in (None, found[host])
            ]
            if progress is not None:
                progress(len(missing) - len(left))
            missing = left
            if not missing:
                return
            seconds = deadline - monotonic()
            if seconds <= 0:
                elsewhere = {host: found[host] for host in missing if host in found}
                nowhere = [host for host in missing if host not in found]
                raise HostsNotMapped(nowhere, elsewhere, timeout)
            yield max(_SHORTEST_PAUSE, min(poll, seconds))

    def _look(self, hosts: Sequence[str], deadline: float) -> dict[str, str]:
        """The cells of those that are mapped."""
        found: dict[str, str] = {}
        for part in in_parts(hosts, LOOKUP_SIZE):
            seconds = round(max(_LAST_LOOK, deadline - monotonic()), 1)
            found |= self._cells_of(self._database.within(seconds), part)
        return found
