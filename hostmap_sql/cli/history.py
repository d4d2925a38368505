"""`hostmap history`."""

from __future__ import annotations

import sys
from itertools import chain
from typing import TYPE_CHECKING, Any

import click

from hostmap_sql.cli import errors
from hostmap_sql.cli.arguments import HOST, REVISION
from hostmap_sql.cli.conflicts import cell_names
from hostmap_sql.cli.context import Command, Settings
from hostmap_sql.cli.filters import FILTERS, change_filter, filter_options
from hostmap_sql.cli.output import begun, row_writer
from hostmap_sql.cli.rows import time_text
from hostmap_sql.errors import HistoryPruned, HostMappingNotFound

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from hostmap_sql.cli.filters import ChangeFilter
    from hostmap_sql.hostmap import HostMap
    from hostmap_sql.models import CellChange, ChangeSet, HostChange

COLUMNS = (
    "revision",
    "created_at",
    "author",
    "reason",
    "kind",
    "action",
    "host",
    "old_cell",
    "new_cell",
    "old_cell_uuid",
    "new_cell_uuid",
    "change_id",
)
BRIEF_COLUMNS = COLUMNS[:9]

# Changes that are shown at once, and changesets that are looked at before.
_BATCH_SIZE = 1_000

Names = dict[str, str]


@click.command(
    "history",
    cls=Command,
    columns=COLUMNS,
    uses=FILTERS,
    example="hostmap history compute-1\nhostmap history --since 12 --author ops --format json",
)
@click.argument("host", type=HOST, required=False)
@click.option(
    "--since",
    metavar="REVISION",
    type=REVISION,
    help="Only what came after this revision; an error if some of that was pruned.",
)
@filter_options
@click.pass_obj
def history(
    settings: Settings,
    /,
    *,
    host: str | None,
    since: int | None,
    hosts: tuple[str, ...],
    cells: tuple[str, ...],
) -> None:
    """Show who changed what and when, oldest first; of a HOST or of everything."""
    if host is not None and hosts:
        raise click.UsageError("--host and HOST do not go together: give all hosts by --host")
    with settings.open() as hostmap:
        if host is not None:
            _refuse_unknown(hostmap, host)
            hosts = (host,)
        wanted = change_filter(settings, hostmap, hosts, cells)
        warn_of_future(hostmap, since)
        names = cell_names(hostmap)
        writer = row_writer(settings, COLUMNS, BRIEF_COLUMNS)
        for batch in batches(hostmap, since, wanted):
            writer.write(rows_of(batch, names, wanted))
            sys.stdout.flush()
        writer.write(())  # the header, if there was nothing to show
        writer.end()


def _refuse_unknown(hostmap: HostMap, host: str) -> None:
    if not hostmap.hosts.get_many([host]) and not hostmap.history.of_host(host):
        raise HostMappingNotFound(host)


def warn_of_future(hostmap: HostMap, since: int | None) -> None:
    """Say so if a revision is not there yet: nothing could have come after it."""
    newest = hostmap.revision()
    if since is not None and since > newest:
        errors.say(
            f"revision {since} is above the newest, {newest}: it is of another database, or this "
            "one was restored from a backup"
        )


def batches(
    hostmap: HostMap, since: int | None, wanted: ChangeFilter
) -> Iterator[Sequence[ChangeSet]]:
    """The changesets after a revision, some at a time; None: all there are."""
    batch: list[ChangeSet] = []
    size = 0
    for changeset in _changesets(hostmap, since, wanted.hosts or None):
        batch.append(changeset)
        size += 1 + len(changeset.hosts)
        if size >= _BATCH_SIZE:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _changesets(
    hostmap: HostMap, since: int | None, hosts: Sequence[str] | None
) -> Iterator[ChangeSet]:
    try:
        return begun(hostmap.history.iterate(since or 0, hosts=hosts))
    except HistoryPruned as error:
        if since is not None:
            raise
        # Asked for all there is: that is what came after.
        errors.say(f"the history begins after revision {error.pruned_revision}: it was pruned")
        return begun(hostmap.history.iterate(error.pruned_revision, hosts=hosts))


def rows_of(
    changesets: Iterable[ChangeSet], names: Names, wanted: ChangeFilter
) -> Iterator[Mapping[str, Any]]:
    """The wanted changes of some changesets, as they are shown."""
    rows = chain.from_iterable(_rows(c, names) for c in changesets if wanted.wants(c))
    return filter(wanted.wants_row, rows)


def _rows(changeset: ChangeSet, names: Names) -> Iterator[Mapping[str, Any]]:
    for cell in changeset.cells:
        yield _cell_row(changeset, cell, names)
    for host in changeset.hosts:
        yield {**_host_row(host, names), "change_id": changeset.change_id}


def _host_row(change: HostChange, names: Names) -> Mapping[str, Any]:
    old, new = change.old_cell_uuid, change.new_cell_uuid
    action = "created" if old is None else "deleted" if new is None else "moved"
    return _row(change, names, kind="host", action=action, host=change.host, cells=(old, new))


def _cell_row(changeset: ChangeSet, change: CellChange, names: Names) -> Mapping[str, Any]:
    uuid, action = change.cell_uuid, change.action
    old = None if action == "created" else uuid
    new = None if action == "deleted" else uuid
    row = _row(changeset, names, kind="cell", action=action, host=None, cells=(old, new))
    return {**row, "change_id": changeset.change_id}


def _row(
    change: HostChange | ChangeSet,
    names: Names,
    *,
    cells: tuple[str | None, str | None],
    **values: str | None,
) -> Mapping[str, Any]:
    old, new = cells
    return {
        "revision": change.revision,
        "created_at": time_text(change.created_at),
        "author": change.author,
        "reason": change.reason,
        "old_cell": old and names.get(old, old),  # a deleted cell has no name any more
        "new_cell": new and names.get(new, new),
        "old_cell_uuid": old,
        "new_cell_uuid": new,
        "change_id": None,
        **values,
    }
