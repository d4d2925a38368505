"""The migrations as files, applied and rolled back with data, by the library and by yoyo."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hostmap_sql import DatabaseError, HostMap, InvalidValue, SchemaOutOfDate
from hostmap_sql.schema import _OUR_MIGRATION, known_migrations, migrations_folder
from tests.support.backends.expected_schema import DECLARED
from tests.support.faults.pools import WatchedPool

if TYPE_CHECKING:
    from tests.conftest import Cells
    from tests.support.backends import Backend

FOLDER = Path(__file__).parents[2] / "migrations"
FILES = sorted(FOLDER.glob("*/*.sql"))
FUTURE = "9999-mapping-future"


def name(path: Path) -> str:
    return path.relative_to(FOLDER).as_posix()


# --- as files -------------------------------------------------------------------------------------


def test_no_released_file_was_edited() -> None:
    """To add a file: `cd migrations && sha256sum */*.sql > CHECKSUMS`."""
    lines = (FOLDER / "CHECKSUMS").read_text().splitlines()
    listed = {path: checksum for checksum, _, path in (line.partition("  ") for line in lines)}
    actual = {name(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in FILES}
    assert actual == listed


def test_every_migration_has_a_rollback() -> None:
    names = {name(path) for path in FILES}
    ups = {n for n in names if not n.endswith(".rollback.sql")}
    assert ups
    assert {n.replace(".sql", ".rollback.sql") for n in ups} == names - ups


def test_every_database_has_the_same_migrations() -> None:
    stems = {
        folder.name: sorted(path.name for path in folder.glob("*.sql"))
        for folder in FOLDER.iterdir()
        if folder.is_dir()
    }
    assert set(stems) == {"mysql", "postgresql", "sqlite"}
    assert stems["mysql"] == stems["postgresql"] == stems["sqlite"]


def test_the_library_knows_its_migrations_by_their_names() -> None:
    for dialect in ("mysql", "postgresql", "sqlite"):
        known = known_migrations(dialect)
        assert [int(migration[:4]) for migration in known] == list(range(1, len(known) + 1))
        assert all(map(_OUR_MIGRATION.fullmatch, known)), known
        assert Path(migrations_folder(dialect)) == FOLDER / dialect


def test_ddl_for_mysql_shows_its_own_error_when_it_fails() -> None:
    """In a transaction, yoyo would show "SAVEPOINT does not exist" instead. Only data needs one."""
    for path in FOLDER.glob("mysql/*.sql"):
        head, *lines = path.read_text().splitlines()
        statements = [line for line in lines if not line.startswith("--")]
        is_ddl = any(line.startswith(("CREATE", "DROP", "ALTER")) for line in statements)
        assert (head == "-- transactional: false") is is_ddl, name(path)
        assert "".join(statements).count(";") == is_ddl or not is_ddl, f"{name(path)}: one each"


# --- applying and rolling back --------------------------------------------------------------------


def test_the_tables_are_the_declared_ones(backend: Backend) -> None:
    assert backend.tables() == DECLARED


def test_only_the_first_migrate_makes_the_tables(bare_backend: Backend) -> None:
    hostmap, known = bare_backend.hostmap, known_migrations(bare_backend.dialect_name)
    assert [(s.id, s.applied) for s in hostmap.migration_status()] == [(m, False) for m in known]

    assert hostmap.migrate() == known
    assert hostmap.migrate() == ()

    assert [(s.id, s.applied) for s in hostmap.migration_status()] == [(m, True) for m in known]
    assert bare_backend.tables() == DECLARED
    assert hostmap.revision() == 0


def test_each_migration_is_rolled_back_and_applied_again(
    backend: Backend, hostmap: HostMap, cells: Cells
) -> None:
    known, definition = known_migrations(backend.dialect_name), backend.definition()
    hostmap.hosts.create_many((f"h{n}", cells.one.uuid) for n in range(10))

    for migration in reversed(known):
        assert hostmap.rollback_migrations(migration) == (migration,)
    assert backend.tables() == {}
    assert hostmap.migrate() == known

    assert backend.definition() == definition
    again = backend.connect()
    assert (again.hosts.list(), again.cells.list(), again.revision()) == ([], [], 0)
    cell = again.cells.create("cell1", uuid=cells.one.uuid)
    assert again.hosts.create("h1", cell.uuid).revision == 2


def test_a_rollback_of_some_migrations_keeps_the_other_tables(
    backend: Backend, hostmap: HostMap, cells: Cells
) -> None:
    known = known_migrations(backend.dialect_name)
    hostmap.hosts.create("a", cells.one.uuid)

    assert hostmap.rollback_migrations("0005-mapping-changeset") == known[:3:-1]
    assert hostmap.migrate() == known[4:]
    again = backend.connect()
    assert again.hosts.get("a").cell == cells.one, "the other tables keep their rows"
    assert hostmap.rollback_migrations(known[0]) == known[::-1]
    assert backend.tables() == {}


def test_rolling_back_an_unapplied_migration_is_refused(backend: Backend, hostmap: HostMap) -> None:
    last = known_migrations(backend.dialect_name)[-1]
    hostmap.rollback_migrations(last)

    for wrong in (last, "0001", "", "9999-no-such-mapping"):
        with pytest.raises(InvalidValue) as caught:
            hostmap.rollback_migrations(wrong)
        assert caught.value.field == "migration"


def test_migrating_through_an_external_pool(bare_backend: Backend) -> None:
    known = known_migrations(bare_backend.dialect_name)
    for lend, mode in bare_backend.own_pools():
        pool = WatchedPool(lend, mode)
        hostmap = HostMap(pool, bare_backend.dialect_name)

        assert hostmap.migrate() == known
        assert bare_backend.tables() == DECLARED
        assert hostmap.cells.create("a").revision == 1
        assert hostmap.rollback_migrations(known[0]) == known[::-1]

        assert len(pool.modes) >= 3
        assert all(before == after for before, after in pool.modes), set(pool.modes)


# --- the schema version ---------------------------------------------------------------------------


def test_an_empty_database_names_all_migrations_as_missing(bare_backend: Backend) -> None:
    for use in (
        lambda: bare_backend.hostmap.hosts.get("a"),
        lambda: bare_backend.hostmap.cells.create("a"),
    ):
        with pytest.raises(SchemaOutOfDate) as caught:
            use()
        assert caught.type is SchemaOutOfDate
        assert caught.value.missing == known_migrations(bare_backend.dialect_name)
        assert caught.value.unknown == ()
        assert "`hostmap migrate`" in str(caught.value)


def test_an_older_schema_names_what_is_missing(backend: Backend, hostmap: HostMap) -> None:
    last = known_migrations(backend.dialect_name)[-1]
    hostmap.rollback_migrations(last)

    with pytest.raises(SchemaOutOfDate) as caught:
        backend.connect().hosts.list()

    assert (caught.value.missing, caught.value.unknown) == ((last,), ())


def insert_migration(backend: Backend, migration: str) -> None:
    backend.query(
        "INSERT INTO _yoyo_migration (migration_hash, migration_id, applied_at_utc)"
        f" VALUES ('{migration}', '{migration}', '2026-01-01 00:00:00')"
    )


def test_a_newer_schema_is_refused(backend: Backend) -> None:
    insert_migration(backend, FUTURE)
    hostmap = backend.connect()

    for use in (
        hostmap.hosts.list,
        lambda: hostmap.cells.create("a"),
        hostmap.migrate,
        lambda: hostmap.rollback_migrations("0007-cell-mapping-change"),
    ):
        with pytest.raises(SchemaOutOfDate) as caught:
            use()
        assert (caught.value.missing, caught.value.unknown) == ((), (FUTURE,))
        assert "install a newer one" in str(caught.value)
    assert backend.tables() == DECLARED


@pytest.mark.parametrize("foreign", ["0001-create-users", "20260101_01_abcde-mapping", "x"])
def test_migrations_of_other_programs_are_ignored(foreign: str, backend: Backend) -> None:
    insert_migration(backend, foreign)
    hostmap = backend.connect()

    assert hostmap.hosts.list() == []
    assert hostmap.migrate() == ()
    hostmap.rollback_migrations("0001-cell-mapping")
    assert backend.query("SELECT migration_id FROM _yoyo_migration") == [(foreign,)]


def test_tables_made_without_yoyo_are_accepted(backend: Backend, cells: Cells) -> None:
    for table in ("_yoyo_migration", "_yoyo_log", "_yoyo_version", "yoyo_lock"):
        backend.query(f"DROP TABLE {table}")

    assert backend.connect().cells.list() == [*cells]


# --- when one fails -------------------------------------------------------------------------------


def test_a_failed_migration_is_named_with_the_error_of_the_database(
    bare_backend: Backend,
) -> None:
    bare_backend.query("CREATE TABLE mapping_changeset (x INTEGER)")

    with pytest.raises(DatabaseError) as caught:
        bare_backend.hostmap.migrate()

    assert caught.type is DatabaseError
    assert "0005-mapping-changeset failed" in str(caught.value)
    assert "already exists" in str(caught.value)
    assert isinstance(caught.value.__cause__, bare_backend.driver.error)
    bare_backend.query("DROP TABLE mapping_changeset")
    assert bare_backend.hostmap.migrate() == known_migrations(bare_backend.dialect_name)[4:]
    assert bare_backend.tables() == DECLARED


def test_invalid_sql_in_a_migration_is_shown(
    backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "migrations"
    shutil.copytree(FOLDER / backend.dialect_name, folder)
    (folder / "0008-wrong-mapping.sql").write_text("-- transactional: false\nCREATE TABEL x;\n")
    monkeypatch.setattr("hostmap_sql.migrations.migrator.migrations_folder", lambda _: str(folder))

    with pytest.raises(DatabaseError, match=r"0008-wrong-mapping failed: .*TABEL"):
        backend.hostmap.migrate()


def test_an_empty_folder_of_migrations_is_refused(
    backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "hostmap_sql.migrations.migrator.migrations_folder", lambda _: str(tmp_path)
    )

    with pytest.raises(DatabaseError, match="no migrations"):
        backend.hostmap.migrate()


# --- yoyo's own command ---------------------------------------------------------------------------


def yoyo(backend: Backend, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("yoyo")), *arguments]
    options = ["--batch", "--no-config-file", "--database", backend.yoyo_url]
    return subprocess.run(
        [*command, *options, str(FOLDER / backend.dialect_name)],
        check=False,
        capture_output=True,
        text=True,
    )


def test_yoyos_own_command_and_the_library_can_alternate(bare_backend: Backend) -> None:
    bare_backend.hostmap.migrate()
    bare_backend.hostmap.rollback_migrations("0006-host-mapping-change")

    assert yoyo(bare_backend, "apply").returncode == 0
    assert bare_backend.tables() == DECLARED
    result = yoyo(bare_backend, "rollback", "--all")
    assert result.returncode == 0, result.stderr
    assert bare_backend.tables() == {}


def test_yoyos_own_command_shows_the_error_of_the_database(bare_backend: Backend) -> None:
    bare_backend.query("CREATE TABLE host_mapping (x INTEGER)")

    result = yoyo(bare_backend, "apply")

    assert result.returncode != 0
    assert "already exists" in result.stderr
    assert "SAVEPOINT" not in result.stderr


# --- an SQLite file -------------------------------------------------------------------------------


@pytest.mark.needs("files")
def test_a_new_file_is_readable_by_its_owner_only(bare_backend: Backend) -> None:
    path = Path(bare_backend.url.partition("///")[2])
    before = os.umask(0)
    try:
        bare_backend.hostmap.migrate()
        bare_backend.hostmap.cells.create("a")
    finally:
        os.umask(before)

    files = {p.name: stat.S_IMODE(p.stat().st_mode) for p in path.parent.iterdir()}
    assert files
    assert set(files.values()) == {0o600}, files


@pytest.mark.needs("files")
def test_an_existing_file_keeps_its_mode(bare_backend: Backend) -> None:
    path = Path(bare_backend.url.partition("///")[2])
    path.touch(0o640)
    path.chmod(0o640)

    bare_backend.hostmap.migrate()

    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.needs("files")
def test_a_file_that_cannot_be_made_is_named(bare_backend: Backend) -> None:
    path = Path(bare_backend.url.partition("///")[2])
    path.parent.rmdir()
    try:
        with pytest.raises(InvalidValue, match="cannot be created"):
            bare_backend.hostmap.migrate()
    finally:
        path.parent.mkdir()
