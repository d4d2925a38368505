"""Reading, following and pruning the history, the record of all changes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from heapq import merge
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING

from hostmap_sql import sql
from hostmap_sql.batching import BULK_SIZE
from hostmap_sql.directory.row_mapper import RowMapper
from hostmap_sql.errors import HistoryPruned, InvalidValue, SchemaOutOfDate
from hostmap_sql.models import CellChange, ChangeSet, HostChange
from hostmap_sql.secret_arguments import hide_arguments_of
from hostmap_sql.validation import valid_host, valid_number, valid_seconds, valid_uuid

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from hostmap_sql.engine.database import Database
    from hostmap_sql.engine.session import Session, Transaction
    from hostmap_sql.runtime.dbapi import Row

# The most changesets of a page and of a pruning step. One may hold thousands of hosts.
_PAGE_SIZE = 1_000

KNOWN_REVISIONS = 1_000
"""The revisions whose change_ids a reader keeps, to tell a node that lags from a restored one."""


@dataclass(frozen=True, slots=True)
class HistoryPosition:
    """The state of the history, with the change that made a given revision."""

    revision: int
    """The newest revision."""
    pruned_revision: int
    """The newest revision that was pruned, 0 if none was."""
    change_id: str | None
    """The change that made the given revision; None if it is not on record."""

    def leads_on_from(self, revision: int, change_id: str | None) -> bool:
        """Return whether the history holds all changes since a revision made by a change.

        It does not if it was pruned past that revision, nor if the database was restored from a
        backup, even where new changes have reused the old revision numbers.
        """
        is_on_record = self.pruned_revision <= revision <= self.revision
        return is_on_record and self.change_id == change_id


@hide_arguments_of()
class HistoryReader:
    """The reading half of `History`, for any session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._rows = RowMapper()

    def of_host(self, host: str) -> list[HostChange]:
        """Return the changes of a host that were not pruned, oldest first.

        >>> [change.reason for change in hostmap.history.of_host("compute-1")]
        ['rack 9']
        """
        host = valid_host(host)
        rows = self._session.all(
            sql.HOST_CHANGE_OF_HOST, {"host": host}, lambda row: row[1] == host
        )
        return [self._rows.host_change(row) for row in rows]

    def of_cell(self, cell_uuid: str) -> list[ChangeSet]:
        """Return the changesets about a cell itself that were not pruned, oldest first.

        Each holds its change of that cell only, not of other cells or hosts.

        >>> cell1 = hostmap.cells.get_by_name("cell1")
        >>> [changeset.cells[0].action for changeset in hostmap.history.of_cell(cell1.uuid)]
        ['created']
        """
        uuid = valid_uuid(cell_uuid, "cell_uuid")
        rows = self._session.all(
            sql.CELL_CHANGE_OF_CELL, {"cell_uuid": uuid}, lambda row: row[6] == uuid
        )
        return [
            self._rows.changeset(row[:5], (), [CellChange(row[0], uuid, row[5])]) for row in rows
        ]

    def since(self, revision: int, *, limit: int = 1000) -> list[ChangeSet]:
        """Return the changesets after a revision, oldest first, at most `limit` of them.

        :raises HistoryPruned: some of them were pruned.

        >>> [changeset.author for changeset in hostmap.history.since(0, limit=1)]
        ['docs']
        """
        after = valid_number(revision, "revision")
        page = {"after": after, "limit": valid_number(limit, "limit", least=1)}
        rows = self._session.all(sql.CHANGESET_LIST, page, lambda row: row[0] > after)
        span = {"after": after, "until": rows[-1][0] if rows else after}

        def in_span(row: Row) -> bool:
            return bool(after < row[0] <= span["until"])

        hosts = map(self._rows.host_change, self._session.all(sql.HOST_CHANGE_LIST, span, in_span))
        hosts_of = {number: [*group] for number, group in groupby(hosts, attrgetter("revision"))}
        cells = (CellChange(*row) for row in self._session.all(sql.CELL_CHANGE_LIST, span, in_span))
        cells_of = {number: [*group] for number, group in groupby(cells, attrgetter("revision"))}
        # Last: pruning marks before it deletes, so unmarked changesets were read in full above.
        pruned = self._revisions()[1]
        if after < pruned:
            raise HistoryPruned(after, pruned)
        return [
            self._rows.changeset(row, hosts_of.get(row[0], ()), cells_of.get(row[0], ()))
            for row in rows
        ]

    def iterate(self, *, since: int = 0, hosts: Iterable[str] | None = None) -> Iterator[ChangeSet]:
        """Yield the changesets after a revision, oldest first, up to the newest one now.

        They are read a page at a time.

        :param hosts: only changesets that changed one of these hosts, found by an index. Each holds
            its changes of these hosts only.
        :raises HistoryPruned: some of them were pruned.

        >>> for changeset in hostmap.history.iterate(hosts=["compute-1"]):
        ...     print(changeset.revision, [change.host for change in changeset.hosts])
        2 ['compute-1']
        """
        after = valid_number(since, "since")
        if hosts is None:
            return self._all_after(after)
        return self._of_hosts_after(after, sorted({valid_host(host) for host in hosts}))

    def all_since(self, revision: int) -> list[ChangeSet]:
        """Return all changesets after a revision, oldest first.

        :raises HistoryPruned: some of them were pruned.

        >>> len(hostmap.history.all_since(0))
        2
        """
        found: list[ChangeSet] = []
        while page := self.since(found[-1].revision if found else revision):
            found += page
        return found

    def position(self, revision: int) -> HistoryPosition:
        """Return the newest revision and the change that made the given one, in one small SELECT.

        >>> hostmap.history.position(1).revision
        2
        """
        parameters = {"revision": valid_number(revision, "revision")}
        row = self._session.one(sql.REVISION_POLL, parameters)
        if row is None:
            raise SchemaOutOfDate(self._session.name)
        return HistoryPosition(*row)

    def newest(self) -> int:
        """Return the newest committed revision, 0 in a new directory.

        >>> hostmap.history.newest() == hostmap.revision()
        True
        """
        return self._revisions()[0]

    def last_before(self, time: datetime) -> int:
        """Return the last revision before a time: pass it to `since` for the changes from then on.

        It is the one before the first changeset whose `created_at` is not before the time.

        :raises InvalidValue: it is not a datetime with a time zone.

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
        for revision, group in groupby(rows, itemgetter(0)):
            of_revision = [*group]
            author, reason, created_at, change_id = of_revision[0][4:]
            changeset = (revision, change_id, author, reason, created_at)
            changes = [self._rows.host_change(row[:-1]) for row in of_revision]
            yield self._rows.changeset(changeset, changes, ())

    def _of_host_after(self, after: int, until: int, host: str) -> Iterator[Row]:
        while True:
            page = {"host": host, "after": after, "until": until, "limit": _PAGE_SIZE}
            rows = self._session.all(sql.HOST_CHANGE_PAGE_OF_HOST, page)
            pruned = self._revisions()[1]  # last, as in `since`
            if after < pruned:
                raise HistoryPruned(after, pruned)
            yield from rows
            if len(rows) < _PAGE_SIZE:
                return
            after = rows[-1][0]

    def _revisions(self) -> tuple[int, int]:
        """Return the newest revision and the newest one that was pruned."""
        row = self._session.one(sql.REVISION_GET)
        if row is None:
            raise SchemaOutOfDate(self._session.name)
        return row[0], row[1]

    def _last_before(self, before: int | datetime, field: str = "before") -> int:
        """Return the last revision before a revision or a time."""
        if not isinstance(before, datetime):
            return valid_number(before, field) - 1
        if before.tzinfo is None:
            raise InvalidValue(field, "is a time without a zone: give one, such as datetime.UTC")
        try:
            time = self._session.dialect.encode_time(before.astimezone(UTC))
        except OverflowError:
            raise InvalidValue(field, "is out of the range of times, in UTC") from None
        newest = self.newest()  # first: a later revision is not before the time
        row = self._session.one(sql.CHANGESET_FIRST_SINCE, {"time": time})
        first: int | None = row[0] if row else None
        return newest if first is None else first - 1


def is_behind(
    history: HistoryReader, newest: int, revision: int, change_ids: Mapping[int, str]
) -> bool:
    """Whether the node, at its newest revision, is behind a reader, and not a restored backup.

    A restored database is behind as well until a change is made there: then the change_id of its
    newest revision is another one.

    :param change_ids: the change_ids that the reader knows, by revision.
    """
    if newest >= revision:
        return False
    known = change_ids.get(newest)
    return known is None or history.position(newest).change_id in (known, None)


@hide_arguments_of()
class History(HistoryReader):
    """The history, the record of all changes: ``hostmap.history``."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._database = database

    def follow(self, since: int, *, interval: float = 1.0) -> Iterator[ChangeSet]:
        """Yield the changesets after a revision, oldest first, then each new one as it comes.

        It never ends by itself. After an error, such as an outage of the database, call it again
        with the `revision` of the last changeset.

        :param interval: the pause before it looks for new changesets again, in seconds.
        :raises HistoryPruned: some of them were pruned, or the database was restored from a backup.
        :raises InvalidValue: a value cannot be used.

        >>> for changeset in hostmap.history.follow(since=0):
        ...     print(changeset.revision, len(changeset.cells), len(changeset.hosts))
        ...     if changeset.revision == 2:
        ...         break
        1 2 0
        2 0 3
        """
        for item in self._changesets_and_pauses(since, interval=interval):
            if isinstance(item, ChangeSet):
                yield item
            else:
                time.sleep(item)

    def _changesets_and_pauses(
        self, since: int, *, interval: float = 1.0
    ) -> Iterator[ChangeSet | float]:
        """Yield the changesets of `follow`, and a pause in seconds after each page."""
        after = valid_number(since, "since")
        pause = valid_seconds(interval, "interval")
        position = self.position(after)
        change_id = position.change_id
        change_ids: dict[int, str] = {}  # of the last ones yielded
        while True:
            if change_ids and is_behind(self, position.revision, after, change_ids):
                yield pause
                position = self.position(after)
                continue
            # The last one yielded may have been pruned, as long as the next one is on record.
            if not position.leads_on_from(after, position.change_id and change_id):
                raise HistoryPruned(after, position.pruned_revision)
            if after == position.revision:
                yield pause
            else:
                last = _last_in_page(self._session, after, position.revision)
                for changeset in self.since(after, limit=last - after):
                    yield changeset
                    after, change_id = changeset.revision, changeset.change_id
                    change_ids[after] = change_id
                    change_ids.pop(after - KNOWN_REVISIONS, None)
                yield 0.0  # the asyncio API collects items up to a pause
            position = self.position(after)

    def prune(self, before: int | datetime) -> int:
        """Delete the changesets before a revision or a time; return their number.

        The newest changeset always stays. Clocks differ, so with a time, the first changeset whose
        `created_at` is not before it stays, and so do all later ones.

        :raises InvalidValue: it is neither a revision nor a datetime with a time zone.

        >>> hostmap.history.prune(before=2)
        1
        """
        until = min(self._last_before(before), self.newest() - 1)
        mark = {"pruned_revision": until}
        self._database.maintenance_transaction(lambda tx: tx.execute(sql.REVISION_PRUNE, mark))
        total = 0
        while deleted := self._database.maintenance_transaction(
            lambda tx: self._prune_page(tx, until)
        ):
            total += deleted
        return total

    def _prune_page(self, transaction: Transaction, until: int) -> int:
        """Delete a page of the oldest changesets, and return their number."""
        oldest = transaction.one(sql.CHANGESET_LIST, {"after": 0, "limit": 1})
        if oldest is None or oldest[0] > until:
            return 0
        last = _last_in_page(transaction, oldest[0] - 1, until)
        transaction.execute(sql.HOST_CHANGE_DELETE, {"until": last})
        transaction.execute(sql.CELL_CHANGE_DELETE, {"until": last})
        return transaction.execute(sql.CHANGESET_DELETE, {"until": last})


def _last_in_page(session: Session, after: int, until: int) -> int:
    """Return the last revision of the page after a revision; a page has at least one.

    The changesets of a page hold no more hosts than a bulk call writes, unless one alone does.
    """
    last = min(after + _PAGE_SIZE, until)
    if last > after + 1:
        row = session.one(sql.HOST_CHANGE_BEYOND, {"after": after, "size": BULK_SIZE})
        if row:
            last = min(last, max(row[0] - 1, after + 1))
    return last
