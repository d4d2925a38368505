"""What is measured on one database, and the limit that each figure has to keep."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from hostmap_sql import HostMap, connect
from hostmap_sql.database_url import DatabaseUrl
from tests.benchmarks.bare import Bare, bare, names
from tests.benchmarks.timing import median_rounds, medians

MICROSECONDS = 1e6


@dataclass(frozen=True)
class Figure:
    """One measured figure: `value` is to be at most, or with `least` at least, `limit`."""

    database: str
    name: str
    value: float
    unit: str
    limit: float | None = None
    least: bool = False

    @property
    def kept(self) -> bool:
        """Whether it keeps its limit."""
        if self.limit is None:
            return True
        return self.value >= self.limit if self.least else self.value <= self.limit


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    lookups: int = 3_000
    bulk: int = 100_000
    many: int = 1_000_000
    rounds: int = 3


@dataclass
class Bench:
    """One database of one kind, empty but for a cell, and what is measured on it."""

    kind: str
    url: str
    sizes: Sizes

    def figures(self) -> Iterator[Figure]:
        """Measure everything, from the emptiest to the fullest database."""
        with connect(self.url, author="benchmark") as hostmap:
            cell = hostmap.cells.create(
                "cell1",
                transport_url="rabbit://nova:s3cret@mq1.example.org:5672/",
                database_connection="mysql+pymysql://nova:s3cret@db1.example.org/nova_cell1",
            )
            driver = bare(self.kind, DatabaseUrl.parse(self.url))
            yield from self._writes(hostmap, driver, cell.uuid)
            self._empty(driver)
            hostmap.hosts.create_many((host, cell.uuid) for host in names(1_000))
            small = yield from self._lookups(hostmap, driver)
            rest = islice(names(self.sizes.many), self.sizes.many)
            hostmap.hosts.create_many((host, cell.uuid) for host in rest)
            yield from self._lookups_of_many(hostmap, small)
        yield self._iteration()

    def _figure(
        self, name: str, value: float, unit: str, limit: float | None = None, *, least: bool = False
    ) -> Figure:
        return Figure(self.kind, name, value, unit, limit, least)

    # --- writing ------------------------------------------------------------------------------

    def _writes(self, hostmap: HostMap, driver: Bare, cell_uuid: str) -> Iterator[Figure]:
        hosts = [*names(self.sizes.bulk)]
        contenders: dict[str, Callable[[], object]] = {
            "ours": lambda: hostmap.hosts.create_many((host, cell_uuid) for host in hosts),
            **{
                str(size): lambda size=size: driver.load(hosts, cell_uuid, size)  # type: ignore[misc]
                for size in driver.load_sizes
            },
        }
        empty = lambda: self._empty(driver)  # noqa: E731
        ours, *bares = median_rounds(contenders, empty, self.sizes.rounds)
        empty()
        [one] = medians({"": lambda host: hostmap.hosts.create(host, cell_uuid)}, hosts[:500])
        bulk_rate = self.sizes.bulk / ours
        yield self._figure("create, one after another", 1 / one, "hosts/s")
        yield self._figure("create_many of 100,000", bulk_rate, "hosts/s")
        yield self._figure("create_many over bare driver", ours / min(bares), "x", 1.25)
        yield self._figure("create_many over create", bulk_rate * one, "x", 60, least=True)

    @staticmethod
    def _empty(driver: Bare) -> None:
        for table in ("host_mapping", "host_mapping_change", "mapping_changeset"):
            driver.execute(f"DELETE FROM {table}")

    # --- reading ------------------------------------------------------------------------------

    def _lookups(self, hostmap: HostMap, driver: Bare) -> Iterator[Figure]:
        hosts = [*names(1_000)]
        get = {"bare": driver.get, "ours": hostmap.hosts.get}
        bare_time, ours = medians(get, random.choices(hosts, k=self.sizes.lookups))
        on_server = self.kind != "sqlite"
        yield self._figure("get, bare driver", bare_time * MICROSECONDS, "us")
        yield self._figure("get", ours * MICROSECONDS, "us")
        yield self._figure("get over bare driver", ours / bare_time, "x", 1.15 if on_server else None)
        yield self._figure(
            "get beyond bare driver",
            (ours - bare_time) * MICROSECONDS,
            "us",
            25 if on_server else None,
        )
        many: dict[str, Callable[[str], object]] = {
            "bare": lambda _: driver.get_many(hosts),
            "ours": lambda _: hostmap.hosts.get_many(hosts),
        }
        bare_many, ours_many = medians(many, ["a round"] * 101)
        yield self._figure("get_many of 1,000", ours_many * 1e3, "ms")
        yield self._figure("get_many over bare driver", ours_many / bare_many, "x", 1.2)
        return ours

    def _lookups_of_many(self, hostmap: HostMap, small: float) -> Iterator[Figure]:
        hosts = random.choices([*names(self.sizes.many)], k=self.sizes.lookups)
        [large] = medians({"": hostmap.hosts.get}, hosts)
        yield self._figure("get with 1,000,000 hosts", large * MICROSECONDS, "us")
        yield self._figure("get with 1,000,000 over 1,000", large / small, "x", 1.2)

    def _iteration(self) -> Figure:
        command = [sys.executable, "-m", "tests.benchmarks.iteration", self.url]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        hosts, megabytes = printed.split()
        if int(hosts) != self.sizes.many:
            raise AssertionError(f"iterate gave {hosts} hosts")
        return self._figure("iterate over 1,000,000", float(megabytes), "MB", 60)
