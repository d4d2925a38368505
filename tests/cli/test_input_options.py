"""The options of reading files: columns, formats, and cells by name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from hostmap_sql.cli.input.columns import inventory_columns
from hostmap_sql.cli.input.reader import FORMATS, read_records
from tests.cli.conftest import NOVA_LISTING

if TYPE_CHECKING:
    from hostmap_sql import HostMap
    from hostmap_sql.cli.input.records import Reading
    from tests.cli.conftest import Cli

C1 = "compute-1.ams.example.org"


def read(text: str | bytes, form: str | None = None, **options: str) -> Reading:
    data = text if isinstance(text, bytes) else text.encode()
    return read_records(data, inventory_columns(**options, takes_names=True), form)


def hosts(reading: Reading) -> list[str]:
    assert reading.bad_lines == []
    return [record.values["host"] for record in reading.records]


def test_columns_can_be_chosen() -> None:
    text = f"Host,Hypervisor Hostname,Site\na,{C1},ams\n"
    for name in ("Hypervisor Hostname", "hypervisor_hostname"):
        [record] = read(text, host_column=name, cell_column="Site").records
        assert record.values == {"host": C1, "cell": "ams"}
    assert read(f'{{"asset": "{C1}", "host": 1}}', host_column="asset").records[0].values == {
        "host": C1
    }
    # An exact name beats a similar one.
    assert hosts(read(f"Host,host\na,{C1}\n", host_column="host")) == [C1]
    assert hosts(read(f"name,name tag\na,{C1}\n", host_column="name tag")) == [C1]


@pytest.mark.parametrize(
    ("text", "options", "problem"),
    [
        ("host,cell\na,b\n", {"host_column": "asset"}, "has no column 'asset'"),
        ("host,cell\na,b\n", {"cell_column": "site"}, "has no column 'site', which --cell-column"),
        ("host,host\na,b\n", {"host_column": "host"}, "has 2 columns 'host'"),
        ("host,cell\na,b\n", {"host_column": "host", "cell_column": "Host"}, "name two"),
        ("a\nb\n", {"host_column": "asset"}, "has no column 'asset'"),
        ('{"host": "a"}', {"cell_column": "site"}, "has no column 'site'"),
        ("- host: a\n", {"host_column": "asset"}, "has no column 'asset'"),
        ("+--+\n| Host |\n+--+\n| a |\n+--+\n", {"host_column": "asset"}, "has no column 'asset'"),
    ],
)
def test_missing_columns_are_refused(text: str, options: dict[str, str], problem: str) -> None:
    reading = read(text, **options)
    assert problem in reading.bad_lines[0].problem
    assert not reading.records


def test_a_given_format_is_used(cli: Cli, directory: HostMap) -> None:
    text = "name\n1234\nrack 9\n"
    cli("host", "import", "-", "--cell", "cell3", "--input-format", "lines", input=text)
    assert [*directory.hosts.get_many(["name", "1234", "rack 9"])] == ["1234", "name", "rack 9"]
    for form in FORMATS:
        if form not in ("lines", "csv"):
            assert read(f"host;zone\n{C1};nova\n", form).bad_lines, form
    assert hosts(read(f"[{C1}, no]", "yaml")) == [C1, "no"]
    assert hosts(read("host\nno thing\n", "csv")) == ["no thing"]
    assert hosts(read("Name\n", "csv")) == []


def test_an_empty_list_imports_nothing(cli: Cli) -> None:
    for text in ("host,cell\n", "[]", "---\n[]\n", "+--+\n| host | cell |\n+--+\n+--+\n"):
        result = cli("host", "import", "-", input=text)
        assert result.stdout == "created 0, unchanged 0, moved 0, conflicts 0\n"


def test_lines_around_a_table_are_reported(cli: Cli) -> None:
    text = f"2026-01-31 WARNING\n{NOVA_LISTING.read_text()}\n2026-01-31 INFO\n"
    result = cli("host", "import", "-", input=text)
    assert result.stdout.startswith("created 202,")
    assert "skipped 2 lines outside the table (1, 209)" in result.stderr


def test_cells_by_name_and_by_uuid_in_one_file(cli: Cli, directory: HostMap) -> None:
    uuid = directory.cells.get_by_name("cell2").uuid
    text = f"host,cell\na,cell1\nb,{uuid}\nc,{uuid.upper()}\n"
    assert cli.json("host", "import", "-", input=text)["created"] == 3
    bad = cli("host", "import", "-", input="host,cell id\nd,1\n", status=2).stderr
    assert "line 2: cell UUID '1' is not a UUID" in bad


def test_host_wait_reads_the_same_formats(cli: Cli) -> None:
    for text in ('"Host"\n"compute-1"\n', json.dumps({"hosts": ["compute-1"]}), "- compute-1"):
        result = cli("host", "wait", "--file", "-", "--timeout", "1", input=text)
        assert result.stdout.startswith("mapped 1,")
    chosen = ("--host-column", "asset")
    assert cli("host", "wait", "--file", "-", *chosen, input="asset,host\ncompute-1,x\n").stdout
    assert "without --file" in cli.error("host", "wait", "compute-1", *chosen, status=2)
