"""Threads that read while the replica follows, and processes that fork while threads run."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread
from time import sleep
from typing import TYPE_CHECKING

from hostmap_sql import connect
from tests.replica.test_replica import eventually

if TYPE_CHECKING:
    from hostmap_sql import HostMap
    from hostmap_sql.replica.replica import Replica
    from tests.conftest import Cells
    from tests.support.backends import Backend

PAIR = ("left", "right")
MOVES = 60


class Reader(Thread):
    """Looks up the two hosts that every change moves together."""

    def __init__(self, replica: Replica, end: Event) -> None:
        super().__init__()
        self._replica = replica
        self._end = end
        self.seen = list[int]()
        self.torn = 0

    def run(self) -> None:
        while not self._end.is_set():
            before = self._replica.revision
            cells = {cell.uuid for cell in self._replica.cells_of(PAIR).values()}
            self.torn += len(cells) != 1
            self.seen += [before, self._replica.revision]
            sleep(0.0001)  # yield to the other threads


def test_readers_see_whole_changes_in_order(hostmap: HostMap, cells: Cells) -> None:
    hostmap.hosts.create_many((host, cells.one.uuid) for host in PAIR)
    replica, end = hostmap.replica(), Event()
    readers = [Reader(replica, end) for _ in range(4)]
    for reader in readers:
        reader.start()
    try:
        with replica.start(interval=0.01):
            for number in range(MOVES):
                old, new = (cells.one, cells.two)[:: -1 if number % 2 else 1]
                with hostmap.transaction() as tx:
                    for host in PAIR:
                        tx.hosts.move(host, new.uuid, expected_cell_uuid=old.uuid)
            eventually(lambda: replica.revision == hostmap.revision())
    finally:
        end.set()
        for reader in readers:
            reader.join()

    for reader in readers:
        assert reader.torn == 0
        assert reader.seen == sorted(reader.seen)
        assert reader.seen[0] < reader.seen[-1], "the reader saw no change"


def test_concurrent_starts_leave_one_thread(hostmap: HostMap, cells: Cells) -> None:
    def threads() -> set[Thread]:
        return {thread for thread in threading.enumerate() if thread.name == "hostmap_sql replica"}

    replica, before = hostmap.replica(), threads()
    with ThreadPoolExecutor(8) as pool:
        for start in [pool.submit(replica.start, interval=0.01) for _ in range(64)]:
            start.result()
    assert len(threads() - before) == 1
    hostmap.hosts.create("a", cells.one.uuid)
    eventually(lambda: "a" in replica)
    replica.close()
    assert threads() <= before


def test_an_unreferenced_replica_ends_its_thread(hostmap: HostMap) -> None:
    def is_running() -> bool:
        return any(thread.name == "hostmap_sql replica" for thread in threading.enumerate())

    replica = hostmap.replica().start(interval=0.01)
    assert is_running()
    unsubscribe = replica.subscribe(lambda _: None)
    del replica
    eventually(lambda: not is_running())
    unsubscribe()


FORKS = """
import os, sys, threading, time
from hostmap_sql import HostMappingNotFound, connect

hostmap = connect(sys.argv[1], timeout=60)
cell, other = hostmap.cells.create("cell1").uuid, hostmap.cells.create("cell2").uuid
hostmap.hosts.create("moving", cell)
replica = hostmap.replica().start(interval=0.01)
end = threading.Event()

def write():
    while not end.is_set():
        here = hostmap.hosts.get("moving").cell_uuid
        hostmap.hosts.move("moving", other if here == cell else cell)

def read():
    while not end.is_set():
        assert replica.cell_of("moving")
        try:
            replica.cell_of("unmapped")
        except HostMappingNotFound:
            pass

threads = [threading.Thread(target=work) for work in (write, read, read)]
for thread in threads:
    thread.start()
faults = []
for number in range(10):
    child = os.fork()
    if not child:
        hostmap.hosts.create(f"child-{number}", cell)
        deadline = time.monotonic() + 60
        while f"child-{number}" not in replica and time.monotonic() < deadline:
            time.sleep(0.01)
        os._exit(0 if f"child-{number}" in replica else 1)
    deadline = time.monotonic() + 90
    while not (ended := os.waitpid(child, os.WNOHANG))[0] and time.monotonic() < deadline:
        time.sleep(0.01)
    if not ended[0]:
        os.kill(child, 9)
    if ended != (child, 0):
        faults.append(f"child {number} ended as {ended}")
        break
end.set()
for thread in threads:
    thread.join()
assert not faults, faults
replica.refresh()
assert all(f"child-{number}" in replica for number in range(10))
"""


def test_a_process_may_fork_while_threads_run(backend: Backend) -> None:
    backend.hostmap.close()
    command = [sys.executable, "-W", "ignore", "-c", FORKS, backend.url]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    with connect(backend.url) as hostmap:
        assert hostmap.check() == ()


FORK = """
import os, sys, time, hostmap_sql
with hostmap_sql.connect(sys.argv[1]) as hostmap:
    cell = hostmap.cells.create("cell1").uuid
    replica = hostmap.replica(read_through=False).start(interval=0.05)
    known_at = replica._refresher.known_at
    while replica._refresher.known_at == known_at:  # until a refresh has opened a connection
        time.sleep(0.01)
    child = os.fork()
    hostmap.hosts.create("parent" if child else "child", cell)
    deadline = time.monotonic() + 60
    while not ("parent" in replica and "child" in replica):
        if time.monotonic() > deadline:
            os._exit(1)
        time.sleep(0.01)
    if not child:
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0, "the child's replica does not follow"
    replica.close()
"""


def test_after_a_fork_both_processes_follow(backend: Backend) -> None:
    backend.hostmap.close()
    command = [sys.executable, "-W", "ignore", "-c", FORK, backend.url]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
