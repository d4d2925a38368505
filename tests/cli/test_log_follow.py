"""`hostmap log --follow`, and its alias `hostmap watch`."""

from __future__ import annotations

import json
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import Cli, running
from tests.cli.json_schemas import validate

if TYPE_CHECKING:
    import subprocess

    from hostmap_sql import HostMap

FOLLOW = ("log", "--follow", "--interval", "0.05")
NEW = (*FOLLOW, "--since", "now")


@pytest.fixture
def changes(cli: Cli) -> None:
    """Revisions 6 to 8, after those of the template."""
    cli("host", "move", "compute-1", "cell2", "--reason", "rack 9")
    cli("cell", "disable", "cell3", "--author", "burn-in")
    cli("host", "delete", "compute-1")


def lines(process: subprocess.Popen[str], number: int) -> list[str]:
    """Read the next lines of the output."""
    assert process.stdout
    return [process.stdout.readline().rstrip() for _ in range(number)]


@pytest.mark.usefixtures("changes")
@pytest.mark.parametrize(
    ("signal_", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)], ids=["TERM", "INT"]
)
def test_follow_prints_new_changes(
    signal_: signal.Signals, status: int, cli: Cli, directory: HostMap
) -> None:
    with running(cli, *FOLLOW, "--since", "7", "--format", "json") as process:
        assert process.stdout
        assert json.loads(process.stdout.readline())["revision"] == 8
        directory.hosts.create("new", directory.cells.get_by_name("cell2").uuid)
        new = json.loads(process.stdout.readline())
        assert (new["revision"], new["host"], new["new_cell"]) == (9, "new", "cell2")
        directory.cells.create("cell9")
        assert json.loads(process.stdout.readline())["new_cell"] == "cell9"
        process.send_signal(signal_)
        assert process.wait(20) == status


@pytest.mark.usefixtures("changes")
def test_the_header_is_printed_before_the_first_change(cli: Cli) -> None:
    with running(cli, *FOLLOW, "--since", "8", "-f", "csv", "-c", "revision,host") as process:
        assert process.stdout
        assert process.stdout.readline() == "revision,host\n"
        cli("host", "create", "new", "cell1")
        assert process.stdout.readline() == "9,new\n"


@pytest.mark.usefixtures("changes")
def test_a_restored_database_is_an_error(cli: Cli, directory: HostMap, tmp_path: Path) -> None:
    backup = tmp_path / "backup.db"
    database = Path(cli.url.removeprefix("sqlite:///"))
    directory.close()
    backup.write_bytes(database.read_bytes())
    with running(cli, *FOLLOW, "--since", "7", "-f", "value", "-c", "revision") as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline() == "8\n"
        cli("host", "create", "late", "cell1")
        assert process.stdout.readline() == "9\n"
        with sqlite3.connect(backup) as old, sqlite3.connect(database) as current:
            old.backup(current)
        cli("host", "create", "later", "cell1")
        assert process.wait(20) == 1
        assert "restored from a backup" in process.stderr.read()


# A write without the library.
A_CHANGE = """
UPDATE mapping_revision SET revision = 9;
INSERT INTO mapping_changeset SELECT 9, 'late' || substr(change_id, 5), author, reason, created_at
  FROM mapping_changeset WHERE revision = 8;
INSERT INTO host_mapping_change SELECT 9, 'late', NULL, uuid FROM cell_mapping WHERE name = 'cell1';
"""


@pytest.mark.usefixtures("changes")
def test_follow_waits_for_an_unavailable_database(cli: Cli, directory: HostMap) -> None:
    directory.close()
    reader = Cli(f"{cli.url}?mode=ro")
    with closing(
        sqlite3.connect(cli.url.removeprefix("sqlite:///"), isolation_level=None)
    ) as other:
        # Without WAL, a writer blocks all readers. A read-only connection does not turn WAL on.
        assert other.execute("PRAGMA journal_mode = DELETE").fetchone() == ("delete",)
        with running(reader, *FOLLOW, "--since", "7", "-f", "value", "-c", "revision") as process:
            assert process.stdout
            assert process.stderr
            assert process.stdout.readline() == "8\n"
            other.execute("BEGIN EXCLUSIVE")
            assert process.stderr.readline().endswith(": waiting for it\n")
            for statement in A_CHANGE.split(";"):
                other.execute(statement)
            other.execute("COMMIT")
            assert process.stderr.readline() == "hostmap: the database is back\n"
            assert process.stdout.readline() == "9\n"
            other.execute("BEGIN EXCLUSIVE")
            assert process.stderr.readline().endswith(": waiting for it\n")
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0


@pytest.mark.parametrize("command", [NEW, ("watch", "--interval", "0.05")], ids=["log", "watch"])
def test_since_now_begins_with_the_next_change(
    command: tuple[str, ...], cli: Cli, directory: HostMap
) -> None:
    with running(cli, *command, "-f", "csv", "-c", "revision,action,host") as process:
        assert lines(process, 1) == ["revision,action,host"]
        directory.hosts.delete("compute-1")
        assert lines(process, 1) == ["6,deleted,compute-1"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_since_the_last_revision_resumes(cli: Cli) -> None:
    with running(cli, "watch", "--interval", "0.05", "--since", "3", "-f", "json") as process:
        seen = [json.loads(line) for line in lines(process, 3)]
    validate("log", seen)
    assert [change["host"] for change in seen] == ["compute-1", "compute-2", "storage-1"]
    with running(cli, *FOLLOW, "--since", str(seen[1]["revision"]), "-f", "json") as process:
        assert json.loads(*lines(process, 1)) == seen[2]


def test_follow_filters_by_host_and_by_cell(cli: Cli, directory: HostMap) -> None:
    cells = {cell.name: cell.uuid for cell in directory.cells.list()}
    shown = ("--since", "5", "-f", "value", "-c", "host")
    with (
        running(cli, *FOLLOW, "--host", "b", *shown) as one,
        running(cli, *FOLLOW, "--cell", "cell2", *shown) as other,
    ):
        directory.hosts.create("a", cells["cell2"])
        directory.hosts.create("b", cells["cell1"])
        directory.hosts.move("b", cells["cell2"])
        assert lines(one, 2) == ["b", "b"]
        assert lines(other, 2) == ["a", "b"]


def test_a_pruned_history_is_an_error(cli: Cli, directory: HostMap) -> None:
    directory.history.prune(before=4)
    with running(cli, *FOLLOW, "--since", "1") as process:
        assert process.wait(20) == 1
        assert process.stderr
        assert "pruned" in process.stderr.read()
