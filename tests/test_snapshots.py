"""Snapshots: several reads that see one state, on every database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hostmap_sql import DatabaseError, HostMap
from hostmap_sql.statements import Statement

if TYPE_CHECKING:
    from hostmap_sql.sessions import Snapshot
    from tests.conftest import Cells
    from tests.support.backends import Backend


@pytest.fixture
def directory(hostmap: HostMap, cells: Cells) -> HostMap:
    """A directory of two hosts."""
    hostmap.hosts.create_many((f"compute-{number}", cells.one.uuid) for number in (1, 2))
    return hostmap


def count_hosts(snapshot: Snapshot) -> int:
    return len(snapshot.all(Statement.HOST_NAMES_FIRST, {"limit": 9}))


def test_a_snapshot_sees_nothing_new(backend: Backend, directory: HostMap) -> None:
    other = backend.connect()

    def look(snapshot: Snapshot) -> tuple[int, int]:
        before = count_hosts(snapshot)
        other.hosts.delete_many(["compute-1", "compute-2"])
        return before, count_hosts(snapshot)

    assert directory._database.snapshot(look) == (2, 2)
    assert directory.hosts.list() == []


def test_all_tables_are_seen_as_they_were(backend: Backend, directory: HostMap) -> None:
    """Those too that are first read when others have written."""
    other = backend.connect()

    def look(snapshot: Snapshot) -> tuple[int, int]:
        revision = snapshot.all(Statement.REVISION_GET)[0][0]
        other.hosts.delete("compute-1")
        return revision, count_hosts(snapshot)

    assert directory._database.snapshot(look) == (4, 2)


def test_nothing_is_written_in_a_snapshot(directory: HostMap) -> None:
    with pytest.raises(DatabaseError, match="only for reading"):
        directory._database.snapshot(lambda snapshot: snapshot.write(lambda _: None))


def test_after_a_snapshot_reads_are_of_the_moment_again(
    backend: Backend, directory: HostMap
) -> None:
    hostmap = backend.connect(pool_size=1)
    assert hostmap._database.snapshot(count_hosts) == 2
    directory.hosts.delete("compute-1")
    assert len(hostmap.hosts.list()) == 1
    hostmap.hosts.delete("compute-2")
    assert directory.hosts.list() == []


def test_a_snapshot_that_fails_is_over(directory: HostMap) -> None:
    with pytest.raises(ZeroDivisionError):
        directory._database.snapshot(lambda _: 1 // 0)
    directory.hosts.delete("compute-1")
    assert directory._database.snapshot(count_hosts) == 1


def test_a_pool_of_the_caller_s_is_left_as_it_was(backend: Backend, directory: HostMap) -> None:
    assert directory.check() == ()
    for lend, mode in backend.own_pools():
        with lend() as connection:
            before = mode(connection)
        assert HostMap(lend, backend.dialect_name).check() == ()
        with lend() as connection:
            assert mode(connection) == before


def test_a_lost_connection_is_replaced(
    backend: Backend, directory: HostMap, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialect = type(backend.dialect)
    begin, failures = dialect.begin_snapshot, [backend.lost_connection]

    def fail_once(*arguments: object) -> None:
        begin(*arguments)  # type: ignore[arg-type]
        if failures:
            raise failures.pop()

    monkeypatch.setattr(dialect, "begin_snapshot", fail_once)
    assert directory._database.snapshot(count_hosts) == 2
    assert not failures
