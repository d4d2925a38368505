"""Reading snapshots from the database: the whole directory, or the changes since the last one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostmap_sql import sql
from hostmap_sql.batching import BULK_SIZE
from hostmap_sql.directory.history import KNOWN_REVISIONS, HistoryReader, is_behind
from hostmap_sql.directory.row_mapper import RowMapper
from hostmap_sql.replica.snapshot import UNMAPPED, DirectorySnapshot

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hostmap_sql.directory.history import HistoryPosition
    from hostmap_sql.engine.session import ReadTransaction, Session
    from hostmap_sql.models import CellMapping, ChangeSet

# The revisions read by one statement. Each may have changed thousands of hosts.
_REVISIONS_PER_READ = 100


def load(session: Session) -> DirectorySnapshot:
    """Read the whole directory, in a read transaction."""
    history = HistoryReader(session)
    revision = history.newest()
    cells = _read_cells(session)
    hosts: dict[str, str] = {}
    for uuid in cells:
        after = ""  # sorts before every name
        while names := _read_names(session, uuid, after):
            hosts.update(dict.fromkeys(names, uuid))
            after = names[-1]
    change_ids = _read_change_ids(session, 0, revision)
    return DirectorySnapshot.of_hosts(revision, change_ids, cells, hosts)


def load_newer(
    session: ReadTransaction, snapshot: DirectorySnapshot, *, with_changesets: bool
) -> tuple[DirectorySnapshot, Sequence[ChangeSet] | None]:
    """Read the newest snapshot and, if wanted, the changesets in between, in a read transaction.

    The changesets are None if the record does not lead on from the old snapshot, because it was
    pruned or the database restored: then the whole directory is read again.

    :raises DatabaseUnavailable: the node is behind the old snapshot.
    """
    history = HistoryReader(session)
    position = history.position(snapshot.revision)
    if is_behind(history, position.revision, snapshot.revision, snapshot.change_ids):
        session.leave_node(f"it is at revision {position.revision}, behind {snapshot.revision}")
    if not position.leads_on_from(snapshot.revision, snapshot.change_id):
        return load(session), None
    changesets = history.all_since(snapshot.revision) if with_changesets else ()
    return _read_changes(session, snapshot, position), changesets


def _read_changes(
    session: Session, snapshot: DirectorySnapshot, position: HistoryPosition
) -> DirectorySnapshot:
    newest = position.revision
    changes: dict[str, str] = {}
    for after in range(snapshot.revision, newest, _REVISIONS_PER_READ):
        span = {"after": after, "until": min(after + _REVISIONS_PER_READ, newest)}
        for host, uuid in session.all(sql.HOST_CHANGE_TARGETS, span):
            changes[host] = uuid or UNMAPPED
    added = _read_change_ids(session, snapshot.revision, newest)
    oldest = newest - KNOWN_REVISIONS
    kept = {revision: id_ for revision, id_ in snapshot.change_ids.items() if revision > oldest}
    return snapshot.with_changes(newest, kept | added, _read_cells(session), changes)


def _read_change_ids(session: Session, after: int, until: int) -> dict[int, str]:
    """Read the change_ids of the last of these revisions."""
    span = {"after": max(after, until - KNOWN_REVISIONS), "until": until}
    return dict(session.all(sql.CHANGESET_IDS, span))


def _read_names(session: Session, cell_uuid: str, after: str) -> Sequence[str]:
    page = {"cell_uuid": cell_uuid, "after": after, "limit": BULK_SIZE}
    rows = session.all(sql.HOST_NAMES_PAGE, page, lambda row: row[0] > after)
    return [row[0] for row in rows]


def _read_cells(session: Session) -> Mapping[str, CellMapping]:
    cells = map(RowMapper(session.codec, urls=session.urls).cell, session.all(sql.CELL_LIST))
    return {cell.uuid: cell for cell in cells}
