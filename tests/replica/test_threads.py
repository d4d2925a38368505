"""Threads that read while it follows, and processes that fork while threads are at work."""

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
    from hostmap_sql.replica import Replica
    from tests.conftest import Cells
    from tests.support.backends import Backend

PAIR = ("left", "right")
MOVES = 60


class Reader(Thread):
    """Reads the two hosts again and again, which every change moves together."""

    def __init__(self, replica: Replica, over: Event) -> None:
        super().__init__()
        self._replica = replica
        self._over = over
        self.seen = list[int]()
        self.torn = 0

    def run(self) -> None:
        while not self._over.is_set():
            before = self._replica.revision
            cells = {cell.uuid for cell in self._replica.cells_of(PAIR).values()}
            self.torn += len(cells) != 1
            self.seen += [before, self._replica.revision]
            sleep(0.0001)  # let the others work, too


def test_threads_started_before_see_whole_changes_in_order(hostmap: HostMap, cells: Cells) -> None:
    hostmap.hosts.create_many((host, cells.one.uuid) for host in PAIR)
    replica, over = hostmap.replica(), Event()
    readers = [Reader(replica, over) for _ in range(4)]
    for reader in readers:
        reader.start()
    try:
        with replica.start(interval=0.01):
            for number in range(MOVES):
                old, new = (cells.one, cells.two)[:: -1 if number % 2 else 1]
                with hostmap.transaction() as tx:
                    for host in PAIR:
                        tx.hosts.move(host, new.uuid, expected_cell=old.uuid)
            eventually(lambda: replica.revision == hostmap.revision())
    finally:
        over.set()
        for reader in readers:
            reader.join()

    for reader in readers:
        assert reader.torn == 0
        assert reader.seen == sorted(reader.seen)
        assert reader.seen[0] < reader.seen[-1], "it has seen changes"


def test_of_those_who_start_it_at_once_none_leaves_a_thread_behind(
    hostmap: HostMap, cells: Cells
) -> None:
    def threads() -> set[Thread]:
        return {thread for thread in threading.enumerate() if thread.name == "hostmap_sql replica"}

    replica, before = hostmap.replica(), threads()
    with ThreadPoolExecutor(8) as pool:
        for started in [pool.submit(replica.start, 0.01) for _ in range(64)]:
            started.result()
    assert len(threads() - before) == 1
    hostmap.hosts.create("a", cells.one.uuid)
    eventually(lambda: "a" in replica)
    replica.close()
    assert threads() <= before


FORKS = """
import os, sys, threading, time
from hostmap_sql import HostMappingNotFound, connect

hostmap = connect(sys.argv[1], timeout=20)
cell, other = hostmap.cells.create("cell1").uuid, hostmap.cells.create("cell2").uuid
hostmap.hosts.create("moving", cell)
replica = hostmap.replica().start(interval=0.01)
over = threading.Event()

def write():
    while not over.is_set():
        here = hostmap.hosts.get("moving").cell_uuid
        hostmap.hosts.move("moving", other if here == cell else cell)

def read():
    while not over.is_set():
        assert replica.cell_of("moving")
        try:
            replica.cell_of("of no cell")
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
        deadline = time.monotonic() + 10
        while f"child-{number}" not in replica and time.monotonic() < deadline:
            time.sleep(0.01)
        os._exit(0 if f"child-{number}" in replica else 1)
    deadline = time.monotonic() + 15
    while not (ended := os.waitpid(child, os.WNOHANG))[0] and time.monotonic() < deadline:
        time.sleep(0.01)
    if not ended[0]:
        os.kill(child, 9)
    if ended != (child, 0):
        faults.append(f"child {number} has ended as {ended}")
        break
over.set()
for thread in threads:
    thread.join()
assert not faults, faults
replica.refresh()
assert all(f"child-{number}" in replica for number in range(10))
"""


def test_a_process_may_fork_while_threads_are_at_work(backend: Backend) -> None:
    backend.hostmap.close()
    command = [sys.executable, "-W", "ignore", "-c", FORKS, backend.url]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    with connect(backend.url) as hostmap:
        assert hostmap.check() == ()


FORK = """
import os, sys, time, hostmap_sql
with hostmap_sql.connect(sys.argv[1]) as hostmap:
    cell = hostmap.cells.create("cell1").uuid
    replica = hostmap.replica(read_through=False).start(interval=0.05)
    time.sleep(0.2)  # so that it has looked, and a connection is open
    child = os.fork()
    hostmap.hosts.create("parent" if child else "child", cell)
    deadline = time.monotonic() + 10
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
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
