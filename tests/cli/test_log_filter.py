"""The filters of `hostmap log`."""

from __future__ import annotations

import signal
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import Cli, running

if TYPE_CHECKING:
    from hostmap_sql import HostMap


@pytest.fixture(autouse=True)
def changes(cli: Cli) -> None:
    """Revisions 6 to 10, after those of the template."""
    cli("host", "move", "compute-1", "cell2", "--author", "alice", "--reason", "rack 9 rewired")
    cli("host", "move", "compute-2", "cell3", "--author", "bob", "--reason", "rack 10")
    cli("cell", "disable", "cell3", "--author", "alice")
    cli("host", "delete", "compute-1", "--author", "bob", "--reason", "Rack 9")
    cli("host", "create", "new", "cell1", "--author", "alice")


def revisions(cli: Cli, *arguments: str) -> list[int]:
    return [change["revision"] for change in cli.json(*arguments)]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--author", "alice"), [6, 8, 10]),
        (("--author", "alice", "--author", "bob"), [6, 7, 8, 9, 10]),
        (("--author", "ali"), []),
        (("--author", "Alice"), []),
        (("--reason", "rack 9"), [6]),
        (("--reason", "rack"), [6, 7]),
        (("--reason", "rack 9", "--reason", "Rack"), [6, 9]),
        (("--host", "compute-1"), [4, 6, 9]),
        (("--host", "compute-1", "--host", "new", "--host", "compute-1"), [4, 6, 9, 10]),
        (("--host", "nope"), []),
        (("--cell", "cell3"), [3, 7, 8]),
        (("--cell", "cell3", "--cell", "cell2"), [2, 3, 5, 6, 7, 8, 9]),
        (("--author", "bob", "--cell", "cell2"), [9]),
        (("--author", "bob", "--host", "compute-2", "--reason", "1"), [7]),
        (("--author", "alice", "--host", "compute-2"), []),
        (("--author", "alice", "--since", "6"), [8, 10]),
        (("--host", "compute-1", "--since", "6"), [9]),
    ],
    ids=str,
)
def test_every_filter_must_match(arguments: tuple[str, ...], expected: list[int], cli: Cli) -> None:
    assert revisions(cli, "log", *arguments) == expected


def test_filters_are_accepted_before_the_command(cli: Cli) -> None:
    assert revisions(cli, "--author", "alice", "log") == [6, 8, 10]
    assert revisions(cli, "--author", "alice", "log", "--author", "bob") == [6, 7, 8, 9, 10]
    both = ("--author", "alice", "--author", "bob", "--reason", "rack")
    assert revisions(cli, *both, "log") == [6, 7]


def test_an_unknown_host_of_the_option_is_reported(cli: Cli, directory: HostMap) -> None:
    directory.hosts.create("web-1.example.org", directory.cells.get_by_name("cell1").uuid)
    known = ("--host", "web-1.example.org", "--host", "compute-1")  # the latter is deleted
    result = cli("log", *known, "--host", "web-1", "-f", "value", "-c", "host")
    assert "web-1.example.org" in result.stdout
    assert result.stderr == (
        "hostmap: host 'web-1' is not mapped to any cell: did you mean 'web-1.example.org'?\n"
    )


def test_the_log_of_a_host_is_filtered_too(cli: Cli) -> None:
    assert revisions(cli, "log", "compute-1") == [4, 6, 9]
    assert revisions(cli, "log", "compute-1", "--author", "bob") == [9]
    assert revisions(cli, "log", "compute-1", "--cell", "cell1") == [4, 6]


@pytest.mark.parametrize("follow", [(), ("--follow",)], ids=["log", "follow"])
def test_values_that_match_no_change_are_refused(follow: tuple[str, ...], cli: Cli) -> None:
    for option, value in (("--author", "a\tb"), ("--author", "bob "), ("--host", "new ")):
        assert option[2:] in cli.error("log", *follow, option, value, status=2)
    assert "cell9" in cli.error("log", *follow, "--cell", "cell1", "--cell", "cell9", status=3)


def test_a_revision_above_the_newest_is_reported(cli: Cli) -> None:
    result = cli("log", "--since", "99", "-f", "csv", "-c", "revision")
    assert result.stdout == "revision\n"
    assert result.stderr == (
        "hostmap: revision 99 is above the newest, 10: it belongs to another database, or this one "
        "was restored from a backup\n"
    )
    assert not cli("log", "--since", "10").stderr


def test_a_pruned_history_of_a_host_is_reported(cli: Cli, directory: HostMap) -> None:
    directory.history.prune(before=6)
    result = cli("log", "--host", "compute-1", "-f", "value", "-c", "revision")
    assert result.stdout == "6\n9\n"
    assert "the history begins after revision 5" in result.stderr
    error = cli.error("log", "--host", "compute-1", "--since", "3", status=1)
    assert "pruned up to revision 5" in error


def test_filters_apply_to_new_changes(cli: Cli, directory: HostMap) -> None:
    command = ("log", "--follow")
    cells = {cell.name: cell.uuid for cell in directory.cells.list()}
    shown = ("--since", "9", "--interval", "0.05", "-f", "value", "-c", "author,host,new_cell")
    by_author = ("--author", "carol", *command, "--reason", "rack", *shown)
    of_hosts = (*command, "--host", "a", "--host", "b", *shown)
    with running(cli, *by_author) as one, running(cli, *of_hosts) as other:
        for author, reason in (("alice", "rack 1"), ("carol", "rack 2"), ("carol", "burn-in")):
            host = f"{author}-{reason[-1]}"
            directory.with_author(author=author, reason=reason).hosts.create(host, cells["cell1"])
        directory.with_author(author="dave").hosts.create("a", cells["cell1"])
        cells["cell9"] = directory.cells.create("cell9").uuid
        directory.with_author(author="carol", reason="rack 3").hosts.create("b", cells["cell9"])
        for process, expected in (
            (one, ["carol carol-2 cell1", "carol b cell9"]),
            (other, ["dave a cell1", "carol b cell9"]),
        ):
            assert process.stdout
            assert [process.stdout.readline().rstrip() for _ in expected] == expected
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0


MANY = 20_000


@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_the_first_match_is_shown_before_the_last_is_read(form: str, cli: Cli) -> None:
    with closing(sqlite3.connect(cli.url.removeprefix("sqlite:///"))) as database:
        new = range(11, MANY)
        database.executemany(
            "INSERT INTO mapping_changeset VALUES (?, ?, ?, NULL, '2026-01-01 00:00:00.000000')",
            ((n, f"{n:036}", "carol" if n in (12, 13, MANY - 1) else "bob") for n in new),
        )
        database.executemany(
            "INSERT INTO host_mapping_change VALUES (?, ?, NULL, NULL)",
            ((n, f"h{n % 100}") for n in new),
        )
        database.execute("UPDATE mapping_revision SET revision = ?", (MANY - 1,))
        database.commit()
    with running(cli, "log", "--author", "carol", "-f", form) as process:
        assert process.stdout
        while "carol" not in process.stdout.readline():
            pass
        assert process.poll() is None
        assert "carol" in process.stdout.read()
        assert process.wait(60) == 0
