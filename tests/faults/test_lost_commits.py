"""Lost commits: resolved on another connection, or reported as unknown."""

from __future__ import annotations

from functools import partial
from threading import Thread, Timer
from typing import TYPE_CHECKING, Any

import pytest

from hostmap_sql import DatabaseUnavailable, HistoryPruned, HostMap, InvalidValue, OutcomeUnknown
from tests.support.faults.pools import failing_commits
from tests.support.pace import PATIENT, SLOWNESS

if TYPE_CHECKING:
    from hostmap_sql import WriteTransaction
    from tests.conftest import Cells
    from tests.support.backends import Backend

NEVER = "0d5e0d3c-9f3c-4d55-8a43-0c6e4d1d9a10"


@pytest.fixture(params=[True, False], ids=["done", "not done"])
def done(request: pytest.FixtureRequest) -> bool:
    """Whether the lost commit was applied."""
    return bool(request.param)


def losing(backend: Backend, *commits: tuple[bool, BaseException], **arguments: Any) -> HostMap:
    """Return a directory whose next commits fail, whether applied or not."""
    pool = failing_commits(backend.open_raw, commits)
    return HostMap(pool, backend.dialect_name, **arguments)


@pytest.mark.parametrize("listed", [True, False], ids=["lost", "unheard of"])
def test_a_write_is_applied_once(
    done: bool,  # noqa: FBT001 - a fixture
    listed: bool,  # noqa: FBT001 - a parameter
    backend: Backend,
    cells: Cells,
) -> None:
    error = backend.driver.lost_connection if listed else RuntimeError("of which no list knows")

    made = losing(backend, (done, error)).hosts.create("a", cells.one.uuid)

    assert made == backend.hostmap.hosts.get("a")
    assert made.revision == backend.hostmap.revision() == 4
    assert len(backend.hostmap.history.since(3)) == 1


def test_the_commit_that_settles_may_be_lost_too(
    done: bool,  # noqa: FBT001 - a fixture
    backend: Backend,
    cells: Cells,
) -> None:
    lost = backend.driver.lost_connection

    made = losing(backend, (done, lost), (False, lost), (True, lost)).hosts.create(
        "a", cells.one.uuid
    )

    assert made == backend.hostmap.hosts.get("a")
    assert made.revision == backend.hostmap.revision() == 4
    assert len(backend.hostmap.history.since(3)) == 1


def test_a_function_is_retried_only_if_it_was_not_applied(
    done: bool,  # noqa: FBT001 - a fixture
    backend: Backend,
    cells: Cells,
) -> None:
    tries: list[str] = []

    def work(tx: WriteTransaction) -> str:
        tries.append(tx.change_id)
        tx.hosts.create("a", cells.one.uuid)
        return tx.change_id

    change_id = losing(backend, (done, backend.driver.lost_connection)).run(work)

    assert len(tries) == (1 if done else 2)
    assert change_id == tries[-1]
    assert [change.change_id for change in backend.hostmap.history.since(3)] == [change_id]


def test_a_block_succeeds_if_it_was_applied(backend: Backend, cells: Cells) -> None:
    hostmap = losing(backend, (True, backend.driver.lost_connection))
    with hostmap.transaction() as tx:
        tx.hosts.create("a", cells.one.uuid)
    assert backend.hostmap.hosts.get("a").revision == 4


def test_a_block_that_was_not_applied_raises(backend: Backend, cells: Cells) -> None:
    hostmap = losing(backend, (False, backend.driver.lost_connection))

    def block() -> None:
        with hostmap.transaction() as tx:
            tx.hosts.create("a", cells.one.uuid)

    with pytest.raises(DatabaseUnavailable) as caught:
        block()
    assert caught.value.__cause__ is backend.driver.lost_connection
    assert backend.hostmap.revision() == 3


def test_pruning_continues(
    done: bool,  # noqa: FBT001 - a fixture
    backend: Backend,
    cells: Cells,
) -> None:
    hostmap = losing(backend, *[(done, backend.driver.lost_connection)] * 2)
    assert cells.off.revision == 3

    hostmap.history.prune(before=3)

    assert [changeset.revision for changeset in backend.hostmap.history.since(2)] == [3]
    with pytest.raises(HistoryPruned):
        backend.hostmap.history.since(1)


# --- unresolved until the timeout ----------------------------------------------------------------


def unsettled(
    backend: Backend, cells: Cells, *, done: bool, broken: Exception | None = None
) -> OutcomeUnknown:
    """Lose the answer to a commit, and the database, or the pool, with it."""
    opened: list[Any] = []

    def open_once() -> Any:
        if opened:
            raise broken or backend.driver.lost_connection
        opened.append(backend.open_raw())
        return opened[0]

    pool = failing_commits(open_once, [(done, backend.driver.lost_connection)])
    hostmap = HostMap(pool, backend.dialect_name, timeout=0.8 * SLOWNESS)
    with pytest.raises(OutcomeUnknown) as caught:
        hostmap.hosts.create("a", cells.one.uuid)
    return caught.value


def test_a_pool_that_breaks_leaves_the_outcome_unknown(backend: Backend, cells: Cells) -> None:
    """Its own exception says nothing about the commit."""
    for broken in (AttributeError("pool"), KeyError("pool"), RuntimeError("pool")):
        error = unsettled(backend, cells, done=False, broken=broken)
        assert error.__cause__ is backend.driver.lost_connection


def test_an_unknown_outcome_can_be_queried_later(
    done: bool,  # noqa: FBT001 - a fixture
    backend: Backend,
    cells: Cells,
) -> None:
    error = unsettled(backend, cells, done=done)

    assert error.__cause__ is backend.driver.lost_connection
    assert error.revision == 4
    expected = "committed" if done else "aborted"
    assert backend.hostmap.outcome(error.change_id, revision=error.revision) == expected
    assert backend.hostmap.outcome(error.change_id.upper()) == expected
    assert len(backend.hostmap.hosts.list()) == done


def test_an_outcome_waits_until_it_is_decided(backend: Backend) -> None:
    for end, expected in (("COMMIT", "committed"), ("ROLLBACK", "aborted")):
        revision = backend.hostmap.revision() + 1
        change_id = f"0d5e0d3c-9f3c-4d55-8a43-{revision:012}"
        writer = backend.raw(**backend.driver.any_thread).cursor()
        for statement in open_change(backend, revision, change_id):
            writer.execute(statement)
        with pytest.raises(OutcomeUnknown), backend.hostmap.timeout(0.2):
            backend.hostmap.outcome(change_id)

        later = Timer(0.3, writer.execute, [end])
        later.start()
        assert backend.hostmap.outcome(change_id) == expected
        later.join()


def open_change(backend: Backend, revision: int, change_id: str) -> list[str]:
    """Send the statements of a writer before its commit."""
    changeset = f"({revision}, '{change_id}', '2026-01-01 00:00:00')"
    return [
        backend.sql.begin,
        f"UPDATE mapping_revision SET revision = {revision}",
        f"INSERT INTO mapping_changeset (revision, change_id, created_at) VALUES {changeset}",
    ]


def test_a_pruned_change_is_not_reported_as_aborted(hostmap: HostMap, cells: Cells) -> None:
    pruned = hostmap.history.since(0)[0].change_id
    assert cells.off.revision == 3
    hostmap.history.prune(before=3)

    for revision in (None, 1, 2):
        with pytest.raises(HistoryPruned) as caught:
            hostmap.outcome(pruned, revision=revision)
        assert caught.value.pruned_revision == 2
    assert hostmap.outcome(NEVER, revision=3) == "aborted"
    assert hostmap.outcome(hostmap.history.since(2)[0].change_id) == "committed"


def test_an_invalid_change_id_is_refused(hostmap: HostMap) -> None:
    for call, field in (
        (partial(hostmap.outcome, "x"), "change_id"),
        (partial(hostmap.outcome, NEVER, revision=0), "revision"),
    ):
        with pytest.raises(InvalidValue) as caught:
            call()
        assert caught.value.field == field


# --- the timeout of a call ------------------------------------------------------------------------


def test_a_timeout_holds_for_its_block_and_its_thread(backend: Backend, cells: Cells) -> None:
    hostmap, other = backend.hostmap, backend.connect(timeout=7)
    seen: list[float] = []

    def see() -> None:
        seen.append(hostmap._database.timeout)

    with hostmap.timeout(0.5):
        see()
        with hostmap.timeout(3):
            see()
        with hostmap.with_author(reason="x").timeout(0.25):
            see()
        see()
        thread = Thread(target=see)
        thread.start()
        thread.join()
        assert other._database.timeout == 7
    see()

    assert seen == [0.5, 0.5, 0.25, 0.5, PATIENT, PATIENT]
    assert cells


@pytest.mark.parametrize("wrong", [0, -1, "1", True, float("nan")])
def test_a_wrong_timeout_is_refused(wrong: Any, hostmap: HostMap) -> None:
    with pytest.raises(InvalidValue) as caught, hostmap.timeout(wrong):
        raise AssertionError("the block was entered")
    assert caught.value.field == "timeout"
