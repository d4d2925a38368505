"""The record of changes: read it, follow it, prune it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from heapq import merge
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING

from hostmap_sql.errors import HistoryPruned, InvalidValue, SchemaOutOfDate
from hostmap_sql.models import (
    CellChange,
    ChangeSet,
    HostChange,
    valid_host,
    valid_number,
    valid_seconds,
    valid_uuid,
)
from hostmap_sql.parts import BULK_SIZE
from hostmap_sql.rows import RowReader
from hostmap_sql.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hostmap_sql.database import Database
    from hostmap_sql.dialects.base import Row
    from hostmap_sql.sessions import Session, Transaction

# The most changesets of a page, and of a step of pruning. Each may be about thousands of hosts.
_PAGE_SIZE = 1_000


@dataclass(frozen=True, slots=True)
class Poll:
    """How things stand in the database, seen from one revision."""

    revision: int
    """The newest one."""
    pruned_revision: int
    change_id: str | None
    """Which change made the revision from which it is seen; None if that is not on record."""

    def leads_on_from(self, revision: int, change_id: str | None) -> bool:
        """Whether all changes are on record since this revision, which this change has made.

        They are not if the history was pruned past it, nor if the database was restored from a
        backup, even if newer changes have the same numbers by now.
        """
        is_there = self.pruned_revision <= revision <= self.revision
        return is_there and self.change_id == change_id


class HistoryReader:
    """The record of all changes, as one session sees it."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._rows = RowReader(session.dialect)

    def of_host(self, host: str) -> list[HostChange]:
        """What happened to a host, oldest first, as far as it was not pruned.

        >>> [change.reason for change in hostmap.history.of_host("compute-1")]
        ['rack 9']
        """
        host = valid_host(host)
        rows = self._session.all(
            Statement.HOST_CHANGE_OF_HOST, {"host": host}, lambda row: row[1] == host
        )
        return [self._rows.host_change(row) for row in rows]

    def of_cell(self, cell_uuid: str) -> list[ChangeSet]:
        """The changesets that changed a cell itself, oldest first, as far as they were not pruned.

        Of each, only what it did to the cell.

        >>> cell1 = hostmap.cells.get_by_name("cell1")
        >>> [changeset.cells[0].action for changeset in hostmap.history.of_cell(cell1.uuid)]
        ['created']
        """
        uuid = valid_uuid(cell_uuid, "cell_uuid")
        rows = self._session.all(
            Statement.CELL_CHANGE_OF_CELL, {"cell_uuid": uuid}, lambda row: row[6] == uuid
        )
        return [
            self._rows.changeset(row[:5], (), [CellChange(row[0], uuid, row[5])]) for row in rows
        ]

    def since(self, revision: int, limit: int = 1000) -> list[ChangeSet]:
        """The changesets after a revision, oldest first, at most `limit` of them.

        :raises HistoryPruned: some of them are gone.

        >>> [changeset.author for changeset in hostmap.history.since(0, limit=1)]
        ['docs']
        """
        after = valid_number(revision, "revision")
        page = {"after": after, "limit": valid_number(limit, "limit", least=1)}
        rows = self._session.all(Statement.CHANGESET_LIST, page, lambda row: row[0] > after)
        span = {"after": after, "until": rows[-1][0] if rows else after}

        def in_span(row: Row) -> bool:
            return bool(after < row[0] <= span["until"])

        hosts = map(
            self._rows.host_change, self._session.all(Statement.HOST_CHANGE_LIST, span, in_span)
        )
        hosts_of = {number: [*some] for number, some in groupby(hosts, attrgetter("revision"))}
        cells = (
            CellChange(*row) for row in self._session.all(Statement.CELL_CHANGE_LIST, span, in_span)
        )
        cells_of = {number: [*some] for number, some in groupby(cells, attrgetter("revision"))}
        # Looked at last: what is pruned was marked so before, so nothing read above is missing.
        pruned = self._revisions()[1]
        if after < pruned:
            raise HistoryPruned(after, pruned)
        return [
            self._rows.changeset(row, hosts_of.get(row[0], ()), cells_of.get(row[0], ()))
            for row in rows
        ]

    def iterate(self, since: int = 0, *, hosts: Iterable[str] | None = None) -> Iterator[ChangeSet]:
        """Each changeset after a revision, oldest first, until the newest there is now.

        They are read some at a time, however many they are.

        :param hosts: only changesets that changed one of these hosts, found by an index, and of
            each only what it did to these hosts.
        :raises HistoryPruned: some of them are gone.

        >>> for changeset in hostmap.history.iterate(hosts=["compute-1"]):
        ...     print(changeset.revision, [change.host for change in changeset.hosts])
        2 ['compute-1']
        """
        after = valid_number(since, "since")
        if hosts is None:
            return self._all_after(after)
        return self._of_hosts_after(after, sorted({valid_host(host) for host in hosts}))

    def all_since(self, revision: int) -> list[ChangeSet]:
        """All changesets after a revision, oldest first, however many they are.

        >>> len(hostmap.history.all_since(0))
        2
        """
        found: list[ChangeSet] = []
        while page := self.since(found[-1].revision if found else revision):
            found += page
        return found

    def poll(self, revision: int) -> Poll:
        """How things stand, seen from a revision: one small SELECT.

        >>> hostmap.history.poll(1).revision
        2
        """
        parameters = {"revision": valid_number(revision, "revision")}
        row = self._session.one(Statement.REVISION_POLL, parameters)
        if row is None:
            raise SchemaOutOfDate(self._session.name)
        return Poll(*row)

    def newest(self) -> int:
        """The newest committed revision, 0 in a new directory.

        >>> hostmap.history.newest() == hostmap.revision()
        True
        """
        return self._revisions()[0]

    def last_before(self, time: datetime) -> int:
        """The last revision before the first changeset that says a time from this one on.

        Hand it to `since`, and what comes is what happened from that time on.

        :raises InvalidValue: it is not a time with a zone.

        >>> hostmap.history.last_before(hostmap.hosts.get("compute-1").created_at)
        1
        """
        value: object = time
        if not isinstance(value, datetime) or value.tzinfo is None:
            raise InvalidValue("time", "must be a datetime with a zone, such as datetime.UTC")
        return self._last_before(value, "time")

    # --- inside -------------------------------------------------------------------------------

    def _all_after(self, after: int) -> Iterator[ChangeSet]:
        until, pruned = self._revisions()
        if after < pruned:
            raise HistoryPruned(after, pruned)
        while after < until:
            last = _last_in_page(self._session, after, until)
            for changeset in self.since(after, limit=last - after):
                yield changeset
                last = max(last, changeset.revision)
            after = last

    def _of_hosts_after(self, after: int, hosts: Iterable[str]) -> Iterator[ChangeSet]:
        until = self.newest()
        rows = merge(*(self._of_host_after(after, until, host) for host in hosts))
        for revision, some in groupby(rows, itemgetter(0)):
            changes = [*some]
            author, reason, created_at, change_id = changes[0][4:]
            changeset = (revision, change_id, author, reason, created_at)
            made = [self._rows.host_change(row[:-1]) for row in changes]
            yield self._rows.changeset(changeset, made, ())

    def _of_host_after(self, after: int, until: int, host: str) -> Iterator[Row]:
        while True:
            page = {"host": host, "after": after, "until": until, "limit": _PAGE_SIZE}
            rows = self._session.all(Statement.HOST_CHANGE_PAGE_OF_HOST, page)
            pruned = self._revisions()[1]  # looked at last, as in `since`
            if after < pruned:
                raise HistoryPruned(after, pruned)
            yield from rows
            if len(rows) < _PAGE_SIZE:
                return
            after = rows[-1][0]

    def _revisions(self) -> tuple[int, int]:
        row = self._session.one(Statement.REVISION_GET)
        if row is None:
            raise SchemaOutOfDate(self._session.name)
        return row[0], row[1]

    def _last_before(self, before: int | datetime, field: str = "before") -> int:
        if not isinstance(before, datetime):
            return valid_number(before, field) - 1
        if before.tzinfo is None:
            raise InvalidValue(field, "is a time without a zone: give one, such as datetime.UTC")
        try:
            time = self._session.dialect.encode_time(before.astimezone(UTC))
        except OverflowError:
            raise InvalidValue(field, "is out of the range of times, in UTC") from None
        newest = self.newest()  # before the look: what comes after it is not before that time
        row = self._session.one(Statement.CHANGESET_FIRST_SINCE, {"time": time})
        first: int | None = row[0] if row else None
        return newest if first is None else first - 1


class History(HistoryReader):
    """The record of all changes: ``hostmap.history``."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._database = database

    def follow(self, since: int, *, poll: float = 1.0) -> Iterator[ChangeSet]:
        """The changesets after a revision, oldest first, and then those to come, as they come.

        It never ends by itself. The `revision` of the last one is where to take it up again. Should
        the database go away, the error is raised; calling it anew goes on.

        :param poll: the pause between two looks, in seconds, when there is nothing new.
        :raises HistoryPruned: some of them are gone; or, since the database was restored from a
            backup, they never were.
        :raises InvalidValue: a value cannot be used.

        >>> for changeset in hostmap.history.follow(since=0):
        ...     print(changeset.revision, len(changeset.cells), len(changeset.hosts))
        ...     if changeset.revision == 2:
        ...         break
        1 2 0
        2 0 3
        """
        for step in self._following(since, poll=poll):
            if isinstance(step, ChangeSet):
                yield step
            else:
                time.sleep(step)

    def _following(self, since: int, *, poll: float = 1.0) -> Iterator[ChangeSet | float]:
        """What `follow` gives, and between the looks the pause, in seconds."""
        after = valid_number(since, "since")
        pause = valid_seconds(poll, "poll")
        now = self.poll(after)
        change_id = now.change_id
        while True:
            # The last one that was given may be pruned, as long as the next one is there.
            if not now.leads_on_from(after, now.change_id and change_id):
                raise HistoryPruned(after, now.pruned_revision)
            if after == now.revision:
                yield pause
            else:
                last = _last_in_page(self._session, after, now.revision)
                for changeset in self.since(after, limit=last - after):
                    yield changeset
                    after, change_id = changeset.revision, changeset.change_id
                yield 0.0  # whoever gathers them does so page by page
            now = self.poll(after)

    def prune(self, before: int | datetime) -> int:
        """Remove the changesets before a revision or a time, but never the newest one.

        Clocks differ: the first changeset that says a time from `before` on stays, and all after
        it.

        :raises InvalidValue: it is neither a revision nor a time with a zone.

        >>> hostmap.history.prune(before=2)
        1
        """
        until = min(self._last_before(before), self.newest() - 1)
        mark = {"pruned_revision": until}
        self._database.tidy(lambda tx: tx.execute(Statement.REVISION_PRUNE, mark))
        total = 0
        while removed := self._database.tidy(lambda tx: self._prune_some(tx, until)):
            total += removed
        return total

    def _prune_some(self, transaction: Transaction, until: int) -> int:
        """Remove a page of the oldest changesets."""
        oldest = transaction.one(Statement.CHANGESET_LIST, {"after": 0, "limit": 1})
        if oldest is None or oldest[0] > until:
            return 0
        last = _last_in_page(transaction, oldest[0] - 1, until)
        transaction.execute(Statement.HOST_CHANGE_DELETE, {"until": last})
        transaction.execute(Statement.CELL_CHANGE_DELETE, {"until": last})
        return transaction.execute(Statement.CHANGESET_DELETE, {"until": last})


def _last_in_page(session: Session, after: int, until: int) -> int:
    """The last of the changesets after a revision that fit into a page: at least one does.

    Those of a page are together about no more hosts than a bulk call, unless one alone is.
    """
    last = min(after + _PAGE_SIZE, until)
    if last > after + 1:
        row = session.one(Statement.HOST_CHANGE_BEYOND, {"after": after, "size": BULK_SIZE})
        if row:
            last = min(last, max(row[0] - 1, after + 1))
    return last
