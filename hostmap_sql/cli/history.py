"""`hostmap history`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hostmap_sql.cli import errors
from hostmap_sql.cli.arguments import HOST, REVISION
from hostmap_sql.cli.conflicts import cell_names
from hostmap_sql.cli.context import Command, Settings
from hostmap_sql.cli.output import show_rows
from hostmap_sql.cli.rows import time_text
from hostmap_sql.errors import HistoryPruned, HostMappingNotFound

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

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

# Changesets that are read at once: each may tell of thousands of hosts.
_PAGE_SIZE = 10

Names = dict[str, str]


@click.command(
    "history",
    cls=Command,
    columns=COLUMNS,
    example="hostmap history compute-1\nhostmap history --since 12 --format json",
)
@click.argument("host", type=HOST, required=False)
@click.option(
    "--since",
    metavar="REVISION",
    type=REVISION,
    help="Only what came after this revision; an error if some of that was pruned.",
)
@click.pass_obj
def history(settings: Settings, /, *, host: str | None, since: int | None) -> None:
    """Show who changed what and when, oldest first; of a HOST or of everything."""
    with settings.open() as hostmap:
        names = cell_names(hostmap)
        rows: Iterable[Mapping[str, Any]]
        if host is None:
            rows = _rows_since(hostmap, since, names)
        else:
            rows = _rows_of_host(hostmap, host, since, names)
        show_rows(settings, COLUMNS, rows, BRIEF_COLUMNS)


def _rows_of_host(
    hostmap: HostMap, host: str, since: int | None, names: Names
) -> list[Mapping[str, Any]]:
    if since is not None:
        hostmap.history.since(since, limit=1)  # raises if some of it is gone
    changes = hostmap.history.of_host(host)
    if not changes and not hostmap.hosts.get_many([host]):
        raise HostMappingNotFound(host)
    return [_host_row(change, names) for change in changes if change.revision > (since or 0)]


def _rows_since(hostmap: HostMap, since: int | None, names: Names) -> Iterator[Mapping[str, Any]]:
    for page in pages(hostmap, since):
        yield from rows_of(page, names)


def pages(hostmap: HostMap, since: int | None) -> Iterator[Sequence[ChangeSet]]:
    """The changesets after a revision, some at a time; None: all there are."""
    after = since or 0
    try:
        page = hostmap.history.since(after, limit=_PAGE_SIZE)
    except HistoryPruned as error:
        if since is not None:
            raise
        # Asked for all there is: that is what came after.
        errors.say(f"the history begins after revision {error.pruned_revision}: it was pruned")
        page = hostmap.history.since(error.pruned_revision, limit=_PAGE_SIZE)
    while page:
        yield page
        page = hostmap.history.since(page[-1].revision, limit=_PAGE_SIZE)


def rows_of(changesets: Iterable[ChangeSet], names: Names) -> Iterator[Mapping[str, Any]]:
    """The changes of some changesets, as they are shown."""
    for changeset in changesets:
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
