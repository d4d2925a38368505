"""Iterates over a whole directory and prints its hosts, and by how many MB the process grew."""

from __future__ import annotations

import resource
import sys

from hostmap_sql import connect


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    with connect(sys.argv[1]) as hostmap:
        hostmap.hosts.list(limit=1)  # the process at rest: driver loaded, connected
        at_rest = _peak()
        hosts = sum(1 for _ in hostmap.hosts.iterate())
    print(hosts, round(_peak() - at_rest, 1))


if __name__ == "__main__":
    main()
