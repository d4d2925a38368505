"""The history: its contents, following it, pruning it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from itertools import islice
from time import tzset
from typing import TYPE_CHECKING, Any

import pytest

from hostmap_sql import CellChange, HistoryPruned, HostChange, InvalidValue, sql
from hostmap_sql.batching import BULK_SIZE
from hostmap_sql.directory.history import HistoryReader
from hostmap_sql.engine.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hostmap_sql import ChangeSet, HostMap
    from hostmap_sql.sql.statement import Statement
    from tests.conftest import Cells
    from tests.support.backends import Backend

CLOCKS_DIFFER = timedelta(seconds=1)


def revisions(hostmap: HostMap, after: int = 0, limit: int = 1000) -> list[int]:
    return [changeset.revision for changeset in hostmap.history.since(after, limit=limit)]


def test_a_new_directory_has_no_history(hostmap: HostMap) -> None:
    assert hostmap.revision() == 0
    assert hostmap.history.since(0) == []
    assert hostmap.history.since(99) == []
    assert hostmap.history.of_host("a") == []
    assert hostmap.history.prune(before=99) == 0


def test_changes_of_a_host_come_oldest_first(hostmap: HostMap, cells: Cells) -> None:
    one, two = cells.one.uuid, cells.two.uuid
    hostmap.with_author(author="anna", reason="new").hosts.create("a", one)
    hostmap.hosts.create("b", two)
    hostmap.with_author(reason="full").hosts.move("a", two)
    hostmap.with_author(author="cron").hosts.delete("a")
    hostmap.hosts.create_many([("a", one), ("b", one)], on_conflict="move")

    reported = hostmap.history.of_host("a")

    changesets = {changeset.revision: changeset for changeset in hostmap.history.since(0)}
    assert reported == [
        HostChange(4, "a", None, one, "anna", "new", changesets[4].created_at),
        HostChange(6, "a", one, two, "tester", "full", changesets[6].created_at),
        HostChange(7, "a", two, None, "cron", None, changesets[7].created_at),
        HostChange(8, "a", None, one, "tester", None, changesets[8].created_at),
    ]
    assert [change.revision for change in hostmap.history.of_host("b")] == [5, 8]
    for change in reported:
        assert change in changesets[change.revision].hosts


def test_a_changeset_holds_all_changes_of_its_transaction(hostmap: HostMap, cells: Cells) -> None:
    before = datetime.now(UTC)
    with hostmap.transaction(author="anna", reason="why") as tx:
        new = tx.cells.create("new", transport_url="rabbit://u:s3cret@h/")
        tx.cells.update(cells.one.uuid, transport_url="rabbit://u:s3cret2@h/")
        tx.cells.delete(cells.off.uuid)
        tx.hosts.create("b", new.uuid)
        tx.hosts.create("a", new.uuid)

    [changeset] = hostmap.history.since(3)

    assert before - CLOCKS_DIFFER < changeset.created_at <= datetime.now(UTC)
    assert changeset.created_at == tx.now
    assert [change.host for change in changeset.hosts] == ["a", "b"]
    expected = {new.uuid: "created", cells.one.uuid: "updated", cells.off.uuid: "deleted"}
    assert changeset.cells == tuple(CellChange(4, u, expected[u]) for u in sorted(expected))


def test_the_history_holds_no_secret(backend: Backend, hostmap: HostMap, cells: Cells) -> None:
    hostmap.cells.update(cells.one.uuid, transport_url="rabbit://u:s3cret2@h/")
    hostmap.cells.delete(cells.off.uuid)

    for table in ("mapping_changeset", "host_mapping_change", "cell_mapping_change"):
        assert "s3cret" not in str(backend.query(f"SELECT * FROM {table}"))


def test_changesets_come_in_pages(hostmap: HostMap, cells: Cells) -> None:
    for number in range(7):
        hostmap.hosts.create(f"h{number}", cells.one.uuid)

    assert revisions(hostmap) == list(range(1, 11))
    assert revisions(hostmap, after=3, limit=4) == [4, 5, 6, 7]
    assert revisions(hostmap, after=8, limit=4) == [9, 10]
    assert revisions(hostmap, after=10, limit=1) == []
    assert [len(c.hosts) for c in hostmap.history.since(2, limit=3)] == [0, 1, 1]


def test_a_page_of_changesets_reads_only_its_own_changes(hostmap: HostMap, cells: Cells) -> None:
    for number in range(5):
        with hostmap.transaction() as tx:
            tx.hosts.create(f"h{number}", cells.one.uuid)
            tx.cells.update(cells.one.uuid, name=f"name-{number}")
    span = {"after": 4, "until": 6}

    for statement in (sql.HOST_CHANGE_LIST, sql.CELL_CHANGE_LIST):
        rows = hostmap._database.all(statement, span)
        assert [row[0] for row in rows] == [5, 6], statement.name


def test_pruning_by_revision_keeps_that_and_later_revisions(hostmap: HostMap, cells: Cells) -> None:
    hostmap.hosts.create("a", cells.one.uuid)
    hostmap.hosts.move("a", cells.two.uuid)
    whole = hostmap.history.since(0)

    assert hostmap.history.prune(before=4) == 3

    assert hostmap.history.since(3) == whole[3:]
    assert [change.revision for change in hostmap.history.of_host("a")] == [4, 5]
    assert hostmap.hosts.get("a").cell == cells.two
    assert hostmap.cells.list() == [*cells]
    assert hostmap.history.prune(before=4) == 0
    assert hostmap.revision() == 5, "pruning is no change of the directory"


def test_pruned_changes_raise_history_pruned(hostmap: HostMap, cells: Cells) -> None:
    hostmap.hosts.create("a", cells.one.uuid)
    hostmap.history.prune(before=3)

    for after in (0, 1):
        with pytest.raises(HistoryPruned) as caught:
            hostmap.history.since(after)
        assert caught.type is HistoryPruned
        assert (caught.value.revision, caught.value.pruned_revision) == (after, 2)
    assert revisions(hostmap, after=2) == [3, 4]


def test_pruning_never_goes_back(hostmap: HostMap, cells: Cells) -> None:
    hostmap.hosts.create("a", cells.one.uuid)
    hostmap.history.prune(before=4)

    assert hostmap.history.prune(before=1) == 0

    with pytest.raises(HistoryPruned) as caught:
        hostmap.history.since(2)
    assert caught.value.pruned_revision == 3


@pytest.mark.parametrize("before", [4, 5, 99, datetime(2999, 1, 1, tzinfo=UTC)])
def test_the_newest_changeset_is_never_pruned(
    before: int | datetime, hostmap: HostMap, cells: Cells
) -> None:
    hostmap.hosts.create("a", cells.one.uuid)

    assert hostmap.history.prune(before=before) == 3

    assert revisions(hostmap, after=3) == [4]
    assert hostmap.hosts.create("b", cells.one.uuid).revision == 5


@pytest.fixture
def six_hours(backend: Backend, hostmap: HostMap, cells: Cells) -> None:
    """Six changesets an hour apart; the clock of the fifth was two hours slow."""
    for number in range(3):
        hostmap.hosts.create(f"h{number}", cells.one.uuid)
    for revision, hour in ((1, 1), (2, 2), (3, 3), (4, 4), (5, 3), (6, 6)):
        time = f"2026-03-29 {hour:02}:00:00.000000"
        backend.query(
            f"UPDATE mapping_changeset SET created_at = '{time}{backend.sql.utc_suffix}'"
            f" WHERE revision = {revision}"
        )


@pytest.mark.usefixtures("six_hours")
def test_pruning_by_time_keeps_later_changesets(hostmap: HostMap) -> None:
    assert [c.created_at.hour for c in hostmap.history.since(0)] == [1, 2, 3, 4, 3, 6]

    nairobi = timezone(timedelta(hours=3))
    assert hostmap.history.prune(before=datetime(2026, 3, 29, 1, tzinfo=UTC)) == 0
    assert hostmap.history.prune(before=datetime(2026, 3, 29, 4, 0, 0, 1, tzinfo=nairobi)) == 1
    assert hostmap.history.prune(before=datetime(2026, 3, 29, 3, 30, tzinfo=UTC)) == 2
    assert revisions(hostmap, after=3) == [4, 5, 6], "the fifth is kept with the fourth"
    assert hostmap.history.prune(before=datetime(2026, 3, 29, 6, tzinfo=UTC)) == 2
    assert revisions(hostmap, after=5) == [6]


@pytest.mark.usefixtures("six_hours")
def test_the_last_revision_before_a_time(hostmap: HostMap) -> None:
    last_before = hostmap.history.last_before
    nairobi = timezone(timedelta(hours=3))

    assert last_before(datetime(1, 1, 1, tzinfo=UTC)) == 0
    assert last_before(datetime(2026, 3, 29, 3, tzinfo=UTC)) == 2
    assert last_before(datetime(2026, 3, 29, 6, 0, 0, 1, tzinfo=nairobi)) == 3
    assert last_before(datetime(2026, 3, 29, 4, 0, 0, 1, tzinfo=UTC)) == 5, "the fifth is at 3:00"
    assert last_before(datetime(2026, 3, 29, 6, tzinfo=UTC)) == 5
    assert last_before(datetime(2026, 3, 29, 6, 0, 0, 1, tzinfo=UTC)) == 6
    hostmap.history.prune(before=4)
    assert last_before(datetime(2026, 3, 29, 2, tzinfo=UTC)) == 3, "the rest begins after it"
    for wrong in (datetime(2026, 1, 1), "2026-01-01", 3, None):  # noqa: DTZ001
        with pytest.raises(InvalidValue) as caught:
            last_before(wrong)  # type: ignore[arg-type]
        assert caught.value.field == "time"


def test_a_time_without_a_zone_is_refused(hostmap: HostMap) -> None:
    for wrong in (datetime(2026, 1, 1), "2026-01-01", None):  # noqa: DTZ001
        with pytest.raises(InvalidValue) as caught:
            hostmap.history.prune(before=wrong)  # type: ignore[arg-type]
        assert caught.value.field == "before"


def test_a_future_revision_is_not_reported_as_pruned(
    hostmap: HostMap,
) -> None:
    with pytest.raises(HistoryPruned, match="the history was replaced"):
        next(hostmap.history.follow(since=999))


def test_a_concurrent_write_is_not_before_a_time(
    hostmap: HostMap, cells: Cells, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Session.one

    def slow(session: Session, statement: Statement, *parameters: Any) -> Any:
        row = one(session, statement, *parameters)
        if statement is sql.CHANGESET_FIRST_SINCE:
            hostmap.hosts.create("a", cells.one.uuid)
        return row

    monkeypatch.setattr(Session, "one", slow)
    assert hostmap.history.last_before(datetime.now(UTC) + timedelta(hours=1)) == 3
    assert hostmap.revision() == 4


def test_a_time_out_of_range_in_utc_is_refused(hostmap: HostMap) -> None:
    east, west = timezone(timedelta(hours=5)), timezone(timedelta(hours=-5))
    for time in (datetime.min.replace(tzinfo=east), datetime.max.replace(tzinfo=west)):
        for ask in (hostmap.history.last_before, lambda t: hostmap.history.prune(before=t)):
            with pytest.raises(InvalidValue, match="out of the range of times"):
                ask(time)


def test_large_changesets_are_pruned_in_several_transactions(
    hostmap: HostMap, cells: Cells
) -> None:
    hostmap.hosts.create_many((f"h{n:05}", cells.one.uuid) for n in range(2 * BULK_SIZE + 1))
    hostmap.hosts.create("last", cells.one.uuid)

    assert hostmap.history.prune(before=7) == 6

    assert revisions(hostmap, after=6) == [7]
    assert hostmap.history.of_host("h00000") == []


def test_many_small_changesets_are_pruned_in_several_transactions(
    backend: Backend, hostmap: HostMap, cells: Cells
) -> None:
    hostmap.hosts.create("a", cells.one.uuid)
    rows = ", ".join(
        f"({revision}, '{revision:036}', '2026-01-01 00:00:00')" for revision in range(5, 2_105)
    )
    backend.query(f"INSERT INTO mapping_changeset (revision, change_id, created_at) VALUES {rows}")
    backend.query("UPDATE mapping_revision SET revision = 2104")

    assert hostmap.history.prune(before=2_104) == 2_103

    assert backend.query("SELECT revision FROM mapping_changeset") == [(2_104,)]
    assert hostmap.hosts.create("b", cells.one.uuid).revision == 2_105


def test_a_follower_misses_no_concurrent_changes(hostmap: HostMap, cells: Cells) -> None:
    seen: list[int] = []
    for number in range(12):
        hostmap.hosts.create(f"h{number}", cells.one.uuid)
        if number % 5 == 0:
            seen += revisions(hostmap, after=seen[-1] if seen else 0, limit=4)
    while more := revisions(hostmap, after=seen[-1], limit=4):
        seen += more

    assert seen == list(range(1, hostmap.revision() + 1))


def test_a_follower_reads_at_most_a_bulk_call_of_hosts_at_once(
    hostmap: HostMap, cells: Cells, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = [2, 1, 5, 4, 1, 1, 1, 0, 1]  # of the changesets after revision 3, with pages of 4 hosts
    for revision, size in enumerate(sizes, start=4):
        with hostmap.transaction() as tx:
            tx.cells.update(cells.one.uuid, name=f"name-{revision}")
            for number in range(size):
                tx.hosts.create(f"h{revision}-{number}", cells.one.uuid)
    read: list[list[int]] = []
    since = HistoryReader.since

    def listened(reader: HistoryReader, revision: int, *, limit: int) -> list[ChangeSet]:
        page = since(reader, revision, limit=limit)
        read.append([len(changeset.hosts) for changeset in page])
        return page

    monkeypatch.setattr(HistoryReader, "since", listened)
    monkeypatch.setattr("hostmap_sql.directory.history.BULK_SIZE", 4)
    seen = [c.revision for c in islice(hostmap.history.follow(since=3), len(sizes))]

    assert seen == list(range(4, 13))
    assert read == [[2, 1], [5], [4], [1, 1, 1, 0, 1]]


@pytest.mark.needs("zones")
def test_the_time_zone_of_the_servers_is_not_utc(backend: Backend) -> None:
    """Otherwise the next test would prove nothing."""
    assert backend.sql.time_zone
    assert backend.query(backend.sql.time_zone)[0][0] in {"+05:30", "Asia/Kolkata"}


@pytest.fixture
def far_from_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give this process a time zone that differs from UTC and from the servers'."""
    monkeypatch.setenv("TZ", "America/St_Johns")
    tzset()
    yield
    monkeypatch.undo()
    tzset()


@pytest.mark.usefixtures("far_from_utc")
def test_times_are_utc_with_microseconds_in_any_time_zone(
    backend: Backend, hostmap: HostMap, cells: Cells
) -> None:
    before = datetime.now(UTC)
    with hostmap.transaction() as tx:
        tx.hosts.create("a", cells.one.uuid)
    hostmap.hosts.move("a", cells.two.uuid)

    for reader in (hostmap, backend.connect()):
        mapping = reader.hosts.get("a")
        assert mapping.created_at == tx.now
        assert mapping.created_at.utcoffset() == timedelta(0)
        assert mapping.updated_at is not None
        assert before - CLOCKS_DIFFER < mapping.created_at < mapping.updated_at
        assert mapping.updated_at <= datetime.now(UTC)
        assert reader.history.of_host("a")[0].created_at == tx.now
    stored = str(backend.query(f"SELECT {backend.sql.created_at} FROM host_mapping")[0][0])
    assert stored.startswith(tx.now.strftime("%Y-%m-%d %H:%M:%S"))


@pytest.mark.usefixtures("far_from_utc")
@pytest.mark.parametrize("microsecond", [0, 1, 999_999, 100_000])
def test_microseconds_are_stored_exactly(
    microsecond: int, backend: Backend, hostmap: HostMap, cells: Cells
) -> None:
    hostmap.hosts.create("a", cells.one.uuid)
    time = f"2026-10-25 01:30:00.{microsecond:06}"
    backend.query(f"UPDATE host_mapping SET created_at = '{time}{backend.sql.utc_suffix}'")

    expected = datetime(2026, 10, 25, 1, 30, 0, microsecond, tzinfo=UTC)
    assert hostmap.hosts.get("a").created_at == expected
    dialect = backend.dialect
    assert str(dialect.encode_time(expected)).startswith(time.removesuffix(".000000"))
