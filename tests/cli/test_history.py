from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from hostmap_sql import HostMap
    from tests.cli.conftest import Cli


@pytest.fixture(autouse=True)
def changes(cli: Cli) -> None:
    """Revisions 6 to 8, after those of the template."""
    cli("host", "move", "compute-1", "cell2", "--reason", "rack 9")
    cli("cell", "disable", "cell3", "--author", "burn-in")
    cli("host", "delete", "compute-1")


def test_history_of_a_host(cli: Cli) -> None:
    history = cli.json("history", "compute-1")
    assert [(c["revision"], c["action"], c["old_cell"], c["new_cell"]) for c in history] == [
        (4, "created", None, "cell1"),
        (6, "moved", "cell1", "cell2"),
        (8, "deleted", "cell2", None),
    ]
    assert [(c["author"], c["reason"]) for c in history] == [
        ("template", None),
        ("operator", "rack 9"),
        ("operator", None),
    ]
    assert [c["revision"] for c in cli.json("history", "compute-1", "--since", "4")] == [6, 8]


def test_history_of_everything(cli: Cli) -> None:
    history = cli.json("history")
    assert [(c["revision"], c["kind"], c["action"]) for c in history] == [
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
    assert all(len(change["change_id"]) == 36 for change in history)
    assert all(change["created_at"].endswith("+00:00") for change in history)
    assert [history[7][key] for key in ("host", "old_cell", "new_cell")] == [None, "cell3", "cell3"]


def test_history_since_a_revision(cli: Cli) -> None:
    lines = cli("history", "--since", "6", "-f", "value", "-c", "revision", "-c", "author").stdout
    assert lines == "7 burn-in\n8 operator\n"
    assert cli.json("history", "--since", "8") == cli.json("history", "--since", "99") == []


def test_history_is_read_page_after_page(cli: Cli, directory: HostMap) -> None:
    uuid = directory.cells.get_by_name("cell1").uuid
    for number in range(25):
        directory.hosts.create(f"many-{number}", uuid)
    assert [change["revision"] for change in cli.json("history", "--since", "8")] == [*range(9, 34)]


def test_a_deleted_cell_goes_by_its_uuid(cli: Cli) -> None:
    uuid = cli.json("cell", "show", "cell3")["uuid"]
    cli("cell", "delete", "cell3")
    last = cli.json("history")[-1]
    assert (last["action"], last["old_cell"], last["new_cell"]) == ("deleted", uuid, None)


def test_a_host_that_never_was(cli: Cli) -> None:
    error = cli.error("history", "nope", status=3)
    assert error == "hostmap: host 'nope' is not mapped to any cell\n"


def test_a_pruned_history(cli: Cli, directory: HostMap) -> None:
    directory.history.prune(before=7)
    for host in ((), ("compute-1",)):
        error = cli.error("history", *host, "--since", "3", status=1)
        assert "the history was pruned up to revision 6" in error
    result = cli("history", "-f", "json")
    assert [change["revision"] for change in json.loads(result.stdout)] == [7, 8]
    assert result.stderr == "hostmap: the history begins after revision 6: it was pruned\n"
    assert cli.json("history", "storage-1") == []


def test_a_table_leaves_out_what_is_long(cli: Cli) -> None:
    header = cli("history").stdout.splitlines()[1]
    assert "old_cell" in header
    assert "uuid" not in header


@pytest.mark.parametrize("since", ["-1", "x", str(1 << 63)])
def test_a_wrong_revision(cli: Cli, since: str) -> None:
    assert "--since" in cli.error("history", "--since", since, status=2)
