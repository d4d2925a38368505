"""The tables are the same on each database, whichever command makes them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hostmap_sql import DatabaseError, DatabaseUnavailable
from hostmap_sql.schema import known_migrations
from tests.support.backends.catalog import DICTIONARIES, catalog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Servers
    from tests.support.backends import Backend

FOLDER = Path(__file__).parents[2] / "migrations"
STEMS = known_migrations("sqlite")
COMMANDS = Path(sys.executable).parent

# The purpose of each column determines its type: see support/backends/catalog.py. "?": nullable.
COLUMNS = {
    "cell_mapping": """uuid uuid, name name, transport_url url?, database_connection url?,
        disabled flag, revision revision, created_at time, updated_at time?""",
    "cell_mapping_change": "revision revision, cell_uuid uuid, action word",
    "host_mapping": """host name, cell_uuid uuid, revision revision, created_at time,
        updated_at time?""",
    "host_mapping_change": """revision revision, host name, old_cell_uuid uuid?,
        new_cell_uuid uuid?""",
    "mapping_changeset": """revision revision, change_id uuid, author name?, reason name?,
        created_at time""",
    "mapping_revision": "id one, revision revision, pruned_revision revision",
}
KEYS = {
    ("cell_mapping", "primary", "", "uuid"),
    ("cell_mapping", "unique", "", "name"),
    ("cell_mapping_change", "primary", "", "revision,cell_uuid"),
    ("host_mapping", "primary", "", "host"),
    ("host_mapping", "index", "host_mapping_cell_uuid_host", "cell_uuid,host"),
    ("host_mapping_change", "primary", "", "revision,host"),
    ("host_mapping_change", "index", "host_mapping_change_host_revision", "host,revision"),
    ("mapping_changeset", "primary", "", "revision"),
    ("mapping_changeset", "unique", "", "change_id"),
    ("mapping_revision", "primary", "", "id"),
}
FOREIGN_KEYS = {("host_mapping", "cell_uuid", "cell_mapping", "uuid", "NO ACTION")}


def yoyo(backend: Backend, *arguments: str) -> None:
    """Run yoyo's own command."""
    options = ["--batch", "--no-config-file", "--database", backend.yoyo_url]
    run(COMMANDS / "yoyo", arguments[0], *options, *arguments[1:])


def run(*command: str | Path) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def another_bare(bare_backend: Backend, servers: Servers) -> Iterator[Callable[[], Backend]]:
    """Make more empty databases of the kind of `bare_backend`."""
    factory = servers.factory(bare_backend.kind)
    made: list[Backend] = []

    def make() -> Backend:
        made.append(factory.bare())
        return made[-1]

    yield make
    for backend in made:
        backend.close()
        factory.drop(backend)


def test_yoyo_the_library_and_the_command_make_the_same_tables(
    bare_backend: Backend, another_bare: Callable[[], Backend]
) -> None:
    by_yoyo, by_command = another_bare(), another_bare()
    assert bare_backend.hostmap.migrate() == STEMS
    yoyo(by_yoyo, "apply", str(FOLDER / by_yoyo.dialect_name))
    run(COMMANDS / "hostmap", "--database", by_command.url, "migrate")

    expected = catalog(bare_backend)
    assert expected.tables == set(COLUMNS)
    for other in (by_yoyo, by_command):
        assert catalog(other) == expected
        assert other.hostmap.migrate() == ()


def test_the_tables_are_the_same_on_every_database(backend: Backend) -> None:
    types = DICTIONARIES[backend.kind].types
    found = catalog(backend)

    expected = []
    for table, columns in COLUMNS.items():
        for name, purpose in (column.split() for column in columns.split(",")):
            type_, collation = types[purpose.rstrip("?")]
            expected.append((table, name, type_, purpose.endswith("?"), collation))
    assert list(found.columns) == expected
    assert found.keys == KEYS
    assert found.foreign_keys == FOREIGN_KEYS


def test_yoyo_removes_a_lock_that_a_killed_process_left_behind(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hostmap_sql.migrations.migrator._LOCK_TIMEOUT", 0.2)
    backend.query("INSERT INTO yoyo_lock VALUES (1, '2001-02-03 04:05:06', 12345)")

    with pytest.raises(DatabaseUnavailable, match="`yoyo break-lock`"):
        backend.hostmap.rollback_migrations(STEMS[-1])
    assert backend.query("SELECT pid FROM yoyo_lock") == [(12345,)]
    assert backend.hostmap.revision() == 0  # other calls do not wait for the lock

    yoyo(backend, "break-lock")
    assert backend.hostmap.migrate() == ()


def test_a_failed_rollback_is_named_with_the_reason(backend: Backend) -> None:
    backend.query("DROP TABLE cell_mapping_change")
    backend.query("CREATE VIEW cell_mapping_change AS SELECT 1 AS revision")
    with pytest.raises(DatabaseError, match=STEMS[-1]) as caught:
        backend.hostmap.rollback_migrations(STEMS[-1])
    assert isinstance(caught.value.__cause__, backend.driver.error)
    assert "cell_mapping_change" in str(caught.value)


@pytest.mark.needs("transactional DDL")
def test_a_migration_whose_second_statement_fails_leaves_nothing(bare_backend: Backend) -> None:
    bare_backend.query("CREATE TABLE other (id INTEGER)")
    bare_backend.query("CREATE INDEX host_mapping_cell_uuid_host ON other (id)")

    with pytest.raises(DatabaseError, match=STEMS[1]):
        bare_backend.hostmap.migrate()
    assert catalog(bare_backend).tables == {"cell_mapping", "other"}

    bare_backend.query("DROP TABLE other")
    assert bare_backend.hostmap.migrate() == STEMS[1:]
