from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import Cli, running

if TYPE_CHECKING:
    from hostmap_sql import HostMap


@pytest.fixture(autouse=True)
def changes(cli: Cli) -> None:
    """Revisions 6 to 8, after those of the template."""
    cli("host", "move", "compute-1", "cell2", "--reason", "rack 9")
    cli("cell", "disable", "cell3", "--author", "burn-in")
    cli("host", "delete", "compute-1")


def revisions(cli: Cli, *arguments: str) -> list[int]:
    return [change["revision"] for change in cli.json("log", *arguments)]


def test_log_of_a_host(cli: Cli) -> None:
    log = cli.json("log", "compute-1")
    assert [(c["revision"], c["action"], c["old_cell"], c["new_cell"]) for c in log] == [
        (4, "created", None, "cell1"),
        (6, "moved", "cell1", "cell2"),
        (8, "deleted", "cell2", None),
    ]
    assert [(c["author"], c["reason"]) for c in log] == [
        ("template", None),
        ("operator", "rack 9"),
        ("operator", None),
    ]
    assert revisions(cli, "compute-1", "--since", "4") == [6, 8]
    assert cli.json("log", "compute-1") == cli.json("log", "--host", "compute-1")
    assert revisions(cli, "compute-1", "storage-1", "--host", "compute-2") == [4, 4, 5, 6, 8]


def test_log_of_everything(cli: Cli) -> None:
    log = cli.json("log")
    assert [(c["revision"], c["kind"], c["action"]) for c in log] == [
        (1, "cell", "created"),
        (2, "cell", "created"),
        (3, "cell", "created"),
        (4, "host", "created"),
        (4, "host", "created"),
        (5, "host", "created"),
        (6, "host", "moved"),
        (7, "cell", "updated"),
        (8, "host", "deleted"),
    ]
    assert all(len(change["change_id"]) == 36 for change in log)
    assert all(change["created_at"].endswith("+00:00") for change in log)
    assert [log[7][key] for key in ("host", "old_cell", "new_cell")] == [None, "cell3", "cell3"]


def test_log_since_a_revision(cli: Cli) -> None:
    assert revisions(cli, "--since", "6") == [7, 8]
    assert revisions(cli, "--since", "99") == []


def test_log_since_a_time(cli: Cli) -> None:
    times = [change["created_at"] for change in cli.json("log")]
    assert revisions(cli, "--since", times[-2]) == [7, 8]
    assert revisions(cli, "--since", times[-2].removesuffix("+00:00")) == [7, 8]
    assert revisions(cli, "--since", "2999-01-01") == []
    assert len(revisions(cli, "--since", "1999-12-31T23:59:59+14:00")) == len(times)


def test_log_since_now_is_empty(cli: Cli) -> None:
    result = cli("log", "--since", "now", "-f", "csv", "-c", "revision")
    assert (result.stdout, result.stderr) == ("revision\n", "")


@pytest.mark.parametrize("since", ["yesterday", "-1", "2026-13-01", "", "NOW"])
def test_log_since_an_invalid_place(cli: Cli, since: str) -> None:
    error = cli.error("log", "--since", since, status=2)
    assert "is neither a revision nor a time such as 2026-" in error


def test_log_since_a_revision_that_is_too_large(cli: Cli) -> None:
    assert "--since" in cli.error("log", "--since", str(1 << 63), status=2)


def test_log_of_a_host_or_a_cell(cli: Cli) -> None:
    assert revisions(cli, "--host", "compute-1") == [4, 6, 8]
    of_cell = [(c["revision"], c["kind"], c["host"]) for c in cli.json("log", "--cell", "cell2")]
    assert (6, "host", "compute-1") in of_cell
    assert (8, "host", "compute-1") in of_cell
    assert {host for _, _, host in of_cell} == {None, "compute-1", "storage-1"}
    assert revisions(cli, "--cell", "cell3", "--since", "3") == [7]
    assert revisions(cli, "--host", "compute-1", "--cell", "cell1") == [4, 6]
    assert "cell9" in cli.error("log", "--cell", "cell9", status=3)


def test_a_deleted_cell_is_shown_and_found_by_its_uuid(cli: Cli) -> None:
    uuid = cli.json("cell", "show", "cell3")["uuid"]
    cli("cell", "delete", "cell3")
    last = cli.json("log")[-1]
    assert (last["action"], last["old_cell"], last["new_cell"]) == ("deleted", uuid, None)
    assert revisions(cli, "--cell", uuid) == [3, 7, 9]


def test_an_unknown_host_is_an_error(cli: Cli) -> None:
    error = cli.error("log", "compute-1", "nope", "--author", "burn-in", status=3)
    assert error == "hostmap: host 'nope' is not mapped to any cell\n"


def test_a_pruned_history_is_reported(cli: Cli, directory: HostMap) -> None:
    directory.history.prune(before=7)
    for host in ((), ("compute-1",)):
        error = cli.error("log", *host, "--since", "3", status=1)
        assert "the history was pruned up to revision 6" in error
    result = cli("log", "-f", "json")
    assert [change["revision"] for change in json.loads(result.stdout)] == [7, 8]
    assert result.stderr == "hostmap: the history begins after revision 6: it was pruned\n"
    assert cli.json("log", "storage-1") == []


def test_log_in_other_formats(cli: Cli) -> None:
    lines = cli("log", "--since", "6", "-f", "csv", "-c", "revision,author,action").stdout
    assert lines == "revision,author,action\n7,burn-in,updated\n8,operator,deleted\n"
    lines = cli("log", "--since", "6", "-f", "value", "-c", "revision", "-c", "author").stdout
    assert lines == "7 burn-in\n8 operator\n"
    table = cli("log", "--since", "7").stdout
    assert table.count("\n") == 5
    assert "compute-1" in table


def test_a_table_omits_uuids(cli: Cli) -> None:
    header = cli("log").stdout.splitlines()[1]
    assert "old_cell" in header
    assert "uuid" not in header


def test_log_reads_many_changes(cli: Cli, directory: HostMap) -> None:
    uuid = directory.cells.get_by_name("cell1").uuid
    for number in range(25):
        directory.hosts.create(f"many-{number}", uuid)
    assert revisions(cli, "--since", "8") == [*range(9, 34)]


def test_an_interrupted_log_has_no_closing_bracket(cli: Cli, directory: HostMap) -> None:
    uuid = directory.cells.get_by_name("cell2").uuid
    directory.hosts.create_many((f"host-{number:04}", uuid) for number in range(2_000))
    with running(cli, "log", "--format", "json") as process:
        assert process.stdout
        assert process.stdout.readline() == "[\n"  # the pipe cannot hold the rest
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == -signal.SIGTERM


@pytest.mark.parametrize("follow", [(), ("--follow",)], ids=["log", "follow"])
def test_an_invalid_host_name_is_refused(cli: Cli, follow: tuple[str, ...]) -> None:
    assert "white space" in cli.error("log", *follow, "--host", "new ", status=2)
    assert "white space" in cli.error("log", *follow, "new ", status=2)


def test_history_is_an_alias(cli: Cli) -> None:
    shown = ("-f", "json")
    for arguments in ((), ("compute-1",), ("--since", "6")):
        assert cli("history", *arguments, *shown).stdout == cli("log", *arguments, *shown).stdout
    assert "`hostmap history --help`" in cli.error("history", "--nope", status=2)
