"""Iterates over a whole directory; prints its hosts and the growth of the process in MB."""

from __future__ import annotations

import sys
from pathlib import Path

from hostmap_sql import connect


def _peak() -> float:
    # Not by `resource`, whose figure includes the parent process.
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def main() -> None:
    with connect(sys.argv[1]) as hostmap:
        hostmap.hosts.list(limit=1)  # the baseline: driver loaded, connected
        at_rest = _peak()
        hosts = sum(1 for _ in hostmap.hosts.iterate())
    print(hosts, round(_peak() - at_rest, 1))


if __name__ == "__main__":
    main()
