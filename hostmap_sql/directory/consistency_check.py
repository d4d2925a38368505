"""Checking that the schema, the mappings and the record of changes are complete and agree.

All reads see one snapshot, so concurrent writes make no findings. The database does the comparing,
so memory use does not grow with the directory. Only host names are read, page by page, because no
SQL can tell which of them are valid.
"""

from __future__ import annotations

from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from hostmap_sql import sql
from hostmap_sql.batching import BULK_SIZE
from hostmap_sql.directory.file_mode import describe_open_files
from hostmap_sql.directory.finding import Finding, limited
from hostmap_sql.directory.visible_tables import VisibleTables
from hostmap_sql.engine.pending_changes import DELETED
from hostmap_sql.errors import InvalidValue, SchemaOutOfDate
from hostmap_sql.models import CELL0_UUID
from hostmap_sql.quoting import mask_name
from hostmap_sql.schema import known_migrations
from hostmap_sql.sealing.url_codec import check_stored
from hostmap_sql.validation import (
    MAX_BIGINT,
    canonical_uuid,
    valid_cell_name,
    valid_host,
    valid_new_host,
    valid_number,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from hostmap_sql.engine.database import Database
    from hostmap_sql.engine.session import ReadTransaction
    from hostmap_sql.runtime.dbapi import Row
    from hostmap_sql.sql.statement import Statement

_RECREATE_HOST = "delete it, then create it again in the cell that it is really in"


def check(database: Database, limit: int) -> tuple[Finding, ...]:
    """Check the directory, and return at most `limit` findings of each kind.

    :raises SchemaOutOfDate: the database has no directory.
    """
    valid_number(limit, "limit", least=1)
    try:
        database.check_schema()
    except SchemaOutOfDate as error:
        if error.missing == known_migrations(database.dialect.name):
            raise
        # This version does not know the meaning of such tables.
        return (Finding("schema", str(error)),)
    return database.snapshot(lambda snapshot: (*_Inspection(snapshot, limit).findings(),))


class _Inspection:
    """A check in one snapshot."""

    def __init__(self, snapshot: ReadTransaction, limit: int) -> None:
        self._snapshot = snapshot
        self._limit = limit
        self._newest = self._pruned = 0

    def findings(self) -> Iterator[Finding]:
        """Yield all findings, in the order of `KINDS`, of the tables that the account may read."""
        yield from self._file_mode()
        tables = VisibleTables(self._snapshot)
        yield from tables.findings()
        if not tables.are_complete:
            return
        record = {"mapping_revision", "mapping_changeset"}
        changes = {"host_mapping_change", "cell_mapping_change"}
        for needed, part in (
            (record, self._revision_row),
            (record | changes, self._record),
            (record | {"cell_mapping", "cell_mapping_change"}, self._cells),
            (record | {"cell_mapping", "host_mapping", "host_mapping_change"}, self._hosts),
        ):
            if not needed & tables.hidden:
                yield from part()

    # --- running statements -------------------------------------------------------------------

    def _rows(self, statement: Statement, **parameters: object) -> Sequence[Row]:
        """Return the rows of a statement, at most one more than the limit of the report."""
        return self._snapshot.all(
            statement, {"limit": min(self._limit + 1, MAX_BIGINT), **parameters}
        )

    def _found(
        self,
        kind: str,
        describe: Callable[..., Finding],
        statement: Statement,
        **parameters: object,
    ) -> Iterator[Finding]:
        """Yield a finding for each row of a statement."""
        make = partial(describe, kind)
        rows = self._rows(statement, **parameters)
        return self._limited(kind, (make(*map(mask_name, row)) for row in rows))

    def _limited(self, kind: str, findings: Iterable[Finding]) -> Iterator[Finding]:
        return limited(kind, findings, self._limit)

    # --- the schema and the revision ----------------------------------------------------------

    def _file_mode(self) -> Iterator[Finding]:
        problem = describe_open_files(self._snapshot)
        if problem:
            yield Finding("file-mode", problem)

    def _revision_row(self) -> Iterator[Finding]:
        """Check the one row of mapping_revision, and keep its revisions for later checks."""
        rows = self._rows(sql.REVISION_ROWS)
        [(first, last)] = self._snapshot.all(sql.CHANGESET_SPAN, {"after": 0})
        ours = [(row[1], row[2]) for row in rows if row[0] == 1]
        self._newest, self._pruned = ours[0] if ours else (last or 0, (first or 1) - 1)
        if not ours:
            problem = (
                "the row of mapping_revision is missing, so nothing can be written: insert it with "
                f"id 1, revision {self._newest} and pruned_revision {self._pruned}"
            )
            yield Finding("revision-row", problem)
        if len(rows) > len(ours):
            problem = "mapping_revision has rows with ids other than 1: delete them"
            yield Finding("revision-row", problem)
        if not 0 <= self._pruned <= self._newest:
            problem = (
                f"mapping_revision is at revision {self._newest} with pruned_revision "
                f"{self._pruned}, which is below 0 or above that: set it to {(first or 1) - 1}"
            )
            yield Finding("revision-row", problem, revision=self._newest)
            self._pruned = (first or 1) - 1
        if last is not None and last > self._newest:
            problem = (
                f"mapping_revision is at revision {self._newest}, but changes up to revision "
                f"{last} are on record, so writes will fail: set its revision to {last}"
            )
            yield Finding("revision-behind", problem, revision=self._newest)

    # --- the record of changes ----------------------------------------------------------------

    def _record(self) -> Iterator[Finding]:
        yield from self._limited("revision-gap", map(self._gap, self._gaps()))
        yield from self._found("changeset-empty", _empty, sql.CHANGESET_EMPTY)
        for statement, subject in (
            (sql.HOST_CHANGE_ORPHANS, "host"),
            (sql.CELL_CHANGE_ORPHANS, "cell"),
        ):
            describe = partial(_orphans, subject)
            yield from self._found("change-without-changeset", describe, statement)

    def _gaps(self) -> Iterator[tuple[int, int]]:
        """Yield the first and the last revision of each gap without changesets."""
        [(first, _)] = self._snapshot.all(sql.CHANGESET_SPAN, {"after": self._pruned})
        first = self._newest + 1 if first is None else min(first, self._newest + 1)
        if first > self._pruned + 1:
            yield self._pruned + 1, first - 1
        span = {"pruned": self._pruned, "newest": self._newest}
        for start, end in self._rows(sql.CHANGESET_GAPS, **span):
            yield start, self._newest if end is None else min(end, self._newest)

    def _gap(self, gap: tuple[int, int]) -> Finding:
        first, last = gap
        which = f"revision {first} has" if first == last else f"revisions {first} to {last} have"
        when = "after the next change, " if last == self._newest else ""
        problem = (
            f"{which} no changeset, so followers of the history have missed changes: restore it, "
            f"or {when}prune the history before revision {last + 1}, so that they read it again"
        )
        return Finding("revision-gap", problem, revision=first)

    # --- the cells ----------------------------------------------------------------------------

    def _cells(self) -> Iterator[Finding]:
        # The rows are in no variable, which a report of a later error would show.
        invalid = chain.from_iterable(map(_invalid_cell, self._snapshot.all(sql.CELL_LIST)))
        yield from self._limited("cell-invalid", [*invalid])
        deleted = {"deleted": DELETED}
        for kind, describe, statement, parameters in (
            (
                "cell-unrecorded",
                _cell_unrecorded,
                sql.CELL_UNRECORDED,
                {"pruned": self._pruned, **deleted},
            ),
            ("cell-outdated", _cell_outdated, sql.CELL_OUTDATED, {}),
            ("cell-missing", _cell_missing, sql.CELL_MISSING, deleted),
        ):
            yield from self._found(kind, describe, statement, **parameters)

    # --- the hosts ----------------------------------------------------------------------------

    def _hosts(self) -> Iterator[Finding]:
        found = self._found
        pruned = {"pruned": self._pruned}
        cell0 = {"cell_uuid": CELL0_UUID}
        yield from found("host-without-cell", _host_without_cell, sql.HOST_ORPHANS)
        yield from found("host-in-cell0", _host_in_cell0, sql.HOST_NAMES_OF_CELL, **cell0)
        yield from self._limited("host-invalid", self._invalid_hosts())
        yield from found("host-unrecorded", _host_unrecorded, sql.HOST_UNRECORDED, **pruned)
        yield from found("host-differs", _host_differs, sql.HOST_DIFFERS)
        yield from found("host-outdated", _host_outdated, sql.HOST_OUTDATED)
        yield from found("host-missing", _host_missing, sql.HOST_MISSING)

    def _invalid_hosts(self) -> Iterator[Finding]:
        page = {"limit": BULK_SIZE}
        rows = self._snapshot.all(sql.HOST_NAMES_FIRST, page)
        while rows:
            for (host,) in rows:
                yield from _invalid_host(host)
            after = {"after": rows[-1][0], **page}
            rows = self._snapshot.all(sql.HOST_NAMES_AFTER, after)


# --- describing each kind ---------------------------------------------------------------------


def _empty(kind: str, revision: int) -> Finding:
    problem = (
        f"the changeset of revision {revision} has no changes: restore its rows of "
        "host_mapping_change and cell_mapping_change, or prune the history before revision "
        f"{revision + 1}"
    )
    return Finding(kind, problem, revision=revision)


def _orphans(subject: str, kind: str, revision: int, number: int) -> Finding:
    problem = (
        f"{number:,} {subject} change(s) are recorded under revision {revision}, which has no "
        f"changeset: restore it, or delete these rows of {subject}_mapping_change"
    )
    return Finding(kind, problem, revision=revision)


def _invalid_cell(row: Row) -> Iterator[Finding]:
    uuid, name, transport_url, database_connection = row[:4]
    name = mask_name(name)
    if canonical_uuid(uuid) != uuid:
        problem = f"cell {name!r} has the UUID {uuid!r}, which is not in canonical form: replace it"
        yield Finding("cell-invalid", problem, cell_uuid=uuid)
        return
    try:
        valid_cell_name(name, uuid)
        check_stored(transport_url, "transport_url")
        check_stored(database_connection, "database_connection")
    except InvalidValue as error:
        problem = f"cell {name!r}: its {error.field} {error.problem}: update the cell"
        yield Finding("cell-invalid", problem, cell_uuid=uuid)


def _cell_unrecorded(kind: str, uuid: str, name: str, revision: int) -> Finding:
    problem = (
        f"cell {name!r} is at revision {revision}, but no such change of it is on record: the next "
        "change of the cell, such as disabling it, repairs this"
    )
    return Finding(kind, problem, cell_uuid=uuid, revision=revision)


def _cell_outdated(kind: str, uuid: str, name: str, revision: int, newest: int) -> Finding:
    problem = (
        f"cell {name!r} is at revision {revision}, but a later change of it, in revision {newest}, "
        "is on record: compare it with a backup, then change it, such as by disabling it"
    )
    return Finding(kind, problem, cell_uuid=uuid, revision=revision)


def _cell_missing(kind: str, uuid: str, revision: int) -> Finding:
    problem = (
        f"cell {uuid} is missing, but its newest change, in revision {revision}, did not delete "
        "it: create it again with this UUID, then delete it if it is no longer needed"
    )
    return Finding(kind, problem, cell_uuid=uuid, revision=revision)


def _host_without_cell(kind: str, host: str, uuid: str) -> Finding:
    problem = (
        f"host {host!r} is mapped to cell {uuid}, which is missing, so no lookup finds the host: "
        "create a cell with this UUID, then move the host or delete it"
    )
    return Finding(kind, problem, host, uuid)


def _host_in_cell0(kind: str, host: str) -> Finding:
    problem = f"host {host!r} is mapped to cell0, which has no hosts: move it or delete it"
    return Finding(kind, problem, host, CELL0_UUID)


def _invalid_host(host: str) -> Iterator[Finding]:
    host = mask_name(host)
    try:
        valid_host(host)
    except InvalidValue:
        problem = (
            f"host {host!r} has a name that no call of the library accepts: delete its row "
            "of host_mapping with SQL, then map the host by its correct name"
        )
        yield Finding("host-invalid", problem, host)
        return
    try:
        valid_new_host(host)
    except InvalidValue:
        problem = f"host {host!r} has a URL as its name: delete it, then map it by its name"
        yield Finding("host-invalid", problem, host)


def _host_unrecorded(kind: str, host: str, uuid: str, revision: int) -> Finding:
    problem = (
        f"host {host!r} is at revision {revision}, but no such change of it is on record: "
        f"{_RECREATE_HOST}"
    )
    return Finding(kind, problem, host, uuid, revision)


def _host_differs(kind: str, host: str, uuid: str, revision: int, recorded: str | None) -> Finding:
    where = "was deleted" if recorded is None else f"is in cell {recorded}"
    problem = (
        f"host {host!r} is mapped to cell {uuid}, but the change of revision {revision} says that "
        f"it {where}: {_RECREATE_HOST}"
    )
    return Finding(kind, problem, host, uuid, revision)


def _host_outdated(kind: str, host: str, uuid: str, revision: int, newest: int) -> Finding:
    problem = (
        f"host {host!r} is at revision {revision}, but a later change of it, in revision {newest}, "
        f"is on record: {_RECREATE_HOST}"
    )
    return Finding(kind, problem, host, uuid, revision)


def _host_missing(kind: str, host: str, uuid: str, revision: int) -> Finding:
    problem = (
        f"host {host!r} is not mapped, but its newest change, in revision {revision}, says that "
        f"it is in cell {uuid}: create it again, then delete it if it is no longer needed"
    )
    return Finding(kind, problem, host, uuid, revision)
