"""Suggestions in errors about unknown cells and hosts: "did you mean ..."."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING

import pytest

from hostmap_sql import connect
from hostmap_sql.cli.framework.suggestions import similar_hosts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hostmap_sql import HostMap
    from tests.cli.conftest import Cli

FULL = "compute-7.ams.example.org"


@pytest.fixture
def names(cli: Cli) -> Cli:
    """The command on a directory that also has long names."""
    with connect(cli.url) as hostmap:
        cells = [hostmap.cells.create(name) for name in ("eu-west-cell1", "us-east-cell1")]
        hosts = [FULL, "compute-8.ams.example.org", "compute-8.fra.example.org", "Storage-Box"]
        hostmap.hosts.create_many([(host, cells[0].uuid) for host in hosts])
    return cli


CELLS = {
    "eu-west-cll1": "'eu-west-cell1'",
    "eu-west": "'eu-west-cell1'",
    "EU-West-Cell1": "'eu-west-cell1'",
    "us-aest-cell1": "'us-east-cell1'",
    "cel1": "'cell1'",
    "cell01": "'cell1'",
}

COMMANDS_WITH_CELLS = [
    "cell show {}",
    "cell update {} --name x",
    "cell enable {}",
    "cell disable {}",
    "cell delete {}",
    "cell drain {} cell1",
    "cell drain cell1 {}",
    "host create x {}",
    "host move compute-1 {}",
    "host move compute-1 cell2 --from {}",
    "host delete compute-1 --from {}",
    "host list --cell {}",
    "host export --cell {}",
    "host wait compute-1 --cell {}",
    "log --cell {}",
]


@pytest.mark.parametrize(("typed", "meant"), CELLS.items())
def test_a_similar_cell_is_suggested(names: Cli, typed: str, meant: str) -> None:
    error = names.error("cell", "show", typed, status=3)
    assert error == f"hostmap: there is no cell {typed!r}: did you mean {meant}?\n"


@pytest.mark.parametrize("command", COMMANDS_WITH_CELLS)
def test_every_command_with_a_cell_suggests_one(names: Cli, command: str) -> None:
    revision = names.revision()
    error = names.error(*command.format("eu-west-cll1").split(), status=3)
    assert error.endswith("there is no cell 'eu-west-cll1': did you mean 'eu-west-cell1'?\n")
    assert names.revision() == revision


@pytest.mark.parametrize("typed", ["cell9", "nothing-like-it", "f" * 32, "cell11"])
def test_an_unlike_cell_gets_no_suggestion(names: Cli, typed: str) -> None:
    assert "did you mean" not in names.error("cell", "show", typed, status=3)


HOSTS = {
    "compute-7": f"'{FULL}'",
    f"{FULL}.": f"'{FULL}'",
    "compute-1.ams.example.org": "'compute-1'",
    "COMPUTE-1": "'compute-1'",
    "cmpute-1": "'compute-1'",
    "compuet-1": "'compute-1'",
    "compute1": "'compute-1'",
    "compute_1": "'compute-1'",
    "xcompute-1": "'compute-1'",
    "compute-7.ams.exmple.com": f"'{FULL}'",
    "storage-": "'storage-1'",
}

COMMANDS_WITH_HOSTS = [
    ("host show {}", 3),
    ("host move {} cell1", 3),
    ("host delete {}", 3),
    ("log {}", 3),
    ("host wait {} --timeout 0.1", 6),
]


@pytest.mark.parametrize(("typed", "meant"), HOSTS.items())
def test_a_similar_host_is_suggested(names: Cli, typed: str, meant: str) -> None:
    error = names.error("host", "show", typed, status=3)
    assert error == f"hostmap: host {typed!r} is not mapped to any cell: did you mean {meant}?\n"


@pytest.mark.parametrize(("command", "status"), COMMANDS_WITH_HOSTS)
def test_every_command_with_a_host_suggests_one(names: Cli, command: str, status: int) -> None:
    revision = names.revision()
    result = names(*command.format("compute-7").split(), status=status)
    assert f": did you mean '{FULL}'?" in result.stderr.splitlines()[-1]
    assert names.revision() == revision


@pytest.mark.parametrize("typed", ["compute-8", "compute-3", "nothing", "compute-11", "x" * 255])
def test_a_host_like_none_or_like_many_gets_no_suggestion(names: Cli, typed: str) -> None:
    assert "did you mean" not in names.error("host", "show", typed, status=3)


def test_several_hosts_are_suggested(names: Cli) -> None:
    result = names("host", "show", "compute-1", "compute-7", "cmpute-2", status=3)
    assert result.stderr.endswith(f"did you mean '{FULL}' or 'compute-2'?\n")
    many = [f"cmpute-{number}" for number in range(50)]
    assert "did you mean" not in names("host", "show", *many, status=3).stderr


def test_suggestions_read_few_hosts_of_a_big_directory(
    cli: Cli, directory: HostMap, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = directory.cells.get_by_name("cell3").uuid
    directory.hosts.create_many((f"compute-{n:05}.ams.example.org", cell) for n in range(12_000))
    found = [
        similar_hosts(directory, host)
        for host in (
            "compute-11999",
            "cmpute-11999.ams.example.org",
            "compute-11999.asm.example.org",
        )
    ]
    assert found == [["compute-11999.ams.example.org"]] * 3

    def iterate(*_arguments: object) -> Iterator[object]:
        raise AssertionError

    monkeypatch.setattr("hostmap_sql.directory.hosts.Hosts.iterate", iterate)
    assert "compute-11999.ams" in cli.error("host", "show", "compute-11999", status=3)


def test_a_failed_lookup_keeps_the_error(names: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_arguments: object) -> None:
        raise sqlite3.OperationalError

    monkeypatch.setattr("hostmap_sql.directory.hosts.Hosts.list", failing)
    monkeypatch.setattr("hostmap_sql.directory.cells.Cells.list", failing)
    error = names.error("host", "show", "compute-7", status=3)
    assert error == "hostmap: host 'compute-7' is not mapped to any cell\n"
    error = names.error("cell", "show", "eu-west", status=3)
    assert error == "hostmap: there is no cell 'eu-west'\n"


UNKNOWN = "hostmap: standard input: {} lines name the unknown cell 'eu-west-cll1': 'eu-west-cell1'?"

# --- in files -------------------------------------------------------------------------------------


def test_one_unknown_cell_in_many_lines_is_one_sentence(names: Cli) -> None:
    text = "host,cell\n" + "".join(f"c-{number},eu-west-cll1\n" for number in range(900))
    result = names("host", "import", "-", input=text, status=3)
    assert result.stderr.splitlines() == [
        f"{UNKNOWN.format('900')} (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, ...)",
        "hostmap: standard input has 900 bad lines: nothing was written",
    ]


def test_many_unknown_cells_are_ten_and_a_number(names: Cli) -> None:
    text = "host,cell\n" + "".join(f"c-{number},x{number}\n" for number in range(900))
    lines = names("host", "import", "-", input=text, status=3).stderr.splitlines()
    assert len(lines) == 12
    assert lines[0] == "hostmap: standard input, line 2: there is no cell 'x0'"
    assert lines[10].startswith("hostmap: standard input: 890 more lines with problems of this")


def test_problems_are_grouped_by_kind(names: Cli) -> None:
    rows = ["a ,cell1", "b,eu-west-cll1", "c", *["d,e,f"] * 11, "g,eu-west-cll1", "h,cell1"]
    more = ", ".join(map(str, range(6, 16)))
    result = names("host", "import", "-", input="\n".join(["host,cell", *rows]), status=2)
    assert result.stderr.splitlines() == [
        "hostmap: standard input, line 2: host 'a ' has leading or trailing white space: remove it",
        f"{UNKNOWN.format(2)} (3, 16)",
        "hostmap: standard input, line 4: has 1 field, the header 2",
        f"hostmap: standard input, line 5: has 3 fields, the header 2 (and 10 more lines: {more})",
        "hostmap: standard input has 15 bad lines: nothing was written",
    ]


def test_rotate_suggests_cells(names: Cli) -> None:
    rows = [{"cell": "eu-west", "transport_url": f"rabbit://u:s3cret@mq{n}/"} for n in range(2)]
    result = names("cell", "rotate", "--file", "-", input=json.dumps(rows, indent=0), status=3)
    assert result.stderr.startswith(
        "hostmap: standard input: 2 lines name the unknown cell 'eu-west': 'eu-west-cell1'? (2, 6)"
    )
    assert "s3cret" not in result.output
