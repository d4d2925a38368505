"""Work on all hosts of a cell, which `drain` and `delete` share."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hostmap_sql.cli.framework import errors
from hostmap_sql.cli.framework.wording import plural
from hostmap_sql.cli.output.dry_run import plan_row
from hostmap_sql.cli.output.progress import progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hostmap_sql.batching import Progress
    from hostmap_sql.hostmap import HostMap
    from hostmap_sql.models import CellMapping


def count_hosts(hostmap: HostMap, cell: CellMapping) -> int:
    """Count the hosts of a cell; a cell that was deleted in between has none."""
    return hostmap.cells.host_counts().get(cell.uuid, 0)


def host_plan(
    hostmap: HostMap, cell: CellMapping, action: str, /, **values: str
) -> Iterator[dict[str, Any]]:
    """Yield a row of a dry run for each host of a cell."""
    for mapping in hostmap.hosts.iterate(cell_uuid=cell.uuid):
        yield plan_row(action, "host", mapping.host, **values)


@contextmanager
def host_progress(hostmap: HostMap, cell: CellMapping, done: str) -> Iterator[Progress]:
    """Show the progress over all hosts of a cell; report it if an error ends the block.

    :param done: the work as a participle, such as "moved".
    """
    total = count_hosts(hostmap, cell)
    number = 0
    try:
        with progress(done, total) as advance:

            def count(done: int, _total: int | None) -> None:
                nonlocal number
                advance(done - number)
                number = done

            yield count
    except BaseException:
        of = f"{number:,} of {plural(total, 'host')} of cell {cell.name!r}"
        if number:
            errors.print_status(f"stopped after {of} were {done}: repeat it to do the rest")
        raise
