"""Work on all hosts of a cell: `cell drain`, and the dry run of `cell delete`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hostmap_sql.batching import BULK_SIZE
from hostmap_sql.directory import hosts
from tests.cli.conftest import CELL1_UUID
from tests.cli.test_process import run, run_on_terminal

if TYPE_CHECKING:
    from collections.abc import Callable

    from hostmap_sql import HostMap
    from tests.cli.conftest import Cli

OTHER_UUID = "11111111-2222-4333-8444-555555555555"
CELL0_UUID = "00000000-0000-0000-0000-000000000000"
SIGNED = ("--author", "alice", "--reason", "cell1 is retired")


def plan(action: str, kind: str, name: str, **values: str) -> dict[str, str | None]:
    none = dict.fromkeys(("action", "kind", "name", "cell", "actual_cell", "detail"))
    return {**none, "action": action, "kind": kind, "name": name, **values}


def fill(directory: HostMap, cell: str, number: int) -> None:
    uuid = directory.cells.get_by_name(cell).uuid
    directory.hosts.create_many((f"many-{n:05}", uuid) for n in range(number))


# --- drain ----------------------------------------------------------------------------------------


def test_drain_moves_all_hosts_and_then_changes_nothing(cli: Cli, directory: HostMap) -> None:
    sentence = "hosts from cell 'cell1' to cell 'cell3'\n"

    assert cli("cell", "drain", "cell1", "cell3", *SIGNED).stdout == f"moved 2 {sentence}"
    assert cli.revision() == 6
    assert directory.cells.host_counts()[CELL1_UUID] == 0
    for host in ("compute-1", "compute-2"):
        assert directory.hosts.get(host).cell.name == "cell3"
        change = directory.history.of_host(host)[-1]
        assert (change.revision, change.old_cell_uuid) == (6, CELL1_UUID)
        assert (change.author, change.reason) == ("alice", "cell1 is retired")
    assert cli("cell", "drain", "cell1", "cell3").stdout == f"moved 0 {sentence}"
    assert cli.revision() == 6


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        (
            ("-f", "csv", "-c", "from_cell,to_cell,moved"),
            "from_cell,to_cell,moved\ncell1,cell2,2\n",
        ),
        (("-f", "value", "-c", "moved"), "2\n"),
    ],
)
def test_drain_in_every_format(cli: Cli, options: tuple[str, ...], shown: str) -> None:
    assert cli("cell", "drain", "cell1", "cell2", *options).stdout == shown


def test_drain_in_json_with_cells_by_uuid(cli: Cli, directory: HostMap) -> None:
    to = directory.cells.get_by_name("cell2").uuid
    assert cli.json("cell", "drain", CELL1_UUID.upper(), to) == {
        "from_cell": "cell1",
        "from_cell_uuid": CELL1_UUID,
        "to_cell": "cell2",
        "to_cell_uuid": to,
        "moved": 2,
    }


def test_drain_does_what_its_dry_run_shows(cli: Cli, directory: HostMap) -> None:
    command = ("cell", "drain", "cell1", "cell3")
    shown = cli.json(*command, "--dry-run")
    assert shown == [
        plan("move", "host", host, cell="cell3", actual_cell="cell1")
        for host in ("compute-1", "compute-2")
    ]
    result = cli(*command, "--dry-run", "-f", "csv", "-c", "action,name")
    assert result.stdout == "action,name\nmove,compute-1\nmove,compute-2\n"
    assert result.stderr == "hostmap: dry run: nothing was written; 2 hosts would be moved\n"
    assert cli.revision() == 5

    cli(*command)
    [changeset] = directory.history.since(5)
    assert [change.host for change in changeset.hosts] == [row["name"] for row in shown]
    assert cli.json(*command, "--dry-run") == []


@pytest.mark.parametrize("dry_run", [(), ("--dry-run",)], ids=["", "dry run"])
@pytest.mark.parametrize(
    ("cells", "status", "error"),
    [
        (("cell1", "cell1"), 2, "TO is cell 'cell1' itself: name a cell other than FROM"),
        (("cell1", CELL1_UUID), 2, "TO is cell 'cell1' itself: name a cell other than FROM"),
        (("cell1", "cell0"), 2, "TO is that of cell0, to which no host can be mapped"),
        (("nope", "cell1"), 3, "there is no cell 'nope'"),
        (("cell1", "nope"), 3, "there is no cell 'nope'"),
        (("cell1", OTHER_UUID), 3, f"there is no cell '{OTHER_UUID}'"),
        (("x" * 256, "cell1"), 2, f"FROM '{'x' * 20}'... has 256 characters: the maximum is 255"),
        (("cell1", ""), 2, "TO is empty"),
    ],
)
def test_drain_refuses_invalid_cells(
    cli: Cli, cells: tuple[str, str], status: int, error: str, dry_run: tuple[str, ...]
) -> None:
    cli("cell", "create", "cell0", "--uuid", CELL0_UUID)
    shown = cli.error("cell", "drain", *cells, *dry_run, status=status)
    assert shown == f"hostmap: {error}\n"
    assert cli.revision() == 6, "that of cell0"


def test_an_interrupted_drain_reports_its_progress(
    cli: Cli, directory: HostMap, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(directory, "cell3", BULK_SIZE + 1)
    write_move: Callable[..., None] = hosts._write_move

    def interrupted(transaction: Any, names: list[str], *cells: str) -> None:
        if len(names) == 1:
            raise KeyboardInterrupt
        write_move(transaction, names, *cells)

    monkeypatch.setattr(hosts, "_write_move", interrupted)
    result = cli("cell", "drain", "cell3", "cell2", status=130)
    how_far = "stopped after 5,000 of 5,001 hosts of cell 'cell3' were moved"
    assert result.stderr == (
        f"hostmap: {how_far}: repeat it to do the rest\nhostmap: interrupted\n"
    )
    again = cli.error("cell", "drain", "cell3", "cell2", status=130)
    assert again == "hostmap: interrupted\n", "nothing was moved this time"
    monkeypatch.undo()
    assert cli.json("cell", "drain", "cell3", "cell2")["moved"] == 1


def test_progress_is_shown_on_a_terminal_only(cli: Cli, directory: HostMap) -> None:
    fill(directory, "cell3", BULK_SIZE + 1)

    shown = run_on_terminal(cli, "cell", "drain", "cell3", "cell2")
    assert "moved" in shown.partition("\n")[0]
    assert "100%" in shown
    assert "moved 5,001 hosts from cell 'cell3' to cell 'cell2'" in shown
    process = run(cli, "cell", "drain", "cell2", "cell3")
    assert process.stdout == "moved 5,002 hosts from cell 'cell2' to cell 'cell3'\n"
    assert process.stderr == ""
    shown = run_on_terminal(cli, "cell", "delete", "cell3", "--force")
    assert "deleted" in shown.partition("\n")[0]
    assert "100%" in shown


# --- delete ---------------------------------------------------------------------------------------


def test_delete_does_what_its_dry_run_shows(cli: Cli, directory: HostMap) -> None:
    command = ("cell", "delete", "cell1", "--force")
    shown = cli.json(*command, "--dry-run")
    assert shown == [
        plan("delete", "host", "compute-1", actual_cell="cell1"),
        plan("delete", "host", "compute-2", actual_cell="cell1"),
        plan("delete", "cell", "cell1"),
    ]
    result = cli(*command, "--dry-run", "-f", "value", "-c", "kind,name")
    assert result.stdout == "host compute-1\nhost compute-2\ncell cell1\n"
    sentence = "cell 'cell1' and 2 hosts in it would be deleted"
    assert result.stderr == f"hostmap: dry run: nothing was written; {sentence}\n"
    assert cli.revision() == 5

    cli(*command, *SIGNED)
    [changeset] = directory.history.since(5)
    assert (changeset.author, changeset.reason) == ("alice", "cell1 is retired")
    assert [(change.host, change.new_cell_uuid) for change in changeset.hosts] == [
        ("compute-1", None),
        ("compute-2", None),
    ]
    assert [(change.cell_uuid, change.action) for change in changeset.cells] == [
        (CELL1_UUID, "deleted")
    ]
    assert "there is no cell 'cell1'" in cli.error(*command, status=3)
    assert "there is no cell 'cell1'" in cli.error(*command, "--dry-run", status=3)


@pytest.mark.parametrize("dry_run", [(), ("--dry-run",)], ids=["", "dry run"])
def test_a_dry_run_refuses_what_delete_refuses(cli: Cli, dry_run: tuple[str, ...]) -> None:
    cli("cell", "create", "cell0", "--uuid", CELL0_UUID)

    assert cli.error("cell", "delete", "cell1", *dry_run, status=5) == (
        "hostmap: cell 'cell1' still has 2 hosts: move them with `hostmap cell drain`, "
        "or delete them too with --force\n"
    )
    assert cli.error("cell", "delete", "cell0", *dry_run, status=5) == (
        "hostmap: cell 'cell0' is cell0, which holds instances that could not be placed: "
        "it is deleted only with --force\n"
    )
    assert cli.revision() == 6


def test_a_dry_run_of_delete_needs_no_force_for_an_empty_cell(cli: Cli) -> None:
    assert cli.json("cell", "delete", "cell3", "--dry-run") == [plan("delete", "cell", "cell3")]
    assert cli.json("cell", "show", "cell3")["hosts"] == 0
