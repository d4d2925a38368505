"""`hostmap host list` shows any number of hosts in little memory, the first ones at once."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import pytest

from hostmap_sql import connect
from tests.support.backends.sqlite import SQLiteFactory

if TYPE_CHECKING:
    from collections.abc import Iterator

HOSTMAP = str(Path(sys.executable).parent / "hostmap")
HOSTS = 100_000
# A tenth of the hosts, which still overfills a pipe.
FEW = ("--prefix", "compute-00")
# All hosts at once would take 25 MB more than a tenth.
MOST_MEGABYTES = 10


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    factory = SQLiteFactory(None)
    backend = factory.fresh()
    with connect(backend.url) as hostmap:
        cell = hostmap.cells.create("cell1").uuid
        hostmap.hosts.create_many((f"compute-{n:06}.example.org", cell) for n in range(HOSTS))
    yield backend.url
    backend.close()
    factory.drop(backend)
    factory.close()


def listing(url: str, form: str, *more: str) -> subprocess.Popen[bytes]:
    """Start a process that lists hosts into a pipe."""
    command = [HOSTMAP, "--database", url, "host", "list", "--format", form, *more]
    return subprocess.Popen(command, env={"PATH": os.environ["PATH"]}, stdout=subprocess.PIPE)


def peak(process: subprocess.Popen[bytes]) -> float:
    """Return the peak memory of a running process, in MB."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


@pytest.mark.parametrize("form", ["table", "json", "csv", "value"])
def test_all_hosts_are_listed_in_little_memory(form: str, url: str) -> None:
    with listing(url, form, *FEW) as process:
        assert process.stdout
        process.stdout.readline()
        of_few = peak(process)
        assert sum(b"compute-" in line for line in process.stdout) > HOSTS / 20

    started = monotonic()
    with listing(url, form) as process:
        assert process.stdout
        lines = [*islice(process.stdout, 10)]
        first = monotonic() - started
        # Not to the end: the process may end while the pipe holds the rest.
        lines += islice(process.stdout, HOSTS * 9 // 10)
        of_all = peak(process)
        lines += process.stdout
        last = monotonic() - started

    assert process.returncode == 0
    assert sum(b"compute-" in line for line in lines) == HOSTS
    assert of_all - of_few < MOST_MEGABYTES
    assert first < last / 2  # a fifth, or less
