"""Refused migrations fail at once, with the server's first error and the remedy."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

import pytest

from hostmap_sql import DatabaseError, DatabaseUnavailable, NotPermitted, connect
from hostmap_sql.schema import known_migrations
from tests.support.backends.base import LOCK_ROW
from tests.support.pace import PATIENT, SOON

if TYPE_CHECKING:
    from tests.support.backends import Backend

YOYO_TABLES = ("yoyo_lock", "_yoyo_migration", "_yoyo_log", "_yoyo_version")


@pytest.mark.needs("users")
def test_a_user_without_the_right_to_create_tables_gets_the_grant_to_run(
    bare_backend: Backend,
) -> None:
    url = bare_backend.url_of_user()
    try:
        began = monotonic()
        with connect(url, timeout=PATIENT) as hostmap, pytest.raises(DatabaseError) as caught:
            hostmap.migrate()
        assert monotonic() - began < SOON
        assert caught.type is NotPermitted
        assert "denied" in str(caught.value)
        assert "GRANT" in str(caught.value)
        assert "CREATE" in str(caught.value)
    finally:
        bare_backend.drop_user()


@pytest.mark.needs("users")
def test_the_grant_in_the_message_suffices(bare_backend: Backend) -> None:
    """An administrator runs the statement in the message."""
    url = bare_backend.url_of_user()
    try:
        with connect(url) as hostmap:
            with pytest.raises(DatabaseError) as caught:
                hostmap.migrate()
            grant = str(caught.value).partition(" run: ")[2].partition(" [")[0]
            bare_backend.query(grant)
        with connect(url) as hostmap:
            assert hostmap.migrate() == known_migrations(bare_backend.dialect_name)
            assert hostmap.check() == ()
    finally:
        bare_backend.drop_user()


@pytest.mark.needs("users")
def test_nothing_to_apply_needs_no_right_to_write(backend: Backend) -> None:
    url = backend.url_of_user()
    backend.query(LOCK_ROW)  # nor the lock
    try:
        with connect(url) as hostmap:
            assert hostmap.migrate() == ()
            assert all(migration.applied for migration in hostmap.migration_status())
    finally:
        backend.drop_user()


def test_a_read_only_database_shows_its_own_error_at_once(bare_backend: Backend) -> None:
    began = monotonic()
    with (
        bare_backend.read_only() as hostmap,
        pytest.raises(DatabaseError, match=r"(?i)read.?only") as caught,
    ):
        hostmap.migrate()
    assert monotonic() - began < SOON
    assert caught.type in (DatabaseError, NotPermitted)


def test_migrating_an_up_to_date_read_only_database_succeeds(backend: Backend) -> None:
    with backend.read_only() as hostmap:
        assert hostmap.migrate() == ()


def test_a_lock_with_the_same_pid_belongs_to_another_process(
    bare_backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hostmap_sql.migrations.migrator._LOCK_TIMEOUT", 0.3)
    monkeypatch.setattr("os.getpid", lambda: 1)  # as in each container
    first, *_, last = known_migrations(bare_backend.dialect_name)
    bare_backend.hostmap.migrate()
    bare_backend.hostmap.rollback_migrations(last)
    bare_backend.query(LOCK_ROW)

    refused = pytest.raises(DatabaseUnavailable, match=r"process 1 .*--break-lock")
    with refused:
        bare_backend.connect().migrate()
    with refused:
        bare_backend.connect().rollback_migrations(first)
    assert len(bare_backend.query("SELECT * FROM yoyo_lock")) == 1
    assert not bare_backend.hostmap.migration_status()[-1].applied

    lock = bare_backend.connect().break_migration_lock()
    assert lock is not None
    assert (lock.pid, f"{lock.taken_at:%F %T %Z}") == (1, "2026-01-02 03:04:05 UTC")
    assert bare_backend.query("SELECT * FROM yoyo_lock") == []
    assert bare_backend.connect().break_migration_lock() is None
    assert bare_backend.connect().migrate() == (last,)


def test_a_database_without_yoyos_tables_has_no_lock_to_break(bare_backend: Backend) -> None:
    bare_backend.query("SELECT 1")  # makes the file of an SQLite database
    assert bare_backend.hostmap.break_migration_lock() is None


@pytest.mark.parametrize("kept", range(len(YOYO_TABLES)))
def test_yoyos_own_tables_are_completed(bare_backend: Backend, kept: int) -> None:
    """As after a yoyo that was killed while it made them."""
    bare_backend.hostmap.migrate()
    bare_backend.hostmap.rollback_migrations(known_migrations(bare_backend.dialect_name)[0])
    bare_backend.query("DELETE FROM _yoyo_version")
    for table in YOYO_TABLES[:kept]:
        bare_backend.query(f"DROP TABLE {table}")

    assert bare_backend.connect().migrate() == known_migrations(bare_backend.dialect_name)


def test_the_table_of_yoyos_first_version_is_replaced_if_it_is_empty(
    bare_backend: Backend,
) -> None:
    bare_backend.query(
        "CREATE TABLE _yoyo_migration (id VARCHAR(191) NOT NULL PRIMARY KEY, ctime TIMESTAMP NULL)"
    )
    assert bare_backend.hostmap.migrate() == known_migrations(bare_backend.dialect_name)


def test_tables_that_a_killed_yoyo_did_not_record_are_recorded(backend: Backend) -> None:
    known, definition = known_migrations(backend.dialect_name), backend.definition()
    backend.query("DELETE FROM _yoyo_migration")

    assert backend.connect().migrate() == known
    assert backend.definition() == definition
    assert backend.connect().check() == ()


def test_a_table_with_other_columns_is_not_recorded(backend: Backend) -> None:
    last = known_migrations(backend.dialect_name)[-1]
    backend.query("ALTER TABLE cell_mapping_change ADD COLUMN colour INTEGER")
    backend.query(f"DELETE FROM _yoyo_migration WHERE migration_id = '{last}'")

    with pytest.raises(DatabaseError, match=f"{last} failed: .*already exists"):
        backend.connect().migrate()
