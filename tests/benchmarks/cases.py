"""The benchmarks of one database, and the limit of each figure."""

from __future__ import annotations

import random
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hostmap_sql import HostMap, connect
from hostmap_sql.dialects.database_url import DatabaseUrl
from tests.benchmarks.bare import Bare, bare, names
from tests.benchmarks.timing import median_rounds, medians

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MICROSECONDS = 1e6
SMALL = 1_000


@dataclass(frozen=True)
class Figure:
    """A measured figure. Its `limit` is a maximum, or with `least` a minimum."""

    database: str
    name: str
    value: float
    unit: str
    limit: float | None = None
    least: bool = False

    @property
    def kept(self) -> bool:
        """Whether it is within its limit."""
        if self.limit is None:
            return True
        return self.value >= self.limit if self.least else self.value <= self.limit


@dataclass(frozen=True)
class Sizes:
    """The sizes of the benchmarks."""

    lookups: int = 3_000
    bulk: int = 100_000
    many: int = 1_000_000
    rounds: int = 6


@dataclass
class Bench:
    """The benchmarks of one kind of database, on a small and a large one."""

    kind: str
    small_url: str
    large_url: str
    sizes: Sizes

    def figures(self) -> Iterator[Figure]:
        """Measure everything."""
        with connect(self.small_url) as small, connect(self.large_url) as large:
            driver = bare(self.kind, DatabaseUrl.parse(self.small_url))
            cell_uuid = self._cell(small)
            yield from self._writes(small, driver, cell_uuid)
            driver.empty()
            small.hosts.create_many((host, cell_uuid) for host in names(SMALL))
            yield from self._lookups(small, driver)
            cell_uuid = self._cell(large)
            large.hosts.create_many((host, cell_uuid) for host in names(self.sizes.many))
            yield from self._sizes(small, large)
        yield self._iteration()

    @staticmethod
    def _cell(hostmap: HostMap) -> str:
        hostmap.migrate()
        return hostmap.cells.create(
            "cell1",
            transport_url="rabbit://nova:s3cret@mq1.example.org:5672/",
            database_connection="mysql+pymysql://nova:s3cret@db1.example.org/nova_cell1",
        ).uuid

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
                str(size): lambda size=size: driver.load(sorted(hosts), cell_uuid, size)  # type: ignore[misc]
                for size in driver.load_sizes
            },
        }
        ours, *bares = median_rounds(contenders, driver.empty, self.sizes.rounds)
        driver.empty()
        [one] = medians({"": lambda host: hostmap.hosts.create(host, cell_uuid)}, hosts[:500])
        bulk_rate = self.sizes.bulk / ours
        yield self._figure("create, one after another", 1 / one, "hosts/s")
        yield self._figure("create_many of 100,000", bulk_rate, "hosts/s")
        most = 1.35 if self.kind == "postgresql" else 1.25
        yield self._figure("create_many over bare driver", ours / min(bares), "x", most)
        yield self._figure("create_many over create", bulk_rate * one, "x", 60, least=True)

    # --- reading ------------------------------------------------------------------------------

    def _lookups(self, hostmap: HostMap, driver: Bare) -> Iterator[Figure]:
        hosts = [*names(SMALL)]
        get = {"bare": driver.get, "ours": hostmap.hosts.get}
        bare_time, ours = medians(get, random.choices(hosts, k=self.sizes.lookups))
        on_server = self.kind != "sqlite"
        beyond = (ours - bare_time) * MICROSECONDS
        most = None if self.kind in ("mysql", "mariadb") else 25
        yield self._figure("get, bare driver", bare_time * MICROSECONDS, "us")
        yield self._figure("get", ours * MICROSECONDS, "us")
        yield self._figure(
            "get over bare driver", ours / bare_time, "x", 1.15 if on_server else None
        )
        yield self._figure("get beyond bare driver", beyond, "us", most)
        many: dict[str, Callable[[str], object]] = {
            "bare": lambda _: driver.get_many(hosts),
            "ours": lambda _: hostmap.hosts.get_many(hosts),
        }
        bare_many, ours_many = medians(many, ["a round"] * 101)
        yield self._figure("get_many of 1,000", ours_many * 1e3, "ms")
        each = (ours_many - bare_many) / len(hosts) * MICROSECONDS
        yield self._figure(
            "get_many over bare driver", ours_many / bare_many, "x", 1.2 if on_server else None
        )
        yield self._figure(
            "get_many beyond bare driver, each", each, "us", None if on_server else 1.2
        )

    def _sizes(self, small: HostMap, large: HostMap) -> Iterator[Figure]:
        # Draw and copy the names first: a request brings its own string, not one from a distant
        # part of memory.
        drivers = [
            bare(self.kind, DatabaseUrl.parse(url)) for url in (self.small_url, self.large_url)
        ]
        sizes = (SMALL, self.sizes.many)
        contenders = {
            f"{size} {number}": self._lookup(get, size)
            for number, (size, get) in enumerate(
                zip(
                    sizes * 2,
                    (small.hosts.get, large.hosts.get, *(d.get for d in drivers)),
                    strict=True,
                )
            )
        }
        small_time, large_time, bare_small, bare_large = medians(
            contenders, ["a lookup"] * self.sizes.lookups
        )
        growth = large_time / small_time
        yield self._figure("get with 1,000,000 hosts", large_time * MICROSECONDS, "us")
        if self.kind == "sqlite":  # its driver reads the larger file itself
            yield self._figure("get with 1,000,000 over 1,000", growth, "x")
            over = growth / (bare_large / bare_small)
            yield self._figure("and that over the bare driver's growth", over, "x", 1.1)
        else:
            yield self._figure("get with 1,000,000 over 1,000", growth, "x", 1.2)

    def _lookup(self, get: Callable[[str], object], size: int) -> Callable[[str], object]:
        hosts = iter([str(host.encode(), "utf-8") for host in self._drawn(size)])
        return lambda _: get(next(hosts))

    def _drawn(self, count: int) -> list[str]:
        return random.choices([*names(count)], k=self.sizes.lookups)

    def _iteration(self) -> Figure:
        command = [sys.executable, "-m", "tests.benchmarks.iteration", self.large_url]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        hosts, megabytes = printed.split()
        if int(hosts) != self.sizes.many:
            raise AssertionError(f"iterate gave {hosts} hosts")
        return self._figure("iterate over 1,000,000", float(megabytes), "MB", 60)
