"""Reading changesets for `hostmap log`, and making a row for each change."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from hostmap_sql.cli.framework import errors
from hostmap_sql.cli.output.formats import prefetch_first
from hostmap_sql.cli.output.rows import time_text
from hostmap_sql.errors import HistoryPruned

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from hostmap_sql.cli.commands.log_filter import ChangeFilter
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

# The number of changes that are read before they are filtered and shown.
_BATCH_SIZE = 1_000

CellNames = dict[str, str]


def read_batches(
    hostmap: HostMap, since: int | None, hosts: Sequence[str]
) -> Iterator[Sequence[ChangeSet]]:
    """Yield the changesets after a revision in batches; None: from the oldest on.

    :param hosts: read only the changes of these hosts; if empty, all.
    """
    batch: list[ChangeSet] = []
    size = 0
    for changeset in _read(hostmap, since, hosts or None):
        batch.append(changeset)
        size += 1 + len(changeset.hosts)
        if size >= _BATCH_SIZE:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _read(hostmap: HostMap, since: int | None, hosts: Sequence[str] | None) -> Iterator[ChangeSet]:
    try:
        return prefetch_first(hostmap.history.iterate(since=since or 0, hosts=hosts))
    except HistoryPruned as error:
        if since is not None:
            raise
        errors.print_status(
            f"the history begins after revision {error.pruned_revision}: it was pruned"
        )
        return prefetch_first(hostmap.history.iterate(since=error.pruned_revision, hosts=hosts))


def change_rows(
    changesets: Iterable[ChangeSet], names: CellNames, wanted: ChangeFilter
) -> Iterator[Mapping[str, Any]]:
    """Yield a row for each change that the filter matches."""
    rows = chain.from_iterable(_rows(c, names) for c in changesets if wanted.matches(c))
    return filter(wanted.matches_row, rows)


def _rows(changeset: ChangeSet, names: CellNames) -> Iterator[Mapping[str, Any]]:
    for cell in changeset.cells:
        yield _row(changeset, names, **_cell_values(cell))
    for host in changeset.hosts:
        yield _row(changeset, names, **_host_values(host))


def _host_values(change: HostChange) -> dict[str, str | None]:
    old, new = change.old_cell_uuid, change.new_cell_uuid
    action = "created" if old is None else "deleted" if new is None else "moved"
    return {"kind": "host", "action": action, "host": change.host, "old": old, "new": new}


def _cell_values(change: CellChange) -> dict[str, str | None]:
    uuid, action = change.cell_uuid, change.action
    old = None if action == "created" else uuid
    new = None if action == "deleted" else uuid
    return {"kind": "cell", "action": action, "host": None, "old": old, "new": new}


def _row(
    changeset: ChangeSet,
    names: CellNames,
    *,
    old: str | None,
    new: str | None,
    **values: str | None,
) -> Mapping[str, Any]:
    return {
        "revision": changeset.revision,
        "created_at": time_text(changeset.created_at),
        "author": changeset.author,
        "reason": changeset.reason,
        **values,
        "old_cell": old and names.get(old, old),  # a deleted cell has no name any more
        "new_cell": new and names.get(new, new),
        "old_cell_uuid": old,
        "new_cell_uuid": new,
        "change_id": changeset.change_id,
    }
