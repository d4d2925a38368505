from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from hostmap_sql import connect
from hostmap_sql.batching import BULK_SIZE
from tests.cli.conftest import CELL1_UUID, NOVA_LISTING

if TYPE_CHECKING:
    from pathlib import Path

    from hostmap_sql import HostMap
    from tests.cli.conftest import Cli

PAIRS = {"compute-7": "cell1", "compute-8": "cell2"}

FORMS = {
    "csv": "host,cell\ncompute-7,cell1\ncompute-8,cell2\n",
    "csv from Excel": "\ufeffHost,Cell\r\ncompute-7,cell1\r\n\r\ncompute-8,cell2\r\n",
    "csv of an old Mac": "host,cell\rcompute-7,cell1\rcompute-8,cell2",
    "csv quoted, with comments": '# ours\nhost,cell\n"compute-7","cell1"\n#\ncompute-8,cell2',
    "csv with other columns": "rack,cell,host\nr1,cell1,compute-7\n,cell2,compute-8\n",
    "csv with uuids": f"host,cell\ncompute-7,{CELL1_UUID.upper()}\ncompute-8,cell2\n",
    "json lines": '{"host": "compute-7", "cell": "cell1"}\n\n'
    '{"cell": "cell2", "host": "compute-8"}',
    "json with uuids": f'{{"host": "compute-7", "cell_uuid": "{CELL1_UUID}", "rack": 7}}\n'
    '{"host": "compute-8", "cell_uuid": null, "cell": "cell2"}\n',
    "json array, a line each": '[\n  {"host": "compute-7", "cell": "cell1"},\n'
    '  {"host": "compute-8", "cell": "cell2"}\n]\n',
    "json array in a line": '[{"host":"compute-7","cell":"cell1"},'
    '{"host":"compute-8","cell":"cell2"}]',
    "table": f"+--+--+--+\n| Cell Name | Cell UUID | Hostname |\n+--+--+--+\n"
    f"|   east    | {CELL1_UUID} | compute-7 |\n| cell2 | {'f' * 32} |  compute-8  |\n+--+--+--+\n",
}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_every_input_format_is_read(cli: Cli, directory: HostMap, text: str) -> None:
    assert cli.json("host", "import", "-", input=text) == {
        "created": 2,
        "unchanged": 0,
        "moved": 0,
        "conflicts": [],
    }
    found = directory.hosts.get_many(PAIRS)
    assert {host: mapping.cell.name for host, mapping in found.items()} == PAIRS


def test_utf_16_of_powershell_is_read(cli: Cli) -> None:
    text = FORMS["csv"].encode("utf-16")
    assert cli.json("host", "import", "-", input=text)["created"] == 2


@pytest.mark.parametrize("text", ["host\na\nb\n", "a\nb\n", '{"host": "a"}\n{"host": "b"}', "a"])
def test_a_list_of_hosts_takes_the_cell_option(cli: Cli, directory: HostMap, text: str) -> None:
    cli("host", "import", "-", "--cell", "cell3", input=text)
    uuid = directory.cells.get_by_name("cell3").uuid
    hosts = [mapping.host for mapping in directory.hosts.iterate(cell_uuid=uuid)]
    assert hosts == (["a"] if text == "a" else ["a", "b"])


def test_the_cell_option_fills_gaps_but_overrules_nothing(cli: Cli) -> None:
    text = "host,cell\na,\nb,cell3\n"
    assert cli.json("host", "import", "-", "--cell", "cell3", input=text)["created"] == 2
    bad = cli("host", "import", "-", "--cell", "cell2", status=2, input=text).stderr
    assert "line 3: the line names cell 'cell3', but --cell names cell 'cell2'" in bad


def test_the_input_format_can_be_given(cli: Cli) -> None:
    # The first line looks like a header.
    options = ("--input-format", "lines", "--cell", "cell1")
    assert cli.json("host", "import", "-", *options, input="host\ncell\n")["created"] == 2


def test_importing_nova_twice_changes_nothing(cli: Cli) -> None:
    first = cli("host", "import", NOVA_LISTING, "--reason", "from Nova")
    assert first.stdout == "created 202, unchanged 0, moved 0, conflicts 0\n"
    assert cli.revision() == 6
    second = cli("host", "import", NOVA_LISTING)
    assert second.stdout == "created 0, unchanged 202, moved 0, conflicts 0\n"
    assert cli.revision() == 6
    change = cli.json("log", "KVM-Upper")[0]
    assert (change["author"], change["reason"]) == ("operator", "from Nova")


def test_all_bad_lines_are_reported_and_nothing_is_written(cli: Cli, tmp_path: Path) -> None:
    cli("cell", "create", "cell0", "--uuid", "00000000-0000-0000-0000-000000000000")
    lines = {
        1: b"host,cell",
        2: b"good-1,cell1",
        3: b"white ,cell1",
        4: b",cell1",
        5: b"good-2,nope",
        6: b"good-3",
        7: b"good-4,cell1,more",
        8: b'"open,cell1',
        9: b"\xff,cell1",
        10: b"good-1,cell2",
        11: b"good-5,cell0",
        12: b"good-6,",
        13: b"x" * 256 + b",cell1",
        14: b"tab\there,cell1",
        15: b"good-1,cell1",
        16: b"rabbit://nova:s3cret@mq/,cell1",
    }
    (tmp_path / "hosts.csv").write_bytes(b"\n".join(lines.values()))
    result = cli("host", "import", "hosts.csv", status=2)
    assert result.stdout == ""
    *reports, last = result.stderr.splitlines()
    assert last == "hostmap: hosts.csv has 13 bad lines: nothing was written"
    assert [report.partition(": ")[2].partition(": ")[::2] for report in reports] == [
        ("hosts.csv, line 3", "host 'white ' has leading or trailing white space: remove it"),
        ("hosts.csv, line 4", "host is empty"),
        ("hosts.csv, line 5", "there is no cell 'nope'"),
        ("hosts.csv, line 6", "has 1 field, the header 2"),
        ("hosts.csv, line 7", "has 3 fields, the header 2"),
        ("hosts.csv, line 8", "cannot be read: unexpected end of data"),
        ("hosts.csv, line 9", "is not UTF-8 text"),
        (
            "hosts.csv, line 10",
            "host 'good-1' is in cell 'cell2' here, but in cell 'cell1' on line 2",
        ),
        ("hosts.csv, line 11", "cell 'cell0' is cell0, to which no host can be mapped"),
        ("hosts.csv, line 12", "the line names no cell: give it one, or all of them by --cell"),
        ("hosts.csv, line 13", f"host '{'x' * 20}'... has 256 characters: the maximum is 255"),
        ("hosts.csv, line 14", "host 'tab\\there' holds '\\t', which is not a printable character"),
        ("hosts.csv, line 16", "host holds ://, as a URL does: give the name alone"),
    ]
    assert cli.revision() == 6, "that of cell0"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "line 1: the input is empty"),
        ("\n\n# nothing\n", "line 1: the input is empty"),
        ("compute-7,cell1\n", "line 1: 'compute-7,cell1' is not a header"),
        ("place,cell\nx,cell1\n", "line 1: 'place,cell' is not a header"),
        ("host,host,cell\nx,y,cell1\n", "is not a header"),
        ("host,cell,cell name\nx,cell1,cell1\n", "is not a header"),
        ('"host,cell\n', "is not a header"),
        ("| a | b |\n", "is not a header"),
        ("+---+\n| Hostname | Cell Name |\n| x | cell1\n", "line 3: cannot be read: is not a row"),
        ("host\nx\n", "line 2: the line names no cell"),
        ('{"host": "x", "cell": "cell1"\n', "line 1: is not JSON"),
        ('{"host": "x", "cell": 7}\n', "line 1: cell must be text"),
        ('{"cell": "cell1"}\n', "line 1: has no host"),
        ('["x", "cell1"]\n', "line 1: is not an object"),
        ("[" * 100_000, "line 1: is nested too deeply"),
        (f'{{"host": {"9" * 5_000}}}', "line 1: host must be text"),
        ('{"host": "\\ud800", "cell": "cell1"}', "not a printable character"),
        (f"host,cell,cell_uuid\nx,cell2,{CELL1_UUID}\n", f"cell 'cell2' is not {CELL1_UUID}"),
    ],
)
def test_invalid_input_is_refused(cli: Cli, text: str, problem: str) -> None:
    result = cli("host", "import", "-", status=2, input=text)
    assert result.stdout == ""
    assert f"standard input, {problem}" in result.stderr or problem in result.stderr
    assert "nothing was written" in result.stderr.splitlines()[-1]
    assert cli.revision() == 5


def test_unknown_cells_alone_are_not_found(cli: Cli) -> None:
    text = "host,cell\na,nope\nb,cell1\n"
    assert (
        "line 2: there is no cell 'nope'" in cli("host", "import", "-", status=3, input=text).stderr
    )
    assert cli.revision() == 5


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_numbers_are_those_of_an_editor(cli: Cli, end: str) -> None:
    text = end.join(["host,cell", "", "# comment", "a,cell1", "b ,cell1"])
    assert "line 5: host 'b '" in cli("host", "import", "-", status=2, input=text).stderr


@pytest.mark.parametrize("file", ["missing.csv", ".", "missing/hosts.csv", "a\0b"])
def test_an_unreadable_file_is_refused(cli: Cli, file: str) -> None:
    assert cli.error("host", "import", file, status=2).startswith(f"hostmap: FILE {file!r} ")


CONFLICTING = "host,cell\ncompute-1,cell2\ncompute-2,cell1\ncompute-7,cell2\n"


def test_conflicts_are_reported_and_left_alone(cli: Cli, directory: HostMap) -> None:
    result = cli("host", "import", "-", status=4, input=CONFLICTING)
    assert result.stdout == "created 1, unchanged 1, moved 0, conflicts 1\n"
    assert result.stderr.splitlines() == [
        "hostmap: conflict: host 'compute-1' is in cell 'cell1', not in 'cell2'",
        "hostmap: 1 host in conflict, in another cell: they were left there",
    ]
    assert directory.hosts.get("compute-1").cell.name == "cell1"
    assert directory.hosts.get("compute-7").cell.name == "cell2"


def test_conflicts_are_listed_in_json(cli: Cli, directory: HostMap) -> None:
    result = cli.json("host", "import", "-", status=4, input=CONFLICTING)
    assert result["conflicts"] == [
        {
            "host": "compute-1",
            "wanted_cell": "cell2",
            "wanted_cell_uuid": directory.cells.get_by_name("cell2").uuid,
            "actual_cell": "cell1",
            "actual_cell_uuid": CELL1_UUID,
        }
    ]


def test_conflicts_are_counted_in_csv_and_value(cli: Cli) -> None:
    assert (
        cli("host", "import", "-", "-f", "value", status=4, input=CONFLICTING).stdout == "1 1 0 1\n"
    )
    csv = cli("host", "import", "-", "-f", "csv", status=4, input=CONFLICTING).stdout
    assert csv == "created,unchanged,moved,conflicts\n0,2,0,1\n"


def test_conflicts_can_be_moved(cli: Cli, directory: HostMap) -> None:
    result = cli("host", "import", "-", "--on-conflict", "move", input=CONFLICTING)
    assert result.stdout == "created 1, unchanged 1, moved 1, conflicts 0\n"
    assert directory.hosts.get("compute-1").cell.name == "cell2"


def test_conflicts_can_prevent_the_whole_import(cli: Cli, directory: HostMap) -> None:
    # The conflict is in the second batch.
    many = [f"many-{number:05},cell3" for number in range(BULK_SIZE)]
    text = "\n".join(["host,cell", *many, "compute-1,cell2", "compute-2,cell1"])
    result = cli("host", "import", "-", "--on-conflict", "fail", status=4, input=text)
    assert result.stdout == "created 0, unchanged 1, moved 0, conflicts 1\n"
    assert "nothing was written" in result.stderr
    assert cli.revision() == 5
    assert len([*directory.hosts.iterate()]) == 3


def test_fail_writes_if_there_is_no_conflict(cli: Cli) -> None:
    options = ("--on-conflict", "fail")
    assert cli.json("host", "import", "-", *options, input=FORMS["csv"])["created"] == 2


@pytest.mark.parametrize(
    ("on_conflict", "status", "summary"),
    [
        ("report", 4, "created 1, unchanged 1, moved 0, conflicts 1\n"),
        ("move", 0, "created 1, unchanged 1, moved 1, conflicts 0\n"),
        ("fail", 4, "created 0, unchanged 1, moved 0, conflicts 1\n"),
    ],
)
def test_a_dry_run_counts_and_writes_nothing(
    cli: Cli, on_conflict: str, status: int, summary: str
) -> None:
    options = ("--dry-run", "--on-conflict", on_conflict)
    result = cli("host", "import", "-", *options, status=status, input=CONFLICTING)
    assert result.stdout == summary
    assert "dry run: nothing was written" in result.stderr
    assert cli.revision() == 5
    real = cli("host", "import", "-", *options[1:], status=status, input=CONFLICTING)
    assert real.stdout == summary


def test_a_host_listed_twice_counts_once(cli: Cli) -> None:
    text = "host,cell\na,cell1\na,cell1\n"
    assert cli.json("host", "import", "-", input=text)["created"] == 1


def test_many_hosts_are_written_in_batches(cli: Cli) -> None:
    lines = [json.dumps({"host": f"h{n}", "cell": "cell1"}) for n in range(BULK_SIZE + 1)]
    assert cli.json("host", "import", "-", input="\n".join(lines))["created"] == BULK_SIZE + 1
    assert cli.revision() == 7


def test_an_interrupted_import_reports_its_progress(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hostmap_sql.cli.commands.host import import_  # noqa: PLC0415 - to change it

    monkeypatch.setattr(import_, "BULK_SIZE", 1)
    with connect(cli.url) as hostmap:
        create_many = type(hostmap.hosts).create_many

    def interrupted(self: object, pairs: list[tuple[str, str]], *, on_conflict: str) -> object:
        if pairs[0][0] == "compute-8":
            raise KeyboardInterrupt
        return create_many(self, pairs, on_conflict=on_conflict)  # type: ignore[arg-type]

    monkeypatch.setattr("hostmap_sql.directory.hosts.Hosts.create_many", interrupted)
    result = cli("host", "import", "-", status=130, input=FORMS["csv"])
    assert result.stderr.splitlines() == [
        "hostmap: stopped after 1 of 2 hosts: repeat it to do the rest",
        "hostmap: interrupted",
    ]
    monkeypatch.undo()
    assert cli.json("host", "import", "-", input=FORMS["csv"])["unchanged"] == 1


def test_two_columns_of_one_meaning_are_refused(cli: Cli) -> None:
    for text in (
        '{"host": "a", "hostname": "b", "cell": "cell1"}',
        '{"host": "a", "cell": "cell1", "cell_name": "cell2"}',
        f"host,cell_uuid,cell uuid\na,{CELL1_UUID},{CELL1_UUID}",
    ):
        cli("host", "import", "-", status=2, input=text)
    assert cli.revision() == 5
