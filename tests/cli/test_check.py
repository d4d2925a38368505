from __future__ import annotations

import csv
import sqlite3
import stat
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from hostmap_sql.directory.finding import KINDS
from tests.docs.pages import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Cli

IN_ORDER = "hostmap: the directory is in order\n"


def damage(cli: Cli, *statements: str) -> None:
    with closing(sqlite3.connect(cli.url.removeprefix("sqlite:///"))) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


@pytest.fixture
def damaged(cli: Cli) -> Cli:
    """A directory without two of its hosts, and with a third in another cell than its history."""
    damage(
        cli,
        "DELETE FROM host_mapping WHERE host LIKE 'compute-%'",
        "UPDATE host_mapping SET cell_uuid = (SELECT uuid FROM cell_mapping WHERE name = 'cell3')",
    )
    return cli


@pytest.mark.parametrize(
    ("format_", "shown"),
    [
        ("table", ""),
        ("json", "[]\n"),
        ("csv", "kind,about,host,cell_uuid,revision,problem\n"),
        ("value", ""),
    ],
)
def test_a_consistent_directory_has_no_findings(cli: Cli, format_: str, shown: str) -> None:
    result = cli("check", "--format", format_)
    assert (result.stdout, result.stderr) == (shown, IN_ORDER)


def test_findings_are_shown_in_every_format(damaged: Cli) -> None:
    expected = [
        ("host-differs", "host 'storage-1'"),
        ("host-missing", "host 'compute-1'"),
        ("host-missing", "host 'compute-2'"),
    ]
    found = damaged.json("check", status=4)
    assert [(one["kind"], one["about"]) for one in found] == expected
    assert [(one["host"], one["revision"]) for one in found] == [
        ("storage-1", 5),
        ("compute-1", 4),
        ("compute-2", 4),
    ]
    rows = [*csv.DictReader(damaged("check", "-f", "csv", status=4).stdout.splitlines())]
    assert [(row["kind"], row["about"]) for row in rows] == expected
    assert [row["problem"] for row in rows] == [one["problem"] for one in found]
    values = damaged("check", "-f", "value", "-c", "kind,host", status=4).stdout
    assert values == "host-differs storage-1\nhost-missing compute-1\nhost-missing compute-2\n"
    result = damaged("check", status=4)
    assert result.stdout.count("host-missing") == 2
    assert "kind" in result.stdout.splitlines()[1]
    assert "cell_uuid" not in result.stdout.splitlines()[1]
    assert result.stderr == "hostmap: 3 findings: each says what to do\n"


def test_limit_bounds_the_findings_of_each_kind(damaged: Cli) -> None:
    found = damaged.json("check", "--limit", "1", status=4)
    assert [(one["kind"], one["host"]) for one in found] == [
        ("host-differs", "storage-1"),
        ("host-missing", "compute-1"),
        ("host-missing", None),
    ]
    assert "more than these 1" in found[-1]["problem"]
    assert "--limit" in damaged.error("check", "--limit", "0", status=2)


def test_check_writes_nothing(damaged: Cli) -> None:
    revision = damaged.revision()
    first = damaged("check", "-f", "json", status=4).stdout
    assert damaged("check", "-f", "json", status=4).stdout == first
    assert damaged.revision() == revision


def test_check_shows_no_url_of_a_cell(cli: Cli) -> None:
    damage(cli, "UPDATE cell_mapping SET transport_url = 's3cret of none'")
    assert "s3cret" not in cli("check", "-f", "json", status=4).output


def test_a_database_without_tables_is_an_error(cli: Cli, tmp_path: Path) -> None:
    cli.url = f"sqlite:///{tmp_path}/nothing.db"
    assert "`hostmap migrate`" in cli.error("check", status=1)


def test_fix_mode_removes_the_permissions_of_other_users(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "hostmap.db"
    file.chmod(0o644)
    assert [one["kind"] for one in cli.json("check", status=4)] == ["file-mode"]
    result = cli("check", "--fix-mode", "--format", "json")
    assert result.stdout == "[]\n"
    assert f"hostmap: removed the permissions of other users from {file}\n" in result.stderr
    assert result.stderr.endswith(IN_ORDER)
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    again = cli("check", "--fix-mode").stderr
    assert again == f"hostmap: no file has permissions to remove\n{IN_ORDER}"


def test_the_guide_names_every_kind() -> None:
    guide = (REPOSITORY / "docs/how-to/check-the-directory.md").read_text(encoding="utf-8")
    section = guide.partition("## Kinds of findings")[2]
    named = [line.split("`")[1] for line in section.splitlines() if line.startswith("| `")]
    assert named == [*KINDS]
