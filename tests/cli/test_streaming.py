"""`hostmap host list` shows any number of hosts in little memory, the first of them at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import pytest

from hostmap_sql import connect
from tests.support.sqlite import SQLiteFactory

if TYPE_CHECKING:
    from collections.abc import Iterator

HOSTMAP = str(Path(sys.executable).parent / "hostmap")
HOSTS = 100_000
# All of them at once would take some 100 MB.
MOST_MEGABYTES = 30


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


def peak(process: subprocess.Popen[bytes]) -> float:
    """The most memory that a process has held, in MB."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


@pytest.mark.parametrize("form", ["table", "json", "csv", "value"])
def test_all_hosts_are_listed_in_little_memory(form: str, url: str) -> None:
    command = [HOSTMAP, "--database", url, "host", "list", "--format", form]
    environment = {"PATH": os.environ["PATH"]}
    started = monotonic()
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout
        lines = [process.stdout.readline() for _ in range(10)]
        first = monotonic() - started
        at_first = peak(process)
        while len(lines) < HOSTS:
            lines.append(process.stdout.readline())
        at_last = peak(process)
        lines += process.stdout

    assert process.returncode == 0
    assert sum(b"compute-" in line for line in lines) == HOSTS
    assert at_last - at_first < MOST_MEGABYTES
    assert first < 5  # a second on a machine that does nothing else
