from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import CELL1_UUID

if TYPE_CHECKING:
    from hostmap_sql import HostMap
    from tests.cli.conftest import Cli

KEYS = ["host", "cell", "cell_uuid", "revision", "created_at", "updated_at"]


def test_create_shows_the_mapping(cli: Cli) -> None:
    host = cli.json("host", "create", "compute-9", "cell1")
    assert list(host) == KEYS
    assert host["created_at"].endswith("+00:00")
    del host["created_at"]
    assert host == {
        "host": "compute-9",
        "cell": "cell1",
        "cell_uuid": CELL1_UUID,
        "revision": 6,
        "updated_at": None,
    }


@pytest.mark.parametrize("cell", ["cell1", "cell2"])
def test_create_refuses_a_mapped_host(cli: Cli, cell: str) -> None:
    error = cli.error("host", "create", "compute-1", cell, status=4)
    assert "host 'compute-1' is in cell 'cell1' already" in error
    assert cli.revision() == 5


@pytest.mark.parametrize("host", ["", " compute", "compute\n", "x" * 256])
def test_create_refuses_an_invalid_name(cli: Cli, host: str) -> None:
    assert cli.error("host", "create", "--", host, "cell1", status=2).startswith("hostmap: host ")
    assert cli.revision() == 5


def test_create_refuses_cell0(cli: Cli) -> None:
    cli("cell", "create", "cell0", "--uuid", "00000000-0000-0000-0000-000000000000")
    assert "CELL is that of cell0" in cli.error("host", "create", "x", "cell0", status=2)


def test_show_prints_one_object_or_an_array(cli: Cli) -> None:
    assert cli.json("host", "show", "compute-1")["cell"] == "cell1"
    found = cli.json("host", "show", "storage-1", "compute-1")
    assert [(host["host"], host["cell"]) for host in found] == [
        ("storage-1", "cell2"),
        ("compute-1", "cell1"),
    ]


def test_show_prints_mapped_hosts_and_names_the_others(cli: Cli) -> None:
    result = cli(
        *("host", "show", "nope", "compute-1", "nix", "-f", "value", "-c", "host"), status=3
    )
    assert result.stdout == "compute-1\n"
    assert result.stderr == "hostmap: hosts 'nope', 'nix' are not mapped to any cell\n"


@pytest.mark.parametrize("format", ["table", "json", "csv", "value"])
def test_show_of_an_unknown_host_prints_nothing(cli: Cli, format: str) -> None:
    error = cli.error("host", "show", "nope", "--format", format, status=3)
    assert error == "hostmap: host 'nope' is not mapped to any cell\n"


def test_show_names_twenty_unknown_hosts(cli: Cli) -> None:
    error = cli("host", "show", *(f"nope-{number}" for number in range(1_050)), status=3).stderr
    assert "'nope-19' and 1,030 more are not mapped" in error


def test_list_is_ordered_and_filtered(cli: Cli) -> None:
    def hosts(*options: str) -> list[str]:
        return [host["host"] for host in cli.json("host", "list", *options)]

    assert hosts() == ["compute-1", "compute-2", "storage-1"]
    assert hosts("--cell", "cell1") == ["compute-1", "compute-2"]
    assert hosts("--cell", CELL1_UUID, "--prefix", "compute-2") == ["compute-2"]
    assert hosts("--prefix", "st") == ["storage-1"]
    assert hosts("--limit", "2") == ["compute-1", "compute-2"]
    assert hosts("--limit", "0") == hosts("--prefix", "nope") == []


def test_list_reads_many_pages(cli: Cli, directory: HostMap) -> None:
    directory.hosts.create_many((f"many-{number:04}", CELL1_UUID) for number in range(2_500))
    for form in ("table", "json", "csv", "value"):
        output = cli("host", "list", "--prefix", "many-", "--format", form).stdout
        assert output.count("many-") == 2_500
    assert len(cli.json("host", "list", "--limit", "1500")) == 1_500


@pytest.mark.parametrize("option", [("--limit", "-1"), ("--limit", "x"), ("--prefix", "a\n")])
def test_list_refuses_invalid_options(cli: Cli, option: tuple[str, str]) -> None:
    assert option[0] in cli.error("host", "list", *option, status=2)


def test_move_is_one_change(cli: Cli, directory: HostMap) -> None:
    moved = cli.json("host", "move", "compute-2", "compute-1", "cell2", "--from", "cell1")
    assert [(host["host"], host["cell"], host["revision"]) for host in moved] == [
        ("compute-2", "cell2", 6),
        ("compute-1", "cell2", 6),
    ]
    assert cli.revision() == 6
    assert directory.hosts.get("compute-1").cell.name == "cell2"


def test_move_of_one_host_shows_an_object(cli: Cli) -> None:
    assert cli.json("host", "move", "compute-1", "cell2")["cell"] == "cell2"


def test_move_to_the_same_cell_changes_nothing(cli: Cli) -> None:
    cli("host", "move", "compute-1", "compute-2", "compute-1", CELL1_UUID)
    assert cli.revision() == 5


@pytest.mark.parametrize("command", ["move", "delete"])
def test_an_unknown_host_prevents_the_whole_change(cli: Cli, command: str) -> None:
    cell = ["cell2"] if command == "move" else []
    error = cli.error("host", command, "compute-1", "nope", *cell, status=3)
    assert error == "hostmap: host 'nope' is not mapped to any cell\n"
    assert cli.revision() == 5


@pytest.mark.parametrize("command", ["move", "delete"])
def test_a_host_in_another_cell_prevents_the_whole_change(cli: Cli, command: str) -> None:
    cell = ["cell3"] if command == "move" else []
    hosts = ("compute-1", "storage-1")
    error = cli.error("host", command, *hosts, *cell, "--from", "cell1", status=4)
    assert "host 'storage-1' is in cell 'cell2' (since revision 5)" in error
    assert cli.revision() == 5


def test_delete_is_one_change(cli: Cli, directory: HostMap) -> None:
    result = cli("host", "delete", "compute-1", "compute-2", "--from", "cell1")
    assert result.stdout == "deleted 2 hosts (revision 6)\n"
    assert cli.json("host", "delete", "storage-1") == {"deleted": 1, "revision": 7}
    assert list(directory.hosts.iterate()) == []


def test_an_empty_list_is_shown_in_every_format(cli: Cli) -> None:
    cli("host", "delete", "compute-1", "compute-2", "storage-1")
    assert cli.json("host", "list") == []
    assert cli("host", "list", "-f", "csv").stdout == ",".join(KEYS) + "\n"
    assert cli("host", "list", "-f", "value").stdout == ""
    assert cli("host", "list", "-c", "host").stdout == "+------+\n| host |\n+------+\n"


@pytest.mark.parametrize("arguments", [("show",), ("move", "cell2")], ids=["show", "move"])
def test_a_host_that_is_named_twice_is_an_array(cli: Cli, arguments: tuple[str, ...]) -> None:
    command, *cell = arguments
    [row] = cli.json("host", command, "compute-1", "compute-1", *cell)
    assert row["host"] == "compute-1"
