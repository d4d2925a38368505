"""Migrating in real processes: several at once, and killed before each statement that writes."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import pytest

from hostmap_sql.schema import known_migrations
from tests.support.killing import PROCESSES, killed_migrating, migrate_together

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.backends import Backend

YOYO_TABLES = ("_yoyo_migration", "_yoyo_log", "_yoyo_version", "yoyo_lock")


def test_processes_that_migrate_at_once_do_it_once(bare_backend: Backend) -> None:
    known = known_migrations(bare_backend.dialect_name)
    for _ in range(3):
        applied = PROCESSES.Queue()
        arguments = bare_backend.url, PROCESSES.Barrier(4), applied
        processes = [PROCESSES.Process(target=migrate_together, args=arguments) for _ in range(4)]
        bare_backend.hostmap.migration_status()
        touch(bare_backend)
        for process in processes:
            process.start()
        results = [applied.get(timeout=120) for _ in processes]
        for process in processes:
            process.join()

        assert sorted(results) == [(), (), (), known]
        assert bare_backend.connect().check() == ()
        assert bare_backend.query("SELECT * FROM yoyo_lock") == []
        wipe(bare_backend)


def touch(backend: Backend) -> None:
    """Make a file, should the database be one: an empty one is what the processes find."""
    backend.query("SELECT 1")


def wipe(backend: Backend) -> None:
    backend.connect().rollback_migrations(known_migrations(backend.dialect_name)[0])
    for table in YOYO_TABLES:
        backend.query(f"DROP TABLE {table}")


def numbers(*, full: bool) -> Iterator[int]:
    """Before which of its writes a process is killed: before each, or each fifth."""
    return count(1, 1 if full else 5)


@pytest.mark.proof
def test_whatever_a_killed_migration_leaves_the_next_one_completes(
    bare_backend: Backend, backend: Backend, *, full: bool
) -> None:
    for number in numbers(full=full):
        touch(bare_backend)
        if not killed_migrating(bare_backend.url, None, number):
            break
        bare_backend.connect().migrate()
        assert_complete(bare_backend, backend, number)
        wipe(bare_backend)
    assert number > len(known_migrations(bare_backend.dialect_name)) * 2


@pytest.mark.proof
def test_whatever_a_killed_rollback_leaves_the_next_migration_completes(
    backend: Backend, *, full: bool
) -> None:
    first, definition = known_migrations(backend.dialect_name)[0], backend.definition()
    for number in numbers(full=full):
        if not killed_migrating(backend.url, first, number):
            break
        backend.connect().migrate()
        assert backend.definition() == definition, number
        assert backend.connect().check() == (), number
    assert number > len(known_migrations(backend.dialect_name)) * 2


def assert_complete(backend: Backend, other: Backend, number: int) -> None:
    assert backend.definition() == other.definition(), number
    assert backend.query("SELECT * FROM yoyo_lock") == [], number
    hostmap = backend.connect()
    assert all(migration.applied for migration in hostmap.migration_status()), number
    assert hostmap.check() == (), number
    assert hostmap.migrate() == (), number
