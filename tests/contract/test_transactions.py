"""Transactions: one revision for all changes of a block, or none of them."""

from __future__ import annotations

from threading import Event, Thread
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from hostmap_sql import (
    CellMappingInUse,
    DatabaseError,
    DatabaseUnavailable,
    HostMappingExists,
    HostMappingNotFound,
)

if TYPE_CHECKING:
    from hostmap_sql import HostMap, WriteTransaction
    from tests.conftest import Cells
    from tests.support.backends import Backend


class DoneWithIt(BaseException):
    """Like KeyboardInterrupt, not an Exception."""


def test_a_block_is_one_revision_with_its_author_and_reason(hostmap: HostMap, cells: Cells) -> None:
    hostmap.hosts.create("a", cells.one.uuid)

    with hostmap.transaction(author="burn-in", reason="rack 9") as tx:
        moved = tx.hosts.move("a", cells.two.uuid)
        created = tx.hosts.create("b", cells.one.uuid)
        updated = tx.cells.update(cells.two.uuid, disabled=True)
        tx.hosts.create_many([("c", cells.one.uuid), ("d", cells.two.uuid)])
        assert tx.hosts.move_all(cells.one.uuid, cells.two.uuid).moved == 2
        assert tx.hosts.delete_many(["d", "no"]).deleted == 1
        reported = (tx.revision, tx.change_id, tx.now)

    assert moved.revision == created.revision == updated.revision == hostmap.revision() == 5
    [changeset] = hostmap.history.since(4)
    assert (changeset.revision, changeset.change_id, changeset.created_at) == reported
    assert str(UUID(changeset.change_id)) == changeset.change_id
    assert (changeset.author, changeset.reason) == ("burn-in", "rack 9")
    assert [(c.host, c.old_cell_uuid, c.new_cell_uuid) for c in changeset.hosts] == [
        ("a", cells.one.uuid, cells.two.uuid),
        ("b", None, cells.two.uuid),
        ("c", None, cells.two.uuid),
    ]
    assert [(c.cell_uuid, c.action) for c in changeset.cells] == [(cells.two.uuid, "updated")]
    assert {m.updated_at for m in hostmap.hosts.list()} == {changeset.created_at}


def test_only_the_block_sees_its_changes_before_the_commit(hostmap: HostMap, cells: Cells) -> None:
    with hostmap.transaction() as tx:
        tx.hosts.create("a", cells.one.uuid)
        cell = tx.cells.create("new", disabled=True)

        assert tx.hosts.get("a").cell == cells.one
        assert [mapping.host for mapping in tx.hosts.iterate()] == ["a"]
        assert tx.hosts.get_many(["a", "b"]).keys() == {"a"}
        assert tx.cells.get_by_name("new") == cell
        assert tx.cells.host_counts()[cells.one.uuid] == 1
        with pytest.raises(HostMappingExists):
            tx.hosts.create("a", cells.two.uuid)
        with pytest.raises(CellMappingInUse):
            tx.cells.delete(cells.one.uuid)

        assert hostmap.hosts.list() == []
        assert hostmap.cells.list() == [*cells]
        assert hostmap.revision() == 3

    assert hostmap.cells.get(cell.uuid) == cell
    assert hostmap.hosts.get("a").revision == 4


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, SystemExit, DoneWithIt])
def test_any_exception_rolls_back_the_block(
    kind: type[BaseException], hostmap: HostMap, cells: Cells
) -> None:
    def work(tx: WriteTransaction) -> None:
        tx.hosts.create("a", cells.one.uuid)
        tx.hosts.create_many([("b", cells.two.uuid), ("c", cells.two.uuid)])
        tx.cells.update(cells.one.uuid, name="renamed")
        tx.cells.delete(cells.off.uuid)
        raise kind

    with pytest.raises(kind):
        hostmap.run(work)

    assert (hostmap.hosts.list(), hostmap.cells.list()) == ([], [*cells])
    assert (hostmap.revision(), hostmap.history.since(3)) == (3, [])
    assert hostmap.hosts.create("a", cells.one.uuid).revision == 4, "the lock is free again"


def test_a_block_that_changes_nothing_makes_no_revision(hostmap: HostMap, cells: Cells) -> None:
    hostmap.hosts.create("a", cells.one.uuid)

    with hostmap.transaction(reason="nothing") as tx:
        tx.hosts.move("a", cells.one.uuid)
        tx.hosts.get("a")
    with hostmap.transaction() as tx:
        tx.hosts.create("b", cells.one.uuid)
        tx.hosts.delete("b")
        tx.cells.delete(tx.cells.create("x").uuid)

    assert hostmap.revision() == 4
    assert hostmap.history.of_host("b") == []


def test_changes_of_a_host_or_cell_in_a_block_are_merged(hostmap: HostMap, cells: Cells) -> None:
    hostmap.hosts.create_many([("a", cells.one.uuid), ("b", cells.one.uuid)])

    with hostmap.transaction() as tx:
        tx.hosts.delete("a")
        tx.hosts.create("a", cells.two.uuid)
        tx.hosts.move("b", cells.two.uuid)
        tx.hosts.delete("b")
        tx.cells.delete(cells.off.uuid)
        tx.cells.create("cell3", uuid=cells.off.uuid)

    [changeset] = hostmap.history.since(4)
    assert [(c.host, c.old_cell_uuid, c.new_cell_uuid) for c in changeset.hosts] == [
        ("a", cells.one.uuid, cells.two.uuid),
        ("b", cells.one.uuid, None),
    ]
    assert [(c.cell_uuid, c.action) for c in changeset.cells] == [(cells.off.uuid, "updated")]


def test_an_ended_block_is_unusable(hostmap: HostMap, cells: Cells) -> None:
    with hostmap.transaction() as tx:
        tx.hosts.create("a", cells.one.uuid)

    for late in (
        lambda: tx.hosts.create("b", cells.one.uuid),
        lambda: tx.hosts.get("a"),
        lambda: tx.cells.update(cells.one.uuid, disabled=True),
    ):
        with pytest.raises(DatabaseError, match="has ended"):
            late()
    assert [mapping.host for mapping in hostmap.hosts.list()] == ["a"]


def test_a_block_inherits_author_and_reason(hostmap: HostMap) -> None:
    with_author = hostmap.with_author(author="somebody", reason="a reason")

    hostmap.cells.create("a")
    with_author.cells.create("b")
    with_author.with_author(reason="another reason").cells.create("c")
    with with_author.transaction(author="one") as tx:
        tx.cells.create("d")
    hostmap.run(lambda tx: tx.cells.create("e"), reason="why")

    assert [(change.author, change.reason) for change in hostmap.history.since(0)] == [
        ("tester", None),
        ("somebody", "a reason"),
        ("somebody", "another reason"),
        ("one", "a reason"),
        ("tester", "why"),
    ]


def test_a_change_needs_no_author(backend: Backend) -> None:
    backend.connect().cells.create("a")

    [changeset] = backend.hostmap.history.since(0)
    assert (changeset.author, changeset.reason) == (None, None)


def test_run_returns_the_result_of_its_function(hostmap: HostMap, cells: Cells) -> None:
    def work(tx: WriteTransaction) -> tuple[int, Any]:
        tx.hosts.create("a", cells.one.uuid)
        return tx.revision, "whatever"

    assert hostmap.run(work, author="me") == (4, "whatever")


def test_run_is_retried_as_a_whole_after_a_transient_failure(
    hostmap: HostMap, cells: Cells
) -> None:
    tries = []

    def work(tx: WriteTransaction) -> int:
        tx.hosts.create("a", cells.one.uuid)
        tries.append(tx.change_id)
        if len(tries) < 3:
            raise DatabaseUnavailable("the database", "as a deadlock does")
        return len(tries)

    assert hostmap.run(work) == 3
    assert len(set(tries)) == 3, "each try is a transaction of its own"
    assert [change.change_id for change in hostmap.history.since(3)] == tries[-1:]


def test_run_is_not_retried_after_other_errors(hostmap: HostMap) -> None:
    tries = []

    def work(tx: WriteTransaction) -> None:
        tries.append(tx.revision)
        tx.hosts.get("no such host")

    with pytest.raises(HostMappingNotFound):
        hostmap.run(work)
    assert len(tries) == 1


def test_a_block_is_not_retried(hostmap: HostMap) -> None:
    def block() -> None:
        with hostmap.transaction():
            raise DatabaseUnavailable("the database", "as a deadlock does")

    with pytest.raises(DatabaseUnavailable, match="as a deadlock does"):
        block()


def test_a_writer_waits_for_the_previous_one_and_sees_its_changes(
    hostmap: HostMap, cells: Cells
) -> None:
    begun, result = Event(), []

    def other() -> None:
        begun.set()
        result.append(hostmap.hosts.move("a", cells.two.uuid))

    thread = Thread(target=other)
    with hostmap.transaction() as tx:
        tx.hosts.create("a", cells.one.uuid)
        thread.start()
        begun.wait()
        thread.join(0.3)
        assert thread.is_alive(), "the revision's lock holds it up"
    thread.join()

    assert result[0].revision == 5
    assert hostmap.hosts.get("a") == result[0]


@pytest.mark.needs("isolation levels")
def test_a_transaction_reads_committed_changes(backend: Backend) -> None:
    """It also reads changes that were committed while it waited for the lock."""
    assert backend.sql.isolation_level
    with backend.hostmap.transaction() as tx:
        cursor = tx._transaction._usable_cursor()
        cursor.execute(backend.sql.isolation_level)
        [(level,)] = cursor.fetchall()

    assert level.lower().replace("-", " ") == "read committed"


def test_readers_do_not_wait_for_a_writer(backend: Backend, cells: Cells) -> None:
    impatient = backend.connect()
    with backend.hostmap.transaction() as tx:
        tx.hosts.create("a", cells.one.uuid)
        tx.cells.update(cells.one.uuid, disabled=True)

        assert impatient.hosts.list() == []
        assert impatient.cells.get(cells.one.uuid) == cells.one
        assert impatient.cells.host_counts()[cells.one.uuid] == 0
        assert impatient.history.since(0)[-1].revision == impatient.revision() == 3
