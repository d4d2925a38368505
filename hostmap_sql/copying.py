"""Copies of the whole directory: loaded in one snapshot, brought up to date by the changes since.

A copy is never changed. What is newer is another copy, which shares what is the same, so whoever
reads one sees one revision of the directory and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hostmap_sql.history import HistoryReader, Poll
from hostmap_sql.parts import BULK_SIZE
from hostmap_sql.rows import RowReader
from hostmap_sql.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hostmap_sql.models import CellMapping, ChangeSet
    from hostmap_sql.sessions import Session

# How many revisions are read at once. Each may tell of some thousand hosts.
REVISIONS = 100

# No more hosts than these are copied at each change, which takes some milliseconds. Of more, the
# changes are kept beside the hosts until they are such a part of them.
_FEW = 20_000
_PART = 8

NOWHERE = ""
"""Stands for the cell of a host that was mapped and is not any more."""


@dataclass(frozen=True, slots=True)
class Copy:
    """The directory at one revision, which the change `change_id` made."""

    revision: int
    change_id: str | None
    cells: Mapping[str, CellMapping]
    hosts: Mapping[str, str]
    """The UUID of each host's cell, unless `changed` says another."""
    changed: Mapping[str, str]
    size: int
    """The number of hosts."""
    at_once: Mapping[str, CellMapping]
    """The cells of the hosts, if they are few; nothing if they are many."""

    def cell_uuid(self, host: str) -> str | None:
        """The UUID of a host's cell; None or empty if it is in none."""
        uuid = self.changed.get(host)
        return self.hosts.get(host) if uuid is None else uuid

    def cells_of(self, hosts: Iterable[str]) -> dict[str, CellMapping]:
        """The cells of those hosts that are in one."""
        uuids = {host: self.cell_uuid(host) for host in hosts}
        return {host: self.cells[uuid] for host, uuid in uuids.items() if uuid}

    def hosts_of(self, cell_uuid: str) -> list[str]:
        """The hosts of a cell, ordered."""
        changed = self.changed
        found = [h for h, uuid in self.hosts.items() if uuid == cell_uuid and h not in changed]
        found += [h for h, uuid in changed.items() if uuid == cell_uuid]
        return sorted(found)


def load(session: Session) -> Copy:
    """The whole directory, read in a snapshot."""
    history = HistoryReader(session)
    revision = history.newest()
    cells = _cells(session)
    hosts: dict[str, str] = {}
    for uuid in cells:
        after = ""  # comes before every name
        while names := [*_names(session, uuid, after)]:
            hosts.update(dict.fromkeys(names, uuid))
            after = names[-1]
    change_id = history.poll(revision).change_id
    return _copied(revision, change_id, cells, hosts)


def newest(snapshot: Session, copy: Copy, *, told: bool) -> tuple[Copy, Iterable[ChangeSet] | None]:
    """The newest copy, and the changesets in between; None if they are not to be had."""
    now = HistoryReader(snapshot).poll(copy.revision)
    if not now.leads_on_from(copy.revision, copy.change_id):
        return load(snapshot), None
    changesets = HistoryReader(snapshot).all_since(copy.revision) if told else ()
    return _caught_up(snapshot, copy, now), changesets


def _caught_up(session: Session, copy: Copy, now: Poll) -> Copy:
    """The copy with all changes since, read in the snapshot in which `now` was asked."""
    changes: dict[str, str] = {}
    for after in range(copy.revision, now.revision, REVISIONS):
        span = {"after": after, "until": min(after + REVISIONS, now.revision)}
        for host, uuid in session.all(Statement.HOST_CHANGE_TARGETS, span):
            changes[host] = uuid or NOWHERE
    change_id = HistoryReader(session).poll(now.revision).change_id
    return _changed(copy, now.revision, change_id, _cells(session), changes)


def _changed(
    copy: Copy,
    revision: int,
    change_id: str | None,
    cells: Mapping[str, CellMapping],
    changes: Mapping[str, str],
) -> Copy:
    # The cells' own strings: one for all the hosts of a cell.
    own = {uuid: uuid for uuid in cells}
    changed = {**copy.changed, **{h: own.get(uuid, NOWHERE) for h, uuid in changes.items()}}
    size = copy.size + sum(bool(changed[h]) - bool(copy.cell_uuid(h)) for h in changes)
    if len(copy.hosts) > _FEW and len(changed) <= len(copy.hosts) // _PART:
        return Copy(revision, change_id, cells, copy.hosts, changed, size, {})
    hosts = {h: uuid for h, uuid in _merged(copy.hosts, changed) if uuid}
    return _copied(revision, change_id, cells, hosts)


def _copied(
    revision: int,
    change_id: str | None,
    cells: Mapping[str, CellMapping],
    hosts: Mapping[str, str],
) -> Copy:
    at_once = {h: cells[uuid] for h, uuid in hosts.items()} if len(hosts) <= _FEW else {}
    return Copy(revision, change_id, cells, hosts, {}, len(hosts), at_once)


def _merged(hosts: Mapping[str, str], changed: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    for host, uuid in hosts.items():
        if host not in changed:
            yield host, uuid
    yield from changed.items()


def _names(session: Session, cell_uuid: str, after: str) -> Iterable[str]:
    page = {"cell_uuid": cell_uuid, "after": after, "limit": BULK_SIZE}
    rows = session.all(Statement.HOST_NAMES_PAGE, page, lambda row: row[0] > after)
    return (row[0] for row in rows)


def _cells(session: Session) -> Mapping[str, CellMapping]:
    cells = map(RowReader(session.dialect).cell, session.all(Statement.CELL_LIST))
    return {cell.uuid: cell for cell in cells}
