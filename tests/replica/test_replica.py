"""Answers of a replica, following changes, and outages of the database."""

from __future__ import annotations

import logging
from threading import Thread
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import pytest

from hostmap_sql import (
    CellMappingNotFound,
    ChangeSet,
    DatabaseUnavailable,
    HostMap,
    HostMappingNotFound,
    InvalidValue,
    StaleReplica,
    sql,
)
from hostmap_sql.replica import snapshot
from tests.support.faults.pools import Switch
from tests.support.pace import PATIENT

if TYPE_CHECKING:
    from collections.abc import Callable

    from hostmap_sql.replica.replica import Replica
    from hostmap_sql.sql.statement import Statement
    from tests.conftest import Cells
    from tests.support.backends import Backend

NO_SUCH_CELL = "99999999-9999-4999-8999-999999999999"


def eventually(condition: Callable[[], object], seconds: float = 60) -> None:
    """Wait until a condition holds."""
    deadline = monotonic() + seconds
    while not condition():
        assert monotonic() < deadline, "the condition never held"
        sleep(0.01)


def logged_levels(caplog: pytest.LogCaptureFixture) -> list[int]:
    """Return the levels of the replicas' log records, without those of drivers."""
    return [r.levelno for r in caplog.records if r.name == "hostmap_sql.replica"]


def assert_equals_the_table(replica: Replica, hostmap: HostMap) -> None:
    """Assert that the replica equals the tables at the newest revision."""
    table = {mapping.host: mapping.cell for mapping in hostmap.hosts.iterate()}
    assert replica.revision == hostmap.revision()
    assert replica.cells_of(table) == table
    assert len(replica) == len(table)
    assert replica.cells == {cell.uuid: cell for cell in hostmap.cells.list()}
    for uuid in replica.cells:
        assert replica.hosts_of(uuid) == sorted(h for h, cell in table.items() if cell.uuid == uuid)


# --- answers --------------------------------------------------------------------------------------


def test_answers_equal_the_directory(hostmap: HostMap, cells: Cells) -> None:
    hostmap.hosts.create_many([("a", cells.one.uuid), ("b", cells.two.uuid), ("é", cells.one.uuid)])

    replica = hostmap.replica()

    assert replica.cell_of("a") == cells.one
    assert replica.cells_of(["a", "b", "no"]) == {"a": cells.one, "b": cells.two}
    assert replica.hosts_of(cells.one.uuid.upper()) == ["a", "é"]
    assert replica.hosts_of(cells.off.uuid) == []
    assert "a" in replica
    assert "A" not in replica
    assert 5 not in replica
    assert_equals_the_table(replica, hostmap)


def test_an_empty_directory_has_a_replica(hostmap: HostMap) -> None:
    replica = hostmap.replica()
    assert (len(replica), replica.revision, dict(replica.cells)) == (0, 0, {})
    assert replica
    cell = hostmap.cells.create("new")
    hostmap.hosts.create("a", cell.uuid)
    assert replica.refresh() == 2
    assert replica.cell_of("a") == cell


def test_missing_hosts_are_looked_up_once(backend: Backend, cells: Cells) -> None:
    switch = Switch(backend.open_raw)
    hostmap = HostMap(switch, backend.dialect_name)
    replica = hostmap.replica()
    backend.hostmap.hosts.create("new", cells.one.uuid)
    switch.uses = 0

    assert replica.cell_of("new") == cells.one
    assert_equals_the_table(replica, backend.hostmap)
    switch.uses = 0
    assert replica.cell_of("new") == cells.one
    assert switch.uses == 0
    assert replica.cells_of(["new", "no"]) == {"new": cells.one}
    assert switch.uses == 1
    with pytest.raises(HostMappingNotFound):
        replica.cell_of("no")
    assert switch.uses == 2


def test_without_read_through_no_host_is_looked_up(backend: Backend, cells: Cells) -> None:
    switch = Switch(backend.open_raw)
    replica = HostMap(switch, backend.dialect_name).replica(read_through=False)
    backend.hostmap.hosts.create("new", cells.one.uuid)
    switch.uses = 0

    with pytest.raises(HostMappingNotFound) as caught:
        replica.cell_of("new")
    assert caught.value.host == "new"
    assert replica.cells_of(["new"]) == {}
    assert switch.uses == 0


def test_invalid_arguments_are_refused(hostmap: HostMap, cells: Cells) -> None:
    replica = hostmap.replica()
    assert cells
    with pytest.raises(CellMappingNotFound):
        replica.hosts_of(NO_SUCH_CELL)
    calls: list[tuple[Callable[[], object], str]] = [
        (lambda: replica.cell_of(""), "host"),
        (lambda: replica.cells_of([" a"]), "host"),
        (lambda: replica.hosts_of("cell1"), "cell_uuid"),
        (lambda: replica.start(interval=0), "interval"),
        (lambda: replica.start(interval=-1), "interval"),
        (lambda: replica.wait_for(-1), "revision"),
        (lambda: replica.wait_for(99, timeout=-1), "timeout"),
        (lambda: hostmap.replica(max_age=-1), "max_age"),
    ]
    for call, field in calls:
        with pytest.raises(InvalidValue) as caught:
            call()
        assert caught.value.field == field


# --- following ------------------------------------------------------------------------------------


def test_refresh_applies_all_changes(hostmap: HostMap, cells: Cells) -> None:
    hosts = hostmap.hosts
    hosts.create_many((f"h{number:02}", cells.one.uuid) for number in range(20))
    replica = hostmap.replica()

    hosts.move("h01", cells.two.uuid)
    hosts.move("h01", cells.off.uuid)
    hosts.delete("h02")
    hosts.delete("h03")
    hosts.create("h03", cells.two.uuid)
    hosts.create("passing", cells.two.uuid)
    hosts.delete("passing")
    hosts.create("new", cells.two.uuid)
    assert replica.cell_of("h01") == cells.one, "the answer is of the old revision"
    replica.refresh()
    assert_equals_the_table(replica, hostmap)
    assert "h02" not in replica

    new = hostmap.cells.create("new")
    hosts.move_all(cells.one.uuid, new.uuid)
    hostmap.cells.delete(cells.one.uuid)
    rotated = hostmap.cells.update(new.uuid, transport_url="rabbit://new/", disabled=True)
    replica.refresh()
    assert replica.cell_of("h10") == rotated
    assert_equals_the_table(replica, hostmap)


def test_many_changes_are_merged_into_the_base(
    hostmap: HostMap, cells: Cells, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "_SMALL_DIRECTORY", 0)
    names = [f"h{number:05}" for number in range(3_000)]
    hostmap.hosts.create_many((name, cells.one.uuid) for name in names)
    replica = hostmap.replica()

    hostmap.hosts.create_many(((n, cells.two.uuid) for n in names[:300]), on_conflict="move")
    replica.refresh()
    assert len(replica._refresher.snapshot.overlay) == 300
    assert_equals_the_table(replica, hostmap)

    hostmap.hosts.create_many(((n, cells.two.uuid) for n in names[:1_500]), on_conflict="move")
    hostmap.hosts.delete_many(names[1_000:1_200])
    replica.refresh()

    assert replica._refresher.snapshot.overlay == {}
    assert_equals_the_table(replica, hostmap)


def test_a_refresh_without_changes_is_one_statement(
    hostmap: HostMap, cells: Cells, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica = hostmap.replica()
    assert cells
    asked: list[Statement] = []
    database = replica._refresher.database
    run = database._select

    def read(deadline: float, statement: Statement, *rest: Any) -> Any:
        asked.append(statement)
        return run(deadline, statement, *rest)

    monkeypatch.setattr(database, "_select", read)
    monkeypatch.setattr(database, "snapshot", lambda _work: pytest.fail("a second read"))
    assert replica.refresh() == 3
    assert asked == [sql.REVISION_POLL]


def test_a_started_replica_follows_until_closed(hostmap: HostMap, cells: Cells) -> None:
    with hostmap.replica().start(interval=0.05) as replica:
        made = hostmap.hosts.create("a", cells.one.uuid)
        eventually(lambda: replica.revision == made.revision)
        assert "a" in replica
        eventually(lambda: replica.age < 5)
        hostmap.hosts.move("a", cells.two.uuid)
        eventually(lambda: replica.cell_of("a") == cells.two)
    hostmap.hosts.delete("a")
    sleep(0.3)
    assert "a" in replica, "a closed replica must not follow"
    assert replica.age >= 0.2


def test_wait_for_a_write(hostmap: HostMap, cells: Cells) -> None:
    replica = hostmap.replica()
    replica.wait_for(hostmap.hosts.create("a", cells.one.uuid).revision)
    assert "a" in replica
    with replica.start(interval=3600):  # far beyond the timeout of `wait_for`
        replica.wait_for(hostmap.hosts.delete("a").revision)
        assert "a" not in replica
    with pytest.raises(StaleReplica) as caught:
        replica.wait_for(99, timeout=0.2)
    assert (caught.value.revision, "99" in str(caught.value)) == (5, True)


def test_subscribers_get_each_change_once_and_in_order(hostmap: HostMap, cells: Cells) -> None:
    replica = hostmap.replica()
    seen: list[ChangeSet] = []
    unsubscribe = replica.subscribe(seen.append)

    hostmap.hosts.create_many([("a", cells.one.uuid), ("b", cells.two.uuid)])
    hostmap.cells.update(cells.one.uuid, disabled=True)
    replica.refresh()
    hostmap.hosts.delete("a")
    replica.refresh()
    replica.refresh()
    assert seen == hostmap.history.since(3)
    unsubscribe()
    unsubscribe()
    hostmap.hosts.delete("b")
    replica.refresh()
    assert len(seen) == 3


def test_a_failing_subscriber_affects_no_other(
    hostmap: HostMap, cells: Cells, caplog: pytest.LogCaptureFixture
) -> None:
    replica = hostmap.replica()
    seen: list[int] = []

    def fail(_changeset: ChangeSet) -> None:
        raise RuntimeError("a fault of the subscriber")

    def refresh(changeset: ChangeSet) -> None:
        seen.append(changeset.revision)
        hostmap.hosts.delete_many([change.host for change in changeset.hosts])
        replica.refresh()

    replica.subscribe(fail)
    replica.subscribe(refresh)
    hostmap.hosts.create("a", cells.one.uuid)
    replica.refresh()
    replica.refresh()

    assert seen == [4, 5]
    assert logged_levels(caplog) == [logging.ERROR] * 2


def test_a_subscriber_may_close_the_replica_while_deliveries_are_pending(
    hostmap: HostMap, cells: Cells
) -> None:
    replica = hostmap.replica()

    def close(changeset: ChangeSet) -> None:
        if changeset.revision == 4:
            replica.start(interval=0.01)
            hostmap.hosts.create("b", cells.one.uuid)
            eventually(lambda: "b" in replica)  # its thread has a delivery pending
            replica.close()

    delivered: list[int] = []
    replica.subscribe(close)
    replica.subscribe(lambda changeset: delivered.append(changeset.revision))
    hostmap.hosts.create("a", cells.one.uuid)
    thread = Thread(target=replica.refresh, daemon=True)
    thread.start()
    thread.join(120)

    assert not thread.is_alive()
    assert delivered == [4, 5]


# --- outages --------------------------------------------------------------------------------------


def test_answers_continue_during_an_outage(
    backend: Backend, cells: Cells, caplog: pytest.LogCaptureFixture
) -> None:
    backend.hostmap.hosts.create("a", cells.one.uuid)
    switch = Switch(backend.open_raw)
    hostmap = HostMap(switch, backend.dialect_name, timeout=PATIENT)
    with hostmap.replica().start(interval=0.05) as replica:
        patient = replica._refresher.database
        switch.failure = backend.driver.lost_connection
        replica._refresher.database = patient.within(0.5)
        eventually(lambda: logged_levels(caplog) == [logging.WARNING])
        age, started = replica.age, monotonic()
        while monotonic() - started < 1:
            assert replica.cell_of("a") == cells.one
            assert replica.age >= age + monotonic() - started - 0.1
        with hostmap.timeout(0.5):
            with pytest.raises(DatabaseUnavailable):
                replica.cell_of("b")
            with pytest.raises((DatabaseUnavailable, StaleReplica)):  # its thread may be refreshing
                replica.refresh()
        assert logged_levels(caplog) == [logging.WARNING], "one warning for each outage"

        switch.failure = None
        replica._refresher.database = patient
        backend.hostmap.hosts.create("b", cells.two.uuid)
        eventually(lambda: "b" in replica)
    assert logged_levels(caplog) == [logging.WARNING] * 2


def test_a_replica_beyond_max_age_refuses_to_answer(backend: Backend, cells: Cells) -> None:
    backend.hostmap.hosts.create("a", cells.one.uuid)
    replica = backend.hostmap.replica(max_age=60)
    assert replica.cell_of("a") == cells.one
    replica._refresher.known_at -= 60
    for call in (
        lambda: replica.cell_of("a"),
        lambda: replica.cells_of(["a"]),
        lambda: replica.hosts_of(cells.one.uuid),
        lambda: replica.cells,
        lambda: "a" in replica,
    ):
        with pytest.raises(StaleReplica) as caught:
            call()
        assert caught.value.age > 60
        assert caught.value.revision == 4
    replica.refresh()
    assert replica.cell_of("a") == cells.one
