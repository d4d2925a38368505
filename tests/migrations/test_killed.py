"""Migrating in real processes: concurrently, and killed before a statement that writes."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import pytest

from hostmap_sql.schema import known_migrations
from tests.support.faults.killed_migrations import PROCESSES, kill_before_write, migrate_together

if TYPE_CHECKING:
    from tests.support.backends import Backend

YOYO_TABLES = ("_yoyo_migration", "_yoyo_log", "_yoyo_version", "yoyo_lock")


@pytest.mark.proof
def test_of_processes_that_migrate_concurrently_one_applies_all(
    bare_backend: Backend, *, full: bool
) -> None:
    """On an empty database, where they also race to make yoyo's own tables."""
    known = known_migrations(bare_backend.dialect_name)
    for _ in range(3 if full else 1):
        applied = PROCESSES.Queue()
        arguments = bare_backend.url, PROCESSES.Barrier(4), applied
        processes = [PROCESSES.Process(target=migrate_together, args=arguments) for _ in range(4)]
        bare_backend.hostmap.migration_status()
        make_file(bare_backend)
        for process in processes:
            process.start()
        results = [applied.get(timeout=120) for _ in processes]
        for process in processes:
            process.join()

        assert sorted(results) == [(), (), (), known]
        assert bare_backend.connect().check() == ()
        assert bare_backend.query("SELECT * FROM yoyo_lock") == []
        wipe(bare_backend)


def make_file(backend: Backend) -> None:
    """Make the file of an SQLite database, so that all processes find an empty one."""
    backend.query("SELECT 1")


def wipe(backend: Backend) -> None:
    backend.connect().rollback_migrations(known_migrations(backend.dialect_name)[0])
    for table in YOYO_TABLES:
        backend.query(f"DROP TABLE {table}")


@pytest.mark.proof
def test_each_killed_migration_is_completed_by_those_after_it(
    bare_backend: Backend, backend: Backend, *, full: bool
) -> None:
    """Each process continues where the one before it was killed, and is killed one write later.

    In full, this is repeated on an empty database with every write as the first.
    """
    for first in count(1):
        make_file(bare_backend)
        kills = 0
        while kill_before_write(first + kills, bare_backend.url):
            kills += 1
        assert_complete(bare_backend, backend, first)
        if first == 1:
            assert kills > len(known_migrations(bare_backend.dialect_name))
        if not full or not kills:
            break
        wipe(bare_backend)


@pytest.mark.proof
def test_each_killed_rollback_is_completed_by_the_next_migration(
    backend: Backend, *, full: bool
) -> None:
    """Killed around each write for the first table that it drops, and once near the end."""
    first, definition = known_migrations(backend.dialect_name)[0], backend.definition()
    for number in count(1) if full else (3, 4, 5, 6, 24):
        if not kill_before_write(number, backend.url, first):
            break
        backend.connect().migrate()
        assert backend.definition() == definition, number
    assert backend.connect().check() == ()
    assert number >= 24


def assert_complete(backend: Backend, other: Backend, first: int) -> None:
    assert backend.definition() == other.definition(), first
    assert backend.query("SELECT * FROM yoyo_lock") == [], first
    hostmap = backend.connect()
    assert all(migration.applied for migration in hostmap.migration_status()), first
    assert hostmap.check() == (), first
    assert hostmap.migrate() == (), first
