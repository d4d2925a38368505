"""The record of changes: read it, follow it, prune it."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from hostmap_sql.errors import HistoryPruned, InvalidValue, SchemaOutOfDate
from hostmap_sql.models import CellChange, ChangeSet, HostChange, valid_host, valid_number
from hostmap_sql.parts import BULK_SIZE
from hostmap_sql.rows import RowReader
from hostmap_sql.statements import Statement

if TYPE_CHECKING:
    from hostmap_sql.database import Database
    from hostmap_sql.sessions import Transaction

# How many changesets a step of pruning looks at.
_PRUNE_STEP = 1_000


class History:
    """The record of all changes: ``hostmap.history``."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rows = RowReader(database.dialect)

    def of_host(self, host: str) -> list[HostChange]:
        """What happened to a host, oldest first, as far as it was not pruned.

        >>> [change.reason for change in hostmap.history.of_host("compute-1")]
        ['rack 9']
        """
        rows = self._database.all(Statement.HOST_CHANGE_OF_HOST, {"host": valid_host(host)})
        return [self._rows.host_change(row) for row in rows]

    def since(self, revision: int, limit: int = 1000) -> list[ChangeSet]:
        """The changesets after a revision, oldest first, at most `limit` of them.

        :raises HistoryPruned: some of them are gone.

        >>> [changeset.author for changeset in hostmap.history.since(0, limit=1)]
        ['docs']
        """
        after = valid_number(revision, "revision")
        page = {"after": after, "limit": valid_number(limit, "limit", least=1)}
        rows = self._database.all(Statement.CHANGESET_LIST, page)
        span = {"after": after, "until": rows[-1][0] if rows else after}
        hosts = map(self._rows.host_change, self._database.all(Statement.HOST_CHANGE_LIST, span))
        hosts_of = {number: [*some] for number, some in groupby(hosts, attrgetter("revision"))}
        cells = (CellChange(*row) for row in self._database.all(Statement.CELL_CHANGE_LIST, span))
        cells_of = {number: [*some] for number, some in groupby(cells, attrgetter("revision"))}
        # Looked at last: what is pruned was marked so before, so nothing read above is missing.
        pruned = self._revisions()[1]
        if after < pruned:
            raise HistoryPruned(after, pruned)
        return [
            self._rows.changeset(row, hosts_of.get(row[0], ()), cells_of.get(row[0], ()))
            for row in rows
        ]

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
        return self._last_before(value)

    # --- inside -------------------------------------------------------------------------------

    def _revisions(self) -> tuple[int, int]:
        row = self._database.one(Statement.REVISION_GET)
        if row is None:
            raise SchemaOutOfDate(self._database.name)
        return row[0], row[1]

    def _last_before(self, before: int | datetime) -> int:
        if not isinstance(before, datetime):
            return valid_number(before, "before") - 1
        if before.tzinfo is None:
            raise InvalidValue("before", "is a time without a zone: give one, such as datetime.UTC")
        time = self._database.dialect.encode_time(before.astimezone(UTC))
        row = self._database.one(Statement.CHANGESET_FIRST_SINCE, {"time": time})
        first: int | None = row[0] if row else None
        return self.newest() if first is None else first - 1

    def _prune_some(self, transaction: Transaction, until: int) -> int:
        """Remove the oldest changesets that together touch no more hosts than a bulk call."""
        page = {"until": until, "limit": _PRUNE_STEP}
        hosts = 0
        last = None
        for revision, size in transaction.all(Statement.CHANGESET_SIZES, page):
            hosts += size
            if last is not None and hosts > BULK_SIZE:
                break
            last = revision
        if last is None:
            return 0
        transaction.execute(Statement.HOST_CHANGE_DELETE, {"until": last})
        transaction.execute(Statement.CELL_CHANGE_DELETE, {"until": last})
        return transaction.execute(Statement.CHANGESET_DELETE, {"until": last})
