from __future__ import annotations

import json
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import Cli, running

if TYPE_CHECKING:
    from hostmap_sql import HostMap

FOLLOW = ("log", "--follow", "--interval", "0.05")


@pytest.fixture(autouse=True)
def changes(cli: Cli) -> None:
    """Revisions 6 to 8, after those of the template."""
    cli("host", "move", "compute-1", "cell2", "--reason", "rack 9")
    cli("cell", "disable", "cell3", "--author", "burn-in")
    cli("host", "delete", "compute-1")


def revisions(cli: Cli, *arguments: str) -> list[int]:
    return [change["revision"] for change in cli.json("log", *arguments)]


def test_the_log_is_the_history(cli: Cli) -> None:
    assert cli.json("log") == cli.json("history")
    assert revisions(cli, "--since", "6") == [7, 8]
    assert revisions(cli, "--since", "99") == []


def test_the_log_from_a_time_on(cli: Cli) -> None:
    times = [change["created_at"] for change in cli.json("log")]
    assert revisions(cli, "--since", times[-2]) == [7, 8]
    assert revisions(cli, "--since", times[-2].removesuffix("+00:00")) == [7, 8]
    assert revisions(cli, "--since", "2999-01-01") == []
    assert len(revisions(cli, "--since", "1999-12-31T23:59:59+14:00")) == len(times)
    for wrong in ("yesterday", "-1", "2026-13-01", ""):
        error = cli.error("log", "--since", wrong, status=2)
        assert "is neither a revision nor a time such as 2026-" in error


def test_the_log_of_a_host_or_a_cell(cli: Cli) -> None:
    assert revisions(cli, "--host", "compute-1") == [4, 6, 8]
    of_cell = [(c["revision"], c["kind"], c["host"]) for c in cli.json("log", "--cell", "cell2")]
    assert (6, "host", "compute-1") in of_cell
    assert (8, "host", "compute-1") in of_cell
    assert {host for _, _, host in of_cell} == {None, "compute-1", "storage-1"}
    assert revisions(cli, "--cell", "cell3", "--since", "3") == [7]
    assert revisions(cli, "--host", "compute-1", "--cell", "cell1") == [4, 6]
    assert "cell9" in cli.error("log", "--cell", "cell9", status=3)


def test_a_deleted_cell_is_found_by_its_uuid(cli: Cli) -> None:
    uuid = cli.json("cell", "show", "cell3")["uuid"]
    cli("cell", "delete", "cell3")
    assert revisions(cli, "--cell", uuid) == [3, 7, 9]


def test_what_was_pruned_is_told(cli: Cli, directory: HostMap) -> None:
    directory.history.prune(before=6)
    result = cli("log", "--format", "value", "--columns", "revision")
    assert result.stdout == "6\n7\n8\n"
    assert "pruned" in result.stderr
    assert "pruned" in cli.error("log", "--since", "3", status=1)


def test_other_formats(cli: Cli) -> None:
    lines = cli("log", "--since", "6", "-f", "csv", "-c", "revision,author,action").stdout
    assert lines == "revision,author,action\n7,burn-in,updated\n8,operator,deleted\n"
    table = cli("log", "--since", "7").stdout
    assert table.count("\n") == 5
    assert "compute-1" in table


@pytest.mark.parametrize(
    ("signal_", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)], ids=["TERM", "INT"]
)
def test_to_follow_is_to_print_what_comes(
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


def test_only_what_is_asked_for_is_followed(cli: Cli, directory: HostMap) -> None:
    with running(
        cli, *FOLLOW, "--since", "8", "--host", "two", "-f", "value", "-c", "host"
    ) as process:
        assert process.stdout
        uuid = directory.cells.get_by_name("cell1").uuid
        directory.hosts.create("one", uuid)
        directory.hosts.create("two", uuid)
        assert process.stdout.readline() == "two\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_the_header_does_not_wait_for_a_change(cli: Cli) -> None:
    with running(cli, *FOLLOW, "--since", "8", "-f", "csv", "-c", "revision,host") as process:
        assert process.stdout
        assert process.stdout.readline() == "revision,host\n"
        cli("host", "create", "new", "cell1")
        assert process.stdout.readline() == "9,new\n"


def test_a_database_that_went_back_is_told(cli: Cli, directory: HostMap, tmp_path: Path) -> None:
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
        assert process.wait(20) == 1
        assert "restored from a backup" in process.stderr.read()


# What a writer does, in the database's own words.
A_CHANGE = """
UPDATE mapping_revision SET revision = 9;
INSERT INTO mapping_changeset SELECT 9, 'late' || substr(change_id, 5), author, reason, created_at
  FROM mapping_changeset WHERE revision = 8;
INSERT INTO host_mapping_change SELECT 9, 'late', NULL, uuid FROM cell_mapping WHERE name = 'cell1';
"""


def test_a_database_that_goes_away_is_waited_for(cli: Cli, directory: HostMap) -> None:
    directory.close()
    reader = Cli(f"{cli.url}?mode=ro")
    with closing(
        sqlite3.connect(cli.url.removeprefix("sqlite:///"), isolation_level=None)
    ) as other:
        # Without WAL, who writes can keep all others out; and who only reads does not set it.
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


def test_a_log_that_is_cut_short_is_not_told_to_be_whole(cli: Cli, directory: HostMap) -> None:
    uuid = directory.cells.get_by_name("cell2").uuid
    directory.hosts.create_many((f"host-{number:04}", uuid) for number in range(2_000))
    with running(cli, "log", "--format", "json") as process:
        assert process.stdout
        assert process.stdout.readline() == "[\n"  # and no more than the pipe takes
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == -signal.SIGTERM


@pytest.mark.parametrize("command", ["log", "watch"])
def test_no_host_has_such_a_name(cli: Cli, command: str) -> None:
    assert "white space" in cli.error(command, "--host", "new ", status=2)
