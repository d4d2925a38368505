"""Migrating concurrently, and over connections that are lost."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from yoyo.backends.base import DatabaseBackend

from hostmap_sql import DatabaseUnavailable
from hostmap_sql.migrations.run import Run
from hostmap_sql.schema import known_migrations
from tests.support.backends.base import LOCK_ROW
from tests.support.backends.expected_schema import DECLARED

if TYPE_CHECKING:
    from tests.support.backends import Backend

LOCKS = "SELECT * FROM yoyo_lock"


def test_of_concurrent_migrations_one_applies_all(bare_backend: Backend) -> None:
    directories = [bare_backend.connect() for _ in range(4)]
    bare_backend.hostmap.migrate()
    bare_backend.hostmap.rollback_migrations("0005-mapping-changeset")

    with ThreadPoolExecutor(4) as pool:
        applied = list(pool.map(lambda hostmap: hostmap.migrate(), directories))

    assert sorted(applied) == [(), (), (), known_migrations(bare_backend.dialect_name)[4:]]
    assert bare_backend.tables() == DECLARED


def test_waiting_for_the_lock_of_a_yoyo_times_out(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hostmap_sql.migrations.migrator._LOCK_TIMEOUT", 0.3)
    backend.hostmap.rollback_migrations("0007-cell-mapping-change")
    backend.query(LOCK_ROW)

    with pytest.raises(DatabaseUnavailable, match="yoyo break-lock"):
        backend.hostmap.migrate()


@pytest.mark.needs("sessions")
def test_the_lock_of_a_lost_connection_is_removed(
    bare_backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = known_migrations(bare_backend.dialect_name)
    apply_one = DatabaseBackend.apply_one
    lost: list[str] = []

    def apply_one_or_lose(self: Any, migration: Any) -> None:
        if not lost:
            lost.append(migration.id)
            bare_backend.end_other_sessions()
        apply_one(self, migration)

    monkeypatch.setattr(DatabaseBackend, "apply_one", apply_one_or_lose)
    with pytest.raises(DatabaseUnavailable, match=known[0]):
        bare_backend.hostmap.migrate()

    assert bare_backend.hostmap.migrate() == known


def test_the_lock_of_a_process_killed_at_the_very_end_is_removed(
    bare_backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Run, "_end", lambda run, **_: run._connection.close())
        bare_backend.connect().migrate()

    bare_backend.connect().migrate()
    while bare_backend.query(LOCKS):  # until the server notices that the session has ended
        assert bare_backend.connect().migrate() == ()

    assert all(migration.applied for migration in bare_backend.hostmap.migration_status())


@pytest.mark.needs("files")
def test_migrating_waits_for_a_file_that_another_process_makes(
    bare_backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(sqlite3.connect(bare_backend.url.removeprefix("sqlite:///"))) as other:
        other.execute("BEGIN EXCLUSIVE")
        monkeypatch.setattr("time.sleep", lambda _: other.rollback())
        assert bare_backend.hostmap.migrate() == known_migrations(bare_backend.dialect_name)


FORK = """
import os, sys, threading, hostmap_sql
from hostmap_sql.migrations.lock import YoyoLock

migrating, forked = threading.Event(), threading.Event()
acquire = YoyoLock.acquire

def acquire_after_the_fork(lock):
    migrating.set()
    forked.wait()
    acquire(lock)

YoyoLock.acquire = acquire_after_the_fork
with hostmap_sql.connect(sys.argv[1], timeout=5) as hostmap:
    thread = threading.Thread(target=hostmap.migrate)
    thread.start()
    migrating.wait()
    child = os.fork()
    if not child:
        forked.set()
        print(len(hostmap.migrate()), "in the child", flush=True)
        os._exit(0)
    forked.set()
    thread.join()
    assert os.waitpid(child, 0)[1] == 0
"""


def test_a_process_forked_during_a_migration_can_migrate(bare_backend: Backend) -> None:
    command = [sys.executable, "-W", "ignore", "-c", FORK, bare_backend.url]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("0 in the child\n", "")
