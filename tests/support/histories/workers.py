"""Workers that use a directory concurrently, and the histories that they record."""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from time import monotonic, monotonic_ns
from typing import TYPE_CHECKING, cast

from hostmap_sql import (
    DatabaseUnavailable,
    HostMapping,
    HostMappingExists,
    HostMappingNotFound,
    OutcomeUnknown,
    StaleMapping,
    connect,
)
from tests.support.histories.linearizability import (
    NEVER,
    Absent,
    Exists,
    Failed,
    Operation,
    Stale,
    Told,
    Unknown,
    assert_linearizable,
)
from tests.support.pace import PATIENT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hostmap_sql import HostMap
    from tests.support.histories.linearizability import Result

HOSTS = ("a", "b", "c")
"""Few, so that workers conflict."""


@dataclass
class Worker:
    """Does random operations on a directory and records their results."""

    hostmap: HostMap
    number: int
    seed: int
    cells: Sequence[str]
    """The UUIDs of the cells that hosts are put into."""
    hosts: Sequence[str] = HOSTS
    reads: float = 0.35
    """The share of reads among all operations."""

    def __post_init__(self) -> None:
        self._chance = random.Random(f"{self.seed} {self.number}")
        self._seen: dict[str, int | None] = {}
        self.told = 0
        """The number of operations that succeeded."""

    def work(self, until: Callable[[], bool], most: int = 10**9) -> list[Operation]:
        """Do operations until `until` returns True, but no more than this number."""
        done: list[Operation] = []
        while len(done) < most and not until():
            done.append(self.something())
        return done

    def something(self) -> Operation:
        """Read, or do a write that fits the last known state of the host."""
        host, cell = self._chance.choice(self.hosts), self._chance.choice(self.cells)
        expected = self._seen.get(host)
        kind = self._kind(mapped=expected is not None)
        if self._chance.random() < 0.1:
            expected = None
        return self.do(kind, host, cell, expected)

    def _kind(self, *, mapped: bool) -> str:
        if self._chance.random() < self.reads:
            return "get"
        if not mapped or self._chance.random() < 0.05:
            return "create"
        return "move" if self._chance.random() < 0.8 else "delete"

    def do(self, kind: str, host: str, cell: str = "", expected: int | None = None) -> Operation:
        """Do one operation; return it with its result."""
        invoked = monotonic_ns()
        result = self._result(kind, host, cell, expected)
        returned = NEVER if isinstance(result, Unknown) else monotonic_ns()
        self._note(host, result)
        return Operation(
            kind,
            host,
            invoked,
            returned,
            result,
            short(cell) if kind in ("create", "move") else None,
            expected if kind in ("move", "delete") else None,
            self.number,
        )

    def _result(self, kind: str, host: str, cell: str, expected: int | None) -> Result:
        try:
            return self._told(kind, host, cell, expected)
        except HostMappingNotFound:
            return Absent()
        except HostMappingExists as error:
            return Exists(short(error.cell_uuid))
        except StaleMapping as error:
            actual = cast(HostMapping, error.actual)
            return Stale(short(actual.cell_uuid), actual.revision)
        except DatabaseUnavailable:
            return Failed()
        except OutcomeUnknown as error:
            return Unknown(error.revision or 0, error.change_id)

    def _told(self, kind: str, host: str, cell: str, expected: int | None) -> Told:
        hosts = self.hostmap.hosts
        if kind == "delete":
            return Told(None, hosts.delete(host, expected_revision=expected).revision)
        if kind == "create":
            mapping = hosts.create(host, cell)
        elif kind == "move":
            mapping = hosts.move(host, cell, expected_revision=expected)
        else:
            mapping = hosts.get(host)
        return Told(short(mapping.cell_uuid), mapping.revision)

    def _note(self, host: str, result: Result) -> None:
        if isinstance(result, Absent):
            self._seen[host] = None
        elif isinstance(result, Exists):
            self._seen[host] = 0  # a revision that no host has, so the next write fails
        elif isinstance(result, Told | Stale):
            self.told += isinstance(result, Told)
            self._seen[host] = result.revision if result.cell else None


def short(uuid: str) -> str:
    """Shorten a cell's UUID for the output."""
    return uuid[:8]


def work_at_once(
    workers: Sequence[Worker], until: Callable[[], bool], most: int = 10**9
) -> list[Operation]:
    """Run each worker in a thread of its own; return the history."""
    with ThreadPoolExecutor(len(workers)) as threads:
        working = [threads.submit(worker.work, until, most) for worker in workers]
        return [one for working_one in working for one in working_one.result()]


def work_in_a_process(
    url: str, seed: int, first: int, cells: Sequence[str], seconds: float
) -> list[Operation]:
    """Run four workers, from number `first` on, in threads of this process."""
    over_at = monotonic() + seconds
    with connect(url, timeout=PATIENT, pool_size=2) as hostmap:
        workers = [Worker(hostmap, first + number, seed, cells) for number in range(4)]
        return work_at_once(workers, lambda: monotonic() > over_at)


def die_in_a_transaction(url: str, cell: str) -> None:
    """Write a change, and kill this process before it commits."""
    hostmap = connect(url, timeout=PATIENT)
    with hostmap.transaction() as tx:
        tx.hosts.create(f"of process {os.getpid()}", cell)
        os.kill(os.getpid(), signal.SIGKILL)


def told(workers: Sequence[Worker]) -> int:
    """Count the operations of all workers that succeeded."""
    return sum(worker.told for worker in workers)


def how_they_ended(history: Sequence[Operation]) -> Counter[str]:
    """Count the results by kind."""
    return Counter(type(one.result).__name__ for one in history)


# --- assertions about a history -----------------------------------------------------------------


def assert_in_order(history: Sequence[Operation], hostmap: HostMap, first: int) -> None:
    """Assert that a history is linearizable and agrees with the directory it was made on.

    Call it when all work has ended, with the revision before the first operation.
    """
    last = Worker(hostmap, -1, 0, ())
    hosts = {one.host for one in history}
    history = [*history, *(last.do("get", host) for host in sorted(hosts))]
    assert_linearizable(history)
    decided = [_decided(one, hostmap) for one in history]
    assert_linearizable(decided)
    _assert_on_record(decided, hostmap, first)
    assert hostmap.check() == ()


def _decided(one: Operation, hostmap: HostMap) -> Operation:
    """Return the operation with its final outcome: an aborted write left no trace."""
    if isinstance(one.result, Unknown):
        outcome = hostmap.outcome(one.result.change_id, revision=one.result.revision)
        if outcome == "aborted":
            return replace(one, result=Failed())
    return one


def _assert_on_record(decided: Sequence[Operation], hostmap: HostMap, first: int) -> None:
    """Assert that each write is on record once, and nothing else."""
    record = {
        changeset.revision: changeset for changeset in hostmap.history.since(first, limit=10**6)
    }
    assert [*record] == [*range(first + 1, hostmap.revision() + 1)], "a gap"
    writes: dict[int, Operation] = {}
    for one in decided:
        revision = one.result.revision if isinstance(one.result, Unknown) else one.wrote
        if revision is None:
            continue
        assert revision in record, f"not on record: {one}"
        assert revision not in writes, f"one revision of two: {one}, {writes[revision]}"
        writes[revision] = one
        (change,) = record[revision].hosts
        cell = change.new_cell_uuid and short(change.new_cell_uuid)
        assert (change.host, cell) == (one.host, one.cell), f"something else on record: {one}"
        if isinstance(one.result, Unknown):
            assert record[revision].change_id == one.result.change_id
    # The result of a move without an expectation does not show whether it wrote.
    moved = {
        one.result.revision
        for one in decided
        if one.kind == "move" and one.expected is None and isinstance(one.result, Told)
    }
    assert set(record) <= {*writes, *moved}, "a write that no result reports"
