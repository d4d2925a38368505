"""Bulk calls: creating, looking up, moving and deleting many hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostmap_sql import (
    CELL0_UUID,
    BulkResult,
    CellMappingNotFound,
    Conflict,
    HostMappingExists,
    InvalidValue,
)
from hostmap_sql.batching import BULK_SIZE
from hostmap_sql.directory.bulk_plan import Plan
from hostmap_sql.engine.pending_changes import CREATED, DELETED, UPDATED, PendingChanges
from tests.support.pace import PATIENT

if TYPE_CHECKING:
    from hostmap_sql import HostMap
    from tests.conftest import Cells
    from tests.support.backends import Backend

NO_SUCH_CELL = "99999999-9999-4999-8999-999999999999"
HUGE = 100_000


def cell_of(hostmap: HostMap) -> dict[str, str]:
    return {mapping.host: mapping.cell_uuid for mapping in hostmap.hosts.iterate()}


def test_many_hosts_are_created_in_their_cells_as_one_changeset(
    hostmap: HostMap, cells: Cells
) -> None:
    pairs = [("a", cells.one.uuid), ("b", cells.two.uuid.upper()), ("c", cells.off.uuid)]

    result = hostmap.with_author(reason="rack 9").hosts.create_many(iter(pairs))

    assert result == BulkResult(created=3, revision=4)
    assert cell_of(hostmap) == {"a": cells.one.uuid, "b": cells.two.uuid, "c": cells.off.uuid}
    [changeset] = hostmap.history.since(3)
    assert (changeset.author, changeset.reason) == ("tester", "rack 9")
    assert [(c.host, c.old_cell_uuid, c.new_cell_uuid) for c in changeset.hosts] == [
        ("a", None, cells.one.uuid),
        ("b", None, cells.two.uuid),
        ("c", None, cells.off.uuid),
    ]
    created = hostmap.hosts.get("b")
    assert (created.revision, created.updated_at) == (4, None)
    assert created.created_at == changeset.created_at


def test_repeating_a_bulk_call_changes_nothing(hostmap: HostMap, cells: Cells) -> None:
    pairs = [("a", cells.one.uuid), ("b", cells.two.uuid)]
    hostmap.hosts.create_many(pairs)

    for _ in range(2):
        assert hostmap.hosts.create_many(pairs, on_conflict="fail") == BulkResult(unchanged=2)
    assert hostmap.revision() == 4


def test_conflicts_are_reported_and_left_where_they_are(hostmap: HostMap, cells: Cells) -> None:
    hostmap.hosts.create("a", cells.two.uuid)

    result = hostmap.hosts.create_many([("a", cells.one.uuid), ("b", cells.one.uuid)])

    conflict = Conflict("a", wanted_cell_uuid=cells.one.uuid, actual_cell_uuid=cells.two.uuid)
    assert result == BulkResult(created=1, conflicts=(conflict,), revision=5)
    assert cell_of(hostmap) == {"a": cells.two.uuid, "b": cells.one.uuid}


def test_conflicts_are_moved_with_move(hostmap: HostMap, cells: Cells) -> None:
    hostmap.hosts.create("a", cells.two.uuid)
    hostmap.hosts.create("b", cells.off.uuid)
    hostmap.hosts.create("c", cells.one.uuid)

    result = hostmap.hosts.create_many(
        [(host, cells.one.uuid) for host in "abcd"], on_conflict="move"
    )

    assert result == BulkResult(created=1, unchanged=1, moved=2, revision=7)
    assert set(cell_of(hostmap).values()) == {cells.one.uuid}
    moved = hostmap.hosts.get("a")
    assert (moved.revision, hostmap.hosts.get("c").revision) == (7, 6)
    assert moved.updated_at is not None
    [changeset] = hostmap.history.since(6)
    assert {(c.host, c.old_cell_uuid) for c in changeset.hosts} == {
        ("a", cells.two.uuid),
        ("b", cells.off.uuid),
        ("d", None),
    }


def test_with_fail_a_conflict_fails_before_anything_is_written(
    hostmap: HostMap, cells: Cells
) -> None:
    hostmap.hosts.create("zzz", cells.two.uuid)
    pairs = [(f"a-{n}", cells.one.uuid) for n in range(BULK_SIZE)]

    with pytest.raises(HostMappingExists) as caught:
        hostmap.hosts.create_many([*pairs, ("zzz", cells.one.uuid)], on_conflict="fail")

    assert (caught.value.host, caught.value.cell_uuid) == ("zzz", cells.two.uuid)
    assert (cell_of(hostmap), hostmap.revision()) == ({"zzz": cells.two.uuid}, 4)


def test_with_fail_a_host_given_for_two_cells_fails_before_anything_is_written(
    hostmap: HostMap, cells: Cells
) -> None:
    """The host is the last of one transaction and the first of the next."""
    hosts = [f"a-{n:04}" for n in range(BULK_SIZE)]
    pairs = [*((host, cells.one.uuid) for host in hosts), (hosts[-1], cells.two.uuid)]

    with pytest.raises(HostMappingExists) as caught:
        hostmap.hosts.create_many(pairs, on_conflict="fail")

    assert (caught.value.host, caught.value.cell_uuid) == (hosts[-1], cells.one.uuid)
    assert (cell_of(hostmap), hostmap.revision()) == ({}, 3)


def test_a_host_named_twice_counts_each_time(hostmap: HostMap, cells: Cells) -> None:
    twice = [("a", cells.one.uuid), ("a", cells.one.uuid), ("a", cells.two.uuid)]

    reported = hostmap.hosts.create_many(twice)
    moved = hostmap.hosts.create_many(twice, on_conflict="move")

    conflict = Conflict("a", cells.two.uuid, cells.one.uuid)
    assert reported == BulkResult(created=1, unchanged=1, conflicts=(conflict,), revision=4)
    assert moved == BulkResult(unchanged=2, moved=1, revision=5)
    assert cell_of(hostmap) == {"a": cells.two.uuid}
    with pytest.raises(HostMappingExists):
        hostmap.hosts.create_many(
            [("b", cells.one.uuid), ("b", cells.two.uuid)], on_conflict="fail"
        )


@pytest.mark.parametrize("on_conflict", ["report", "move", "fail"])
def test_nothing_is_written_if_one_pair_is_invalid(
    on_conflict: Any, hostmap: HostMap, cells: Cells
) -> None:
    good = ("a", cells.one.uuid)
    for wrong, field in (
        (("b ", cells.one.uuid), "pair 2: host"),
        (("b", "cell1"), "pair 2: cell_uuid"),
        (("b", CELL0_UUID), "pair 2: cell_uuid"),
        (("b", None), "pair 2: cell_uuid"),
        (("b", ["x"]), "pair 2"),
        (("b",), "pair 2"),
        ("abc", "pair 2"),
        (5, "pair 2"),
    ):
        with pytest.raises(InvalidValue) as caught:
            hostmap.hosts.create_many([good, wrong, good], on_conflict=on_conflict)  # type: ignore[list-item]
        assert caught.value.field == field
    with pytest.raises(CellMappingNotFound) as unknown:
        hostmap.hosts.create_many([good, ("b", NO_SUCH_CELL.upper())], on_conflict=on_conflict)
    assert unknown.value.cell == NO_SUCH_CELL
    assert (hostmap.hosts.list(), hostmap.revision()) == ([], 3)


def test_an_unknown_on_conflict_is_refused(hostmap: HostMap) -> None:
    for wrong in ("overwrite", "", None):
        with pytest.raises(InvalidValue) as caught:
            hostmap.hosts.create_many([], on_conflict=wrong)  # type: ignore[arg-type]
        assert caught.value.field == "on_conflict"


def test_empty_bulk_calls_write_nothing(hostmap: HostMap, cells: Cells) -> None:
    assert hostmap.hosts.create_many([]) == BulkResult()
    assert hostmap.hosts.create_many(iter([]), on_conflict="move") == BulkResult()
    assert hostmap.hosts.create_many([], on_conflict="fail") == BulkResult()
    assert hostmap.hosts.get_many([]) == {}
    assert hostmap.hosts.delete_many([]) == BulkResult()
    assert hostmap.hosts.move_all(cells.one.uuid, cells.two.uuid) == BulkResult()
    assert hostmap.revision() == 3


def test_a_bulk_lookup_leaves_out_unmapped_hosts(hostmap: HostMap, cells: Cells) -> None:
    hostmap.hosts.create_many([("a", cells.one.uuid), ("b", cells.off.uuid)])

    found = hostmap.hosts.get_many(name for name in ("b", "no", "a", "b"))

    assert found == {"a": hostmap.hosts.get("a"), "b": hostmap.hosts.get("b")}
    assert found["b"].cell == cells.off


def test_a_single_name_is_refused(hostmap: HostMap) -> None:
    for ask in (hostmap.hosts.get_many, hostmap.hosts.delete_many):
        with pytest.raises(InvalidValue) as caught:
            ask("compute-1")
        assert caught.value.field == "hosts"
        with pytest.raises(InvalidValue) as caught:
            ask(["a", "b\n"])
        assert caught.value.field == "host"


def test_a_bulk_deletion_ignores_unmapped_hosts(hostmap: HostMap, cells: Cells) -> None:
    hostmap.hosts.create_many([(host, cells.one.uuid) for host in "abcd"])

    assert hostmap.hosts.delete_many(iter(["a", "no", "c", "a"])) == BulkResult(
        deleted=2, revision=5
    )
    assert hostmap.hosts.delete_many(["a", "no"]) == BulkResult()

    assert sorted(cell_of(hostmap)) == ["b", "d"]
    assert hostmap.revision() == 5
    assert hostmap.history.of_host("a")[-1].new_cell_uuid is None


def test_all_hosts_of_a_cell_are_moved_and_no_others(hostmap: HostMap, cells: Cells) -> None:
    hostmap.hosts.create_many([(host, cells.one.uuid) for host in "abc"])
    hostmap.hosts.create_many([("x", cells.off.uuid), ("y", cells.two.uuid)])

    assert hostmap.hosts.move_all(cells.one.uuid.upper(), cells.two.uuid) == BulkResult(
        moved=3, revision=6
    )

    assert hostmap.cells.host_counts() == {
        cells.one.uuid: 0,
        cells.two.uuid: 4,
        cells.off.uuid: 1,
    }
    assert {m.revision for m in hostmap.hosts.get_many(["a", "b", "c"]).values()} == {6}
    assert hostmap.hosts.move_all(cells.two.uuid, cells.two.uuid) == BulkResult()
    assert hostmap.revision() == 6


def test_moving_all_hosts_needs_both_cells(hostmap: HostMap, cells: Cells) -> None:
    hostmap.hosts.create("a", cells.one.uuid)

    for pair in ((NO_SUCH_CELL, cells.one.uuid), (cells.one.uuid, NO_SUCH_CELL)):
        with pytest.raises(CellMappingNotFound) as caught:
            hostmap.hosts.move_all(*pair)
        assert caught.value.cell == NO_SUCH_CELL
    for pair, field in (
        ((cells.one.uuid, CELL0_UUID), "to_uuid"),
        (("x", cells.one.uuid), "from_uuid"),
    ):
        with pytest.raises(InvalidValue) as refused:
            hostmap.hosts.move_all(*pair)
        assert refused.value.field == field
    assert hostmap.hosts.get("a").cell == cells.one


def test_a_hundred_thousand_hosts(backend: Backend, cells: Cells) -> None:
    hostmap = backend.connect(timeout=4 * PATIENT)
    names = [f"compute-{n:06}.rack-{n % 97}.example.org" for n in range(HUGE)]
    transactions = HUGE // BULK_SIZE

    created = hostmap.hosts.create_many((name, cells.one.uuid) for name in names)
    assert created == BulkResult(created=HUGE, revision=3 + transactions)
    assert [len(c.hosts) for c in hostmap.history.since(3)] == [BULK_SIZE] * transactions

    assert hostmap.hosts.get_many(names).keys() == set(names)
    assert hostmap.cells.host_counts()[cells.one.uuid] == HUGE
    most_are_absent = [f"{name}.{n % 10 or ''}".removesuffix(".") for n, name in enumerate(names)]
    deleted = hostmap.hosts.delete_many(most_are_absent)
    assert deleted == BulkResult(deleted=HUGE // 10, revision=hostmap.revision())
    assert hostmap.cells.host_counts()[cells.one.uuid] == HUGE - HUGE // 10


def test_a_large_move_takes_several_transactions(hostmap: HostMap, cells: Cells) -> None:
    names = [f"compute-{n:05}" for n in range(BULK_SIZE + 1)]
    hostmap.hosts.create_many((name, cells.one.uuid) for name in names)

    moved = hostmap.hosts.move_all(cells.one.uuid, cells.two.uuid)
    assert moved == BulkResult(moved=BULK_SIZE + 1, revision=7)

    assert [len(changeset.hosts) for changeset in hostmap.history.since(5)] == [BULK_SIZE, 1]
    assert [m.host for m in hostmap.hosts.iterate(cell_uuid=cells.two.uuid)] == names
    assert hostmap.hosts.create_many([(n, cells.two.uuid) for n in names]).unchanged == len(names)


# --- planning, without a database -----------------------------------------------------------------

HOSTS, CELLS = st.sampled_from("abcd"), st.sampled_from(["1", "2", "3"])


@given(st.lists(st.tuples(HOSTS, CELLS)), st.dictionaries(HOSTS, CELLS))
def test_a_plan_with_move_ends_like_single_moves(
    pairs: list[tuple[str, str]], before: dict[str, str]
) -> None:
    plan = Plan(pairs, before, "move")

    after = dict(before)
    for (old, new), hosts in plan.steps().items():
        assert old != new
        for host in hosts:
            assert after.get(host) == old
            after[host] = new
    assert after == before | dict(pairs)
    assert plan.created + plan.unchanged + plan.moved == len(pairs)
    assert plan.created == len({host for host, _ in pairs} - set(before))
    assert not plan.conflicts


@given(st.lists(st.tuples(HOSTS, CELLS)), st.dictionaries(HOSTS, CELLS))
def test_a_plan_that_reports_moves_nothing(
    pairs: list[tuple[str, str]], before: dict[str, str]
) -> None:
    plan = Plan(pairs, before, "report")

    firsts = dict(reversed(pairs)) | before
    assert {old for old, _ in plan.steps()} <= {None}
    assert {h: new for (_, new), hosts in plan.steps().items() for h in hosts} == {
        host: cell for host, cell in firsts.items() if host not in before
    }
    assert [(c.host, c.wanted_cell_uuid) for c in plan.conflicts] == [
        (host, cell) for host, cell in pairs if cell != firsts[host]
    ]
    assert all(c.actual_cell_uuid == firsts[c.host] for c in plan.conflicts)
    assert plan.created + plan.unchanged + len(plan.conflicts) == len(pairs)


@given(st.lists(st.tuples(HOSTS, st.none() | CELLS)), st.dictionaries(HOSTS, CELLS))
def test_pending_changes_keep_the_first_old_cell_and_the_last_new_cell(
    changes: list[tuple[str, str | None]], before: dict[str, str]
) -> None:
    record, now = PendingChanges(), dict[str, str | None](before)
    for host, cell in changes:
        if now.get(host) != cell:
            record.host(host, now.get(host), cell)
            now[host] = cell

    touched = {host for host, _ in changes}
    reported = {h: change for change, hs in record.hosts_by_change().items() for h in hs}
    for host, (old, new) in reported.items():
        assert (old, new) == (before.get(host), now.get(host))
    assert all(host in reported for host in touched if before.get(host) != now.get(host))


@pytest.mark.parametrize(
    ("actions", "merged"),
    [
        ([CREATED], CREATED),
        ([UPDATED], UPDATED),
        ([DELETED], DELETED),
        ([CREATED, UPDATED], CREATED),
        ([CREATED, DELETED], None),
        ([CREATED, UPDATED, DELETED], None),
        ([CREATED, DELETED, CREATED], CREATED),
        ([UPDATED, UPDATED], UPDATED),
        ([UPDATED, DELETED], DELETED),
        ([DELETED, CREATED], UPDATED),
        ([DELETED, CREATED, DELETED], DELETED),
    ],
)
def test_the_changes_of_a_cell_merge(actions: list[str], merged: str | None) -> None:
    record = PendingChanges()
    for action in actions:
        record.cell("x", action)

    assert record.cells == ({} if merged is None else {"x": merged})
    assert bool(record) is (merged is not None)


def test_opposite_moves_of_two_clients_both_end(
    backend: Backend, hostmap: HostMap, cells: Cells, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = backend.connect()
    monkeypatch.setattr("hostmap_sql.directory.hosts.BULK_SIZE", 2)
    pairs = [(host, cells.one.uuid) for host in "abcde"]
    hostmap.hosts.create_many(pairs)
    reported: list[tuple[int, int | None]] = []

    def bring_back(done: int, total: int | None) -> None:
        reported.append((done, total))
        assert len(reported) < 10
        other.hosts.create_many(pairs, on_conflict="move")

    moved = hostmap.hosts.move_all(cells.one.uuid, cells.two.uuid, progress=bring_back)
    assert moved.moved == 5
    assert reported == [(2, None), (4, None), (5, None)]
