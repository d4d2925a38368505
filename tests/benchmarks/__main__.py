"""Runs all benchmarks on each database, prints a table and writes JSON.

``python -m tests.benchmarks`` starts a container of each kind (or takes the servers that the
variables HOSTMAP_TEST_*_URL name) and uses the container's own address.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from hostmap_sql.dialects.database_url import DatabaseUrl
from tests.benchmarks import asynchronous, operators, replicas
from tests.benchmarks.bare import bare
from tests.benchmarks.cases import Bench, Figure, Sizes
from tests.support.servers.containers import KINDS, running

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.support.servers.containers import Server

DATABASES = ("hostmap_benchmark_small", "hostmap_benchmark_large")

QUICK = Sizes(lookups=500, bulk=20_000, many=50_000, rounds=1)
IMPORTS = 21


def import_figures() -> Iterator[Figure]:
    """Measure the import of the library over bare Python; assert that it loads no driver."""
    programs = ("pass", "import hostmap_sql", "from hostmap_sql import connect")
    times: list[list[float]] = [[] for _ in programs]
    for _ in range(IMPORTS):
        for program, measured in zip(programs, times, strict=True):
            started = perf_counter()
            subprocess.run([sys.executable, "-c", program], check=True)
            measured.append(perf_counter() - started)
    bare, ours, whole = map(statistics.median, times)
    yield Figure("-", "import hostmap_sql", (ours - bare) * 1e3, "ms")
    yield Figure("-", "from hostmap_sql import connect", (whole - bare) * 1e3, "ms", 45)
    drivers = "{'pymysql', 'psycopg', 'sqlite3', 'yoyo'} & set(sys.modules)"
    program = f"import sys; from hostmap_sql import *; print(len({drivers}))"
    printed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True
    ).stdout
    yield Figure("-", "drivers imported with it", int(printed), "", 0)


@contextmanager
def databases(kind: str, server: Server | None) -> Iterator[list[str]]:
    """Yield the URLs of two empty databases."""
    if server is None:
        # Not in the folder of temporary files, which may be in memory.
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
            yield [f"sqlite:///{folder}/{name}.db" for name in DATABASES]
        return
    maintenance = "postgres" if kind == "postgresql" else "mysql"
    driver = bare(kind, DatabaseUrl.parse(server.url(maintenance)))
    for name in DATABASES:
        driver.execute(f"DROP DATABASE IF EXISTS {name}")
        driver.execute(f"CREATE DATABASE {name}")
    try:
        yield [server.url(name) for name in DATABASES]
    finally:
        for name in DATABASES:
            driver.execute(f"DROP DATABASE {name}")


def figures(kinds: Iterable[str], sizes: Sizes) -> Iterator[Figure]:
    """Measure all figures, one database at a time."""
    yield from import_figures()
    for kind in kinds:
        with running(kind) if kind in KINDS else nullcontext() as server:
            with databases(kind, server) as (small, large):
                yield from Bench(kind, small, large, sizes).figures()
            yield from operators.figures(kind, server, sizes)
            yield from replicas.figures(kind, server, sizes)
            yield from asynchronous.figures(kind, server, sizes)


def line(figure: Figure) -> str:
    """Format a row of the table in Markdown."""
    limit = "" if figure.limit is None else f"{'>=' if figure.least else '<='} {figure.limit:g}"
    value = f"{figure.value:,.2f}" if abs(figure.value) < 100 else f"{figure.value:,.0f}"
    kept = "" if figure.limit is None else "yes" if figure.kept else "**no**"
    return f"| {figure.database} | {figure.name} | {value} {figure.unit} | {limit} | {kept} |"


def main() -> int:
    """Measure, print and write; return 1 if a limit of a ratio was exceeded."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("kinds", nargs="*", default=["sqlite", *KINDS], help="which databases")
    parser.add_argument("--quick", action="store_true", help="small sizes: does it work at all?")
    parser.add_argument("--json", type=Path, default=Path("benchmarks.json"), help="file to write")
    arguments = parser.parse_args()
    random.seed(1)
    sizes = QUICK if arguments.quick else Sizes()
    print("| database | figure | measured | limit | kept |\n|---|---|---|---|---|")
    measured = []
    for figure in figures(arguments.kinds, sizes):
        print(line(figure), flush=True)
        measured.append(figure)
    machine = {"python": platform.python_version(), "processors": os.cpu_count()}
    report = {"machine": machine, "figures": [asdict(figure) for figure in measured]}
    arguments.json.write_text(json.dumps(report, indent=1) + "\n")
    # Other figures depend on the machine.
    return 0 if all(figure.kept for figure in measured if figure.unit == "x") else 1


if __name__ == "__main__":
    sys.exit(main())
