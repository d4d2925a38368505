"""Waiting until hosts are mapped."""

from __future__ import annotations

import time
from time import monotonic
from typing import TYPE_CHECKING

from hostmap_sql.batching import LOOKUP_SIZE, batched
from hostmap_sql.directory.bulk_plan import valid_hosts
from hostmap_sql.directory.hosts import Hosts
from hostmap_sql.errors import HostsNotMapped
from hostmap_sql.secret_arguments import hide_arguments_of
from hostmap_sql.validation import valid_cell_of_host, valid_seconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hostmap_sql.batching import Progress
    from hostmap_sql.engine.database import Database

# Seconds for a lookup after the deadline, so that the last one does not fail for lack of time.
_LAST_LOOKUP = 0.1

_SHORTEST_PAUSE = 0.01


@hide_arguments_of()
class WaitableHosts(Hosts):
    """The hosts outside of transactions, where a call can wait for them: ``hostmap.hosts``.

    A transaction has no `wait`: its lock keeps other clients from mapping the hosts.
    """

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._database = database

    def wait(
        self,
        hosts: Iterable[str],
        *,
        cell_uuid: str | None = None,
        timeout: float | None = None,
        interval: float = 0.5,
        progress: Progress | None = None,
    ) -> None:
        """Return when all these hosts are mapped; with `cell_uuid`, when all are in that cell.

        Each lookup is for the missing hosts only, a thousand a statement. It also waits out an
        outage of the database.

        :param timeout: in seconds, at most a day. Default: the timeout of other calls.
        :param interval: the pause between two lookups, in seconds.
        :param progress: called as ``progress(done, total)`` after each lookup, with the number of
            hosts found so far.
        :raises HostsNotMapped: the timeout passed, and hosts are missing or in another cell.
        :raises DatabaseUnavailable: the timeout passed without an answer from the database.
        :raises InvalidValue: a value cannot be used.

        >>> hostmap.hosts.wait(["compute-1", "compute-2"], timeout=5)
        >>> hostmap.hosts.wait(["compute-1", "compute-99"], timeout=0.1)
        Traceback (most recent call last):
        hostmap_sql.errors.HostsNotMapped: after 0.1 s host 'compute-99' is not mapped to any cell
        """
        pauses = self._pauses(
            hosts, cell_uuid=cell_uuid, timeout=timeout, interval=interval, progress=progress
        )
        for pause in pauses:
            time.sleep(pause)

    def _pauses(
        self,
        hosts: Iterable[str],
        *,
        cell_uuid: str | None = None,
        timeout: float | None = None,
        interval: float = 0.5,
        progress: Progress | None = None,
    ) -> Iterator[float]:
        """Look the hosts up until all are there; yield the pause after each lookup, in seconds."""
        wanted = valid_hosts(hosts)
        cell = None if cell_uuid is None else valid_cell_of_host(cell_uuid)
        timeout = self._database.timeout if timeout is None else valid_seconds(timeout, "timeout")
        interval = valid_seconds(interval, "interval")
        deadline = monotonic() + timeout
        missing: Sequence[str] = wanted
        while True:
            found = self._look_up(missing, deadline)
            missing = [
                host for host in missing if host not in found or cell not in (None, found[host])
            ]
            if progress is not None:
                progress(len(wanted) - len(missing), len(wanted))
            if not missing:
                return
            seconds = deadline - monotonic()
            if seconds <= 0:
                unmapped = [host for host in missing if host not in found]
                elsewhere = {host: found[host] for host in missing if host in found}
                raise HostsNotMapped(unmapped, elsewhere, timeout)
            yield max(_SHORTEST_PAUSE, min(interval, seconds))

    def _look_up(self, hosts: Sequence[str], deadline: float) -> dict[str, str]:
        """Return the UUID of the cell of each host that is mapped."""
        found: dict[str, str] = {}
        for batch in batched(hosts, LOOKUP_SIZE):
            seconds = round(max(_LAST_LOOKUP, deadline - monotonic()), 1)
            found |= self._cells_of(self._database.within(seconds), batch)
        return found
