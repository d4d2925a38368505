"""Snapshots: several reads see one state, on every database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hostmap_sql import DatabaseError, HostMap, sql

if TYPE_CHECKING:
    from hostmap_sql.engine.session import ReadTransaction
    from tests.conftest import Cells
    from tests.support.backends import Backend


@pytest.fixture
def directory(hostmap: HostMap, cells: Cells) -> HostMap:
    """A directory with two hosts."""
    hostmap.hosts.create_many((f"compute-{number}", cells.one.uuid) for number in (1, 2))
    return hostmap


def count_hosts(snapshot: ReadTransaction) -> int:
    return len(snapshot.all(sql.HOST_NAMES_FIRST, {"limit": 9}))


def test_a_snapshot_does_not_see_later_writes(backend: Backend, directory: HostMap) -> None:
    other = backend.connect()

    def look(snapshot: ReadTransaction) -> tuple[int, int]:
        before = count_hosts(snapshot)
        other.hosts.delete_many(["compute-1", "compute-2"])
        return before, count_hosts(snapshot)

    assert directory._database.snapshot(look) == (2, 2)
    assert directory.hosts.list() == []


def test_a_snapshot_covers_all_tables(backend: Backend, directory: HostMap) -> None:
    """Even tables that it first reads after another client has written them."""
    other = backend.connect()

    def look(snapshot: ReadTransaction) -> tuple[int, int]:
        revision = snapshot.all(sql.REVISION_GET)[0][0]
        other.hosts.delete("compute-1")
        return revision, count_hosts(snapshot)

    assert directory._database.snapshot(look) == (4, 2)


def test_a_snapshot_refuses_writes(directory: HostMap) -> None:
    with pytest.raises(DatabaseError, match="read-only"):
        directory._database.snapshot(lambda snapshot: snapshot.write(lambda _: None))


def test_reads_after_a_snapshot_are_current(backend: Backend, directory: HostMap) -> None:
    hostmap = backend.connect(pool_size=1)
    assert hostmap._database.snapshot(count_hosts) == 2
    directory.hosts.delete("compute-1")
    assert len(hostmap.hosts.list()) == 1
    hostmap.hosts.delete("compute-2")
    assert directory.hosts.list() == []


def test_a_failed_snapshot_releases_its_connection(directory: HostMap) -> None:
    with pytest.raises(ZeroDivisionError):
        directory._database.snapshot(lambda _: 1 // 0)
    directory.hosts.delete("compute-1")
    assert directory._database.snapshot(count_hosts) == 1


def test_an_external_pool_keeps_its_session_settings_after_a_snapshot(
    backend: Backend, directory: HostMap
) -> None:
    assert directory.check() == ()
    for lend, mode in backend.own_pools():
        with lend() as connection:
            before = mode(connection)
        assert HostMap(lend, backend.dialect_name).check() == ()
        with lend() as connection:
            assert mode(connection) == before


def test_a_snapshot_is_retried_after_a_lost_connection(
    backend: Backend, directory: HostMap, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialect = type(backend.dialect)
    begin, failures = dialect.begin_snapshot, [backend.driver.lost_connection]

    def fail_once(*arguments: object) -> None:
        begin(*arguments)  # type: ignore[arg-type]
        if failures:
            raise failures.pop()

    monkeypatch.setattr(dialect, "begin_snapshot", fail_once)
    assert directory._database.snapshot(count_hosts) == 2
    assert not failures
