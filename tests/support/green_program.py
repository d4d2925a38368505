"""A program with green threads, for `tests.surroundings.test_green_threads`.

    python -m tests.support.green_program LIBRARY WHEN URL CALL...

It looks hosts up, reports this on standard output and waits for a line on standard input. Then the
database is suspended, and the program makes the calls, reports their results and waits for another
line. Then the database works again, and every answer must be correct.
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hostmap_sql import HostMap

TIMEOUT = 1.0
HOSTS = 80
THREADS = 50


class Green:
    """The functions of eventlet or gevent that are used, under the same names."""

    def __init__(self, library: str) -> None:
        if library == "eventlet":
            import eventlet  # type: ignore[import-untyped]  # noqa: PLC0415

            self.patch: Callable[[], object] = eventlet.monkey_patch
            self.spawn: Callable[..., Any] = eventlet.spawn
            self.join: Callable[[Any], Any] = lambda thread: thread.wait()
        else:
            import gevent.monkey  # type: ignore[import-untyped]  # noqa: PLC0415

            self.patch = gevent.monkey.patch_all
            self.spawn = gevent.spawn
            self.join = lambda thread: thread.get()

    def all(self, function: Callable[[int], Any], number: int) -> list[Any]:
        """Call a function in this number of green threads at once; return the results."""
        threads = [self.spawn(function, i) for i in range(number)]
        return [self.join(thread) for thread in threads]


def main(library: str, when: str, url: str, calls: list[str]) -> None:
    green = Green(library)
    if when == "first":
        green.patch()
    from hostmap_sql import connect  # noqa: PLC0415

    hostmap = connect(url, timeout=60, pool_size=4)
    if when == "late":
        # The lazy imports of the library, too.
        import hostmap_sql.replica.replica  # noqa: F401, PLC0415

        green.patch()
    prepare(hostmap)
    say({"lookups": wrong(hostmap, range(HOSTS))})

    sys.stdin.readline()
    with connect(url, timeout=60) as fresh:
        say(stopped(green, hostmap, fresh, calls))

    sys.stdin.readline()
    say(
        {
            "afterwards": wrong(hostmap, range(HOSTS)),
            "many": green.all(lambda i: wrong(hostmap, range(i, HOSTS, 7)), THREADS),
            "transactions": transactions(green, hostmap),
            "replica": follows(green, hostmap),
            "busy": busy(green, hostmap),
            "killed": killed(green, hostmap),
        }
    )


def say(report: dict[str, Any]) -> None:
    sys.stdout.write(f"{json.dumps(report)}\n")
    sys.stdout.flush()


def host(number: int) -> str:
    return f"host-{number}"


def prepare(hostmap: HostMap) -> None:
    for name in ("even", "odd"):
        hostmap.cells.create(name)
    for name, first in (("even", 0), ("odd", 1)):
        cell = hostmap.cells.get_by_name(name)
        hostmap.hosts.create_many((host(i), cell.uuid) for i in range(first, HOSTS, 2))
    hostmap.hosts.create("spare", cell.uuid)


def wrong(hostmap: HostMap, numbers: range) -> list[str]:
    """Return the wrong answers."""
    return [
        f"{number}: {found.host} in {found.cell.name}"
        for number in numbers
        for found in [hostmap.hosts.get(host(number))]
        if (found.host, found.cell.name) != (host(number), "odd" if number % 2 else "even")
    ]


# --- while the database is suspended -------------------------------------------------------------


def stopped(green: Green, hostmap: HostMap, fresh: HostMap, calls: list[str]) -> dict[str, Any]:
    """Make calls at once; return how they end, and how often another green thread ran."""
    has_ended = False

    def tick() -> int:
        ticks = 0
        while not has_ended:
            time.sleep(0.01)
            ticks += 1
        return ticks

    makes: dict[str, tuple[HostMap, Callable[[], object]]] = {
        "lookup": (hostmap, lambda: hostmap.hosts.get(host(1))),
        "connect": (fresh, lambda: fresh.hosts.get(host(1))),
        "write": (hostmap, lambda: hostmap.hosts.delete("spare")),
    }

    def make(number: int) -> tuple[str, float]:
        directory, call = makes[calls[number]]
        began = time.monotonic()
        try:
            with directory.timeout(TIMEOUT):
                call()
            ending = "none"
        except Exception as error:  # noqa: BLE001 - reported
            ending = type(error).__name__
        return ending, time.monotonic() - began

    ticking = green.spawn(tick)
    ends = dict(zip(calls, green.all(make, len(calls)), strict=True))
    has_ended = True
    return {"ends": ends, "ticks": green.join(ticking)}


# --- afterwards -----------------------------------------------------------------------------------


def transactions(green: Green, hostmap: HostMap) -> int:
    """Count the transactions of many green threads that made two hosts in one revision."""
    even = hostmap.cells.get_by_name("even").uuid

    def transaction(number: int) -> bool:
        names = [f"tx-{number}-{i}" for i in range(2)]
        with hostmap.transaction() as tx:
            revisions = set()
            for name in names:
                revisions.add(tx.hosts.create(name, even).revision)
                time.sleep(0)
        return revisions == {found.revision for found in hostmap.hosts.get_many(names).values()}

    return sum(green.all(transaction, 10))


def follows(green: Green, hostmap: HostMap) -> list[str]:
    """Return the cells of a host in a running replica, after each move."""
    odd, even = (hostmap.cells.get_by_name(name).uuid for name in ("odd", "even"))

    def moves(_: int) -> list[str]:
        found = []
        for cell in (odd, even, odd, even):
            replica.wait_for(hostmap.hosts.move(host(0), cell).revision)
            found.append(replica.cell_of(host(0)).name)
        return found

    with hostmap.replica().start(interval=0.05) as replica:
        return list(green.all(moves, 1)[0])


def busy(green: Green, hostmap: HostMap) -> list[str]:
    """Return the wrong answers while a green thread hogs the processor."""

    def work() -> None:
        for _ in range(5):
            until = time.monotonic() + 0.1
            while time.monotonic() < until:
                pass
            time.sleep(0)

    working = green.spawn(work)
    found = green.all(lambda i: wrong(hostmap, range(i, HOSTS, 40)), 10)
    green.join(working)
    return [answer for answers in found for answer in answers]


def killed(green: Green, hostmap: HostMap) -> list[str]:
    """Return the wrong answers after green threads were killed in the middle of a lookup."""

    def forever() -> None:
        while True:
            for number in range(HOSTS):
                hostmap.hosts.get(host(number))
                time.sleep(0)  # a file is read without any waiting

    found = []
    for pause in pauses():
        thread = green.spawn(forever)
        time.sleep(pause)
        thread.kill()
        found += wrong(hostmap, range(0, HOSTS, 20))
    return found


def pauses() -> Iterator[float]:
    for number in range(10):
        yield number * 0.0013


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
