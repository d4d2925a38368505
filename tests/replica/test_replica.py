"""The copy in the process: what it answers, how it follows, what it does while it cannot."""

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
    copying,
)
from hostmap_sql.statements import Statement
from tests.support.pools import Switch

if TYPE_CHECKING:
    from collections.abc import Callable

    from hostmap_sql.replica import Replica
    from tests.conftest import Cells
    from tests.support.backends import Backend

NO_SUCH_CELL = "99999999-9999-4999-8999-999999999999"


def eventually(condition: Callable[[], object], seconds: float = 10) -> None:
    """Wait until it holds."""
    deadline = monotonic() + seconds
    while not condition():
        assert monotonic() < deadline, "it did not come to hold"
        sleep(0.01)


def said(caplog: pytest.LogCaptureFixture) -> list[int]:
    """The levels of what replicas have logged; drivers log, too, where all is logged."""
    return [r.levelno for r in caplog.records if r.name == "hostmap_sql.replica"]


def assert_equals_the_table(replica: Replica, hostmap: HostMap) -> None:
    """The copy is the directory, at its newest revision."""
    table = {mapping.host: mapping.cell for mapping in hostmap.hosts.iterate()}
    assert replica.revision == hostmap.revision()
    assert replica.cells_of(table) == table
    assert len(replica) == len(table)
    assert replica.cells == {cell.uuid: cell for cell in hostmap.cells.list()}
    for uuid in replica.cells:
        assert replica.hosts_of(uuid) == sorted(h for h, cell in table.items() if cell.uuid == uuid)


# --- what it answers ------------------------------------------------------------------------------


def test_it_answers_what_the_directory_says(hostmap: HostMap, cells: Cells) -> None:
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


def test_an_empty_directory_has_a_replica_too(hostmap: HostMap) -> None:
    replica = hostmap.replica()
    assert (len(replica), replica.revision, dict(replica.cells)) == (0, 0, {})
    assert replica
    cell = hostmap.cells.create("new")
    hostmap.hosts.create("a", cell.uuid)
    assert replica.refresh() == 2
    assert replica.cell_of("a") == cell


def test_what_it_does_not_have_is_looked_up_once(backend: Backend, cells: Cells) -> None:
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


def test_without_reading_through_nothing_is_looked_up(backend: Backend, cells: Cells) -> None:
    switch = Switch(backend.open_raw)
    replica = HostMap(switch, backend.dialect_name).replica(read_through=False)
    backend.hostmap.hosts.create("new", cells.one.uuid)
    switch.uses = 0

    with pytest.raises(HostMappingNotFound) as caught:
        replica.cell_of("new")
    assert caught.value.host == "new"
    assert replica.cells_of(["new"]) == {}
    assert switch.uses == 0


def test_what_cannot_be_asked_is_refused(hostmap: HostMap, cells: Cells) -> None:
    replica = hostmap.replica()
    assert cells
    with pytest.raises(CellMappingNotFound):
        replica.hosts_of(NO_SUCH_CELL)
    calls: list[tuple[Callable[[], object], str]] = [
        (lambda: replica.cell_of(""), "host"),
        (lambda: replica.cells_of([" a"]), "host"),
        (lambda: replica.hosts_of("cell1"), "cell_uuid"),
        (lambda: replica.start(0), "interval"),
        (lambda: replica.start(-1), "interval"),
        (lambda: replica.wait_for(-1), "revision"),
        (lambda: replica.wait_for(99, timeout=-1), "timeout"),
        (lambda: hostmap.replica(max_age=-1), "max_age"),
    ]
    for call, field in calls:
        with pytest.raises(InvalidValue) as caught:
            call()
        assert caught.value.field == field


# --- how it follows -------------------------------------------------------------------------------


def test_a_refresh_brings_all_that_has_changed(hostmap: HostMap, cells: Cells) -> None:
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
    assert replica.cell_of("h01") == cells.one, "as of its revision"
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


def test_many_changes_are_merged_into_the_copy(
    hostmap: HostMap, cells: Cells, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "_FEW", 0)
    names = [f"h{number:05}" for number in range(3_000)]
    hostmap.hosts.create_many((name, cells.one.uuid) for name in names)
    replica = hostmap.replica()

    hostmap.hosts.create_many(((n, cells.two.uuid) for n in names[:300]), on_conflict="move")
    replica.refresh()
    assert len(replica._copy.changed) == 300
    assert_equals_the_table(replica, hostmap)

    hostmap.hosts.create_many(((n, cells.two.uuid) for n in names[:1_500]), on_conflict="move")
    hostmap.hosts.delete_many(names[1_000:1_200])
    replica.refresh()

    assert replica._copy.changed == {}
    assert_equals_the_table(replica, hostmap)


def test_while_nothing_changes_a_look_is_one_statement(
    hostmap: HostMap, cells: Cells, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica = hostmap.replica()
    assert cells
    asked: list[Statement] = []
    database = replica._database
    run = database._read

    def read(deadline: float, statement: Statement, *rest: Any) -> Any:
        asked.append(statement)
        return run(deadline, statement, *rest)

    monkeypatch.setattr(database, "_read", read)
    monkeypatch.setattr(database, "snapshot", lambda _work: pytest.fail("it read more"))
    assert replica.refresh() == 3
    assert asked == [Statement.REVISION_POLL]


def test_it_follows_by_itself(hostmap: HostMap, cells: Cells) -> None:
    with hostmap.replica().start(interval=0.05) as replica:
        made = hostmap.hosts.create("a", cells.one.uuid)
        eventually(lambda: replica.revision == made.revision)
        assert "a" in replica
        assert replica.age < 5
        hostmap.hosts.move("a", cells.two.uuid)
        eventually(lambda: replica.cell_of("a") == cells.two)
    hostmap.hosts.delete("a")
    sleep(0.3)
    assert "a" in replica, "it was closed"
    assert replica.age >= 0.2


def test_a_write_can_be_waited_for(hostmap: HostMap, cells: Cells) -> None:
    replica = hostmap.replica()
    replica.wait_for(hostmap.hosts.create("a", cells.one.uuid).revision)
    assert "a" in replica
    with replica.start(interval=60):
        started = monotonic()
        replica.wait_for(hostmap.hosts.delete("a").revision)
        assert "a" not in replica
        assert monotonic() - started < 5
    with pytest.raises(StaleReplica) as caught:
        replica.wait_for(99, timeout=0.2)
    assert (caught.value.revision, "99" in str(caught.value)) == (5, True)


def test_who_subscribes_gets_each_change_once_and_in_order(hostmap: HostMap, cells: Cells) -> None:
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


def test_a_subscriber_that_fails_harms_nobody(
    hostmap: HostMap, cells: Cells, caplog: pytest.LogCaptureFixture
) -> None:
    replica = hostmap.replica()
    seen: list[int] = []

    def fail(_changeset: ChangeSet) -> None:
        raise RuntimeError("of a subscriber")

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
    assert said(caplog) == [logging.ERROR] * 2


# --- when changes do not lead on ------------------------------------------------------------------


def test_a_subscriber_may_close_it_while_its_thread_has_more_to_tell(
    hostmap: HostMap, cells: Cells
) -> None:
    replica = hostmap.replica()

    def close(changeset: ChangeSet) -> None:
        if changeset.revision == 4:
            replica.start(interval=0.01)
            hostmap.hosts.create("b", cells.one.uuid)
            eventually(lambda: "b" in replica)  # its thread has that to tell now
            replica.close()

    told: list[int] = []
    replica.subscribe(close)
    replica.subscribe(lambda changeset: told.append(changeset.revision))
    hostmap.hosts.create("a", cells.one.uuid)
    thread = Thread(target=replica.refresh, daemon=True)
    thread.start()
    thread.join(20)

    assert not thread.is_alive()
    assert told == [4, 5]


@pytest.mark.parametrize("passed_by", [0, 1, 2, 5])
def test_a_restored_database_is_loaded_anew(passed_by: int, backend: Backend, cells: Cells) -> None:
    hostmap = backend.hostmap
    hostmap.hosts.create("lost", cells.one.uuid)
    hostmap.hosts.create("lost as well", cells.one.uuid)
    replica = hostmap.replica(read_through=False)
    reloads: list[int] = []

    def reload() -> None:
        reloads.append(0)

    replica.subscribe(
        lambda changeset: reloads.append(-changeset.revision), reloaded=lambda: reloads.append(0)
    )

    backend.reset(3)  # which is what restoring a backup comes to
    for number in range(passed_by):
        hostmap.hosts.create(f"new{number}", cells.two.uuid)
    replica.refresh()

    assert "lost" not in replica
    assert_equals_the_table(replica, hostmap)
    assert reloads == [0]


def test_a_history_that_was_pruned_past_it_makes_it_load_anew(
    hostmap: HostMap, cells: Cells
) -> None:
    hostmap.hosts.create("a", cells.one.uuid)
    replicas = [hostmap.replica()]
    for host in "bcd":
        hostmap.hosts.create(host, cells.two.uuid)
        replicas.append(hostmap.replica())
    hostmap.history.prune(before=6)

    for replica in replicas:
        replica.refresh()
        assert_equals_the_table(replica, hostmap)


# --- while the database is away -------------------------------------------------------------------


def test_it_answers_while_the_database_is_away(
    backend: Backend, cells: Cells, caplog: pytest.LogCaptureFixture
) -> None:
    backend.hostmap.hosts.create("a", cells.one.uuid)
    switch = Switch(backend.open_raw)
    hostmap = HostMap(switch, backend.dialect_name, timeout=0.8)
    with hostmap.replica().start(interval=0.05) as replica:
        switch.failure = backend.lost_connection
        gone = monotonic()
        eventually(lambda: said(caplog) == [logging.WARNING])
        while monotonic() - gone < 1:
            assert replica.cell_of("a") == cells.one
            assert replica.age <= monotonic() - gone + 1
        assert replica.age >= 0.7
        with pytest.raises(DatabaseUnavailable):
            replica.cell_of("b")
        with pytest.raises(DatabaseUnavailable):
            replica.refresh()
        assert said(caplog) == [logging.WARNING], "it says so once"

        switch.failure = None
        backend.hostmap.hosts.create("b", cells.two.uuid)
        eventually(lambda: "b" in replica)
    assert said(caplog) == [logging.WARNING] * 2


def test_what_is_too_old_is_not_answered(backend: Backend, cells: Cells) -> None:
    backend.hostmap.hosts.create("a", cells.one.uuid)
    replica = backend.hostmap.replica(max_age=0.3)
    assert replica.cell_of("a") == cells.one
    sleep(0.4)
    for ask in (
        lambda: replica.cell_of("a"),
        lambda: replica.cells_of(["a"]),
        lambda: replica.hosts_of(cells.one.uuid),
        lambda: replica.cells,
        lambda: "a" in replica,
    ):
        with pytest.raises(StaleReplica) as caught:
            ask()
        assert caught.value.age > 0.3
        assert caught.value.revision == 4
    replica.refresh()
    assert replica.cell_of("a") == cells.one
