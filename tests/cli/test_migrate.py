from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import Cli
from tests.support.backends.base import LOCK_ROW

if TYPE_CHECKING:
    from pathlib import Path

LAST = "0007-cell-mapping-change"


@pytest.fixture
def new(tmp_path: Path) -> Cli:
    """The command on a database that does not exist yet."""
    return Cli(f"sqlite:///{tmp_path / 'new.db'}")


def test_migrate_creates_the_tables_once(new: Cli) -> None:
    result = new("migrate", "-f", "value", "-c", "id")
    assert result.stdout.splitlines()[0] == "0001-cell-mapping"
    assert result.stdout.splitlines()[-1] == LAST
    assert "applied 7 migrations" in result.stderr
    assert new.json("migrate") == []
    assert "up to date" in new("migrate").stderr
    assert new.json("cell", "list") == []


def test_status_writes_nothing(cli: Cli) -> None:
    status = cli.json("migrate", "--status")
    assert len(status) == 7
    assert all(migration["applied"] for migration in status)
    assert cli.revision() == 5


@pytest.mark.parametrize("answer", ["y\n", "Yes\n"])
def test_rollback_asks_first(cli: Cli, answer: str) -> None:
    result = cli("migrate", "--rollback", "0006-host-mapping-change", input=answer)
    assert "0006-host-mapping-change, 0007-cell-mapping-change" in result.stderr
    assert "THE DATA IN THEIR TABLES IS LOST" in result.stderr
    applied = [migration["applied"] for migration in cli.json("migrate", "--status")]
    assert applied == [True] * 5 + [False] * 2


@pytest.mark.parametrize("answer", ["n\n", "\n", "", "yesterday\n"])
def test_rollback_needs_a_yes(cli: Cli, answer: str) -> None:
    result = cli("migrate", "--rollback", LAST, status=1, input=answer)
    assert result.stderr.endswith("so nothing was done: answer y, or give --yes\n")
    assert all(migration["applied"] for migration in cli.json("migrate", "--status"))


def test_a_rollback_can_be_migrated_again(cli: Cli) -> None:
    assert cli.json("migrate", "--rollback", LAST, "--yes") == [{"id": LAST, "applied": False}]
    error = cli.error("cell", "list", status=1)
    assert LAST in error
    assert "`hostmap migrate`" in error
    assert cli.json("migrate") == [{"id": LAST, "applied": True}]
    cli("cell", "list")


@pytest.mark.parametrize("yes", [(), ("--yes",)])
def test_rollback_refuses_a_migration_that_is_not_applied(cli: Cli, yes: tuple[str, ...]) -> None:
    error = cli.error("migrate", "--rollback", "0009-nope", *yes, status=2)
    assert error.startswith("hostmap: --rollback '0009-nope' is not applied")


@pytest.mark.parametrize(
    "options",
    [
        ("--status", "--rollback", LAST),
        ("--status", "--break-lock"),
        ("--break-lock", "--rollback", LAST),
    ],
    ids=" ".join,
)
def test_status_rollback_and_break_lock_exclude_each_other(
    cli: Cli, options: tuple[str, ...]
) -> None:
    assert "do not go together" in cli.error("migrate", *options, status=2)


def test_break_lock_names_the_process(cli: Cli, tmp_path: Path) -> None:
    cli("migrate", "--rollback", LAST, "--yes")
    with closing(sqlite3.connect(tmp_path / "hostmap.db")) as connection, connection:
        connection.execute(LOCK_ROW)
    assert "process 1 " in cli.error("--timeout", "0.5", "migrate", status=6)

    said = cli("migrate", "--break-lock").stderr
    assert "removed the lock that process 1 took at 2026-01-02 03:04:05 UTC" in said
    assert "none was removed" in cli("migrate", "--break-lock").stderr
    assert cli.json("migrate") == [{"id": LAST, "applied": True}]


@pytest.mark.parametrize(
    "command",
    [
        ("cell", "list"),
        ("cell", "create", "x"),
        ("host", "show", "x"),
        ("host", "list"),
        ("host", "list", "--format", "csv"),
        ("host", "list", "--format", "json"),
        ("host", "export"),
        ("log",),
        ("log", "x"),
    ],
    ids=" ".join,
)
def test_a_missing_or_empty_database_suggests_migrate(
    new: Cli, tmp_path: Path, command: tuple[str, ...]
) -> None:
    assert "`hostmap migrate`" in new.error(*command, status=1)
    assert not (tmp_path / "new.db").exists()
    (tmp_path / "new.db").touch()
    assert "`hostmap migrate`" in new.error(*command, status=1)


def test_a_newer_schema_suggests_an_upgrade(cli: Cli, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "hostmap.db")) as connection, connection:
        connection.execute(
            "INSERT INTO _yoyo_migration (migration_hash, migration_id) "
            "VALUES ('x', '0999-host-mapping-colour')"
        )
    for command in (("cell", "list"), ("migrate",)):
        error = cli.error(*command, status=1)
        assert "newer" in error
        assert "pip install --upgrade hostmap-sql" in error


def test_a_text_file_is_not_a_database(new: Cli, tmp_path: Path) -> None:
    (tmp_path / "new.db").write_text("no database, but text\n" * 100)
    assert "not a database" in new.error("cell", "list", status=1)
    assert "not a database" in new.error("migrate", status=1)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    error = Cli(f"sqlite:///{tmp_path}/nope/hostmap.db").error("migrate", status=2)
    assert error.startswith("hostmap: --database (or HOSTMAP_DATABASE) names a file")
