"""Long hostile files and arguments take linear time."""

from __future__ import annotations

from datetime import UTC, datetime
from time import process_time
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from hostmap_sql import connect
from hostmap_sql.cli.app import app
from hostmap_sql.cli.framework.suggestions import similar_cells
from hostmap_sql.cli.input import files
from hostmap_sql.cli.input.columns import inventory_columns
from hostmap_sql.cli.input.reader import read_records
from hostmap_sql.cli.input.records import MAX_BAD_LINES
from hostmap_sql.cli.input.resolve_cells import Pairing, host_of
from hostmap_sql.dialects.database_url import DatabaseUrl
from hostmap_sql.errors import InvalidValue
from hostmap_sql.models import CellMapping
from tests.support.pace import SLOWNESS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Cli

SIZE = 100_000

# The most seconds of the processor. Where the time grew with the square of the length, each of
# these texts took more than 3 s.
MOST = 1.5 * SLOWNESS

TEXTS = {
    "lines below a table": "+------+\n| host |\n+------+\n" + "x\n" * (SIZE // 2),
    "many objects on one line": "{}" * (SIZE // 2) + "\n{}\n",
    "many lists on one line": "[]" * (SIZE // 2) + "\n{}\n",
    "an error on each line": '{"a":1} {x\n' * (SIZE // 11),
    "a list of objects": "[" + "{}," * (SIZE // 3) + "{}]",
    "objects of YAML": "- {}\n" * (SIZE // 5),
    "rows that are not read": "+---+\n| host |\n+---+\n" + "|\n" * (SIZE // 2),
    "a key twice at the end": "{" + "".join(f'"{n}":1,' for n in range(SIZE // 8)) + '"x":1,"x":1}',
    "more columns than text": "host  " * (SIZE // 12) + "\n" + "x\n" * (SIZE // 4),
    "spaces before a sign": " " * SIZE + "!\n",
    "spaces before a key": " " * SIZE + "a !\n",
    "dashes": "-" * SIZE + "x\n",
    "bars": "|" * SIZE + "\n" + "|" * SIZE,
    "open quotes": '"x\n' * (SIZE // 3),
    "quotes": '"' * SIZE,
    "open brackets": "[" * SIZE,
    "open braces": '{"a":' * (SIZE // 5),
    "open brackets of YAML": "- [" * (SIZE // 3),
    "dashes of YAML": "- " * (SIZE // 2),
    "anchors": "- &a x\n- *a\n" * (SIZE // 12),
    "cells with quotes": "host,cell\n" + f"x,a://{chr(39) * 2_000}\n" * (SIZE // 2_009),
    "a number of hosts": f"hosts ({'9' * SIZE}):\nx\n",
    "a number of rows": f" host \n------\n x\n({'9' * SIZE} rows)\n",
    "a number for a cell": f"host,cell\nx,{'9' * SIZE}\n",
}


def test_a_hostile_file_is_read_in_linear_time() -> None:
    for name, text in TEXTS.items():
        started = process_time()
        reading = read_records(text.encode(), inventory_columns(takes_names=True), accept=host_of)
        assert reading.records or reading.bad_lines, name
        assert process_time() - started < MOST, name


# Each has many more bad lines than are read, in one of the places that find bad lines.
MANY_BAD_LINES = {
    "objects without a host": "{}\n",
    "objects on one line": "{}",
    "empty names": '""',
    "names that are not printable": '"\\u0001" ',
    "lines that are not JSON": '{"a":1} {x\n',
    "documents of YAML": "--- {}\n",
    "items of YAML": "- ''\n",
    "bytes that are not UTF-8": "\udcff\n",
    "lines with quotes": "'\n",
    "rows of CSV": "host,cell\n" + "x\n" * 3_000,
    "open quotes": "host,cell\n" + 'x,"\n' * 3_000,
    "unknown cells": "host,cell\n" + "".join(f"x,c{n}\n" for n in range(3_000)),
    "one cell after another": "host,cell\n" + "x,cell1\nx,cell2\n" * 3_000,
    "rows of a table": "| host |\n|------|\n" + "|\n" * 3_000,
    "aligned columns": "host  cell\n" + "x\n" * 3_000,
    "an item without a host": '[{"host": "x"}' + ',{"a":1}' * 3_000 + "]",
}


def test_reading_stops_after_many_bad_lines(cli: Cli) -> None:
    with connect(cli.url) as hostmap:
        directory = hostmap.cells.list()
    for name, text in MANY_BAD_LINES.items():
        data = (text * (1 if len(text) > 1_000 else 3_000)).encode(errors="surrogateescape")
        pairing = Pairing(directory, None)
        reading = read_records(data, inventory_columns(takes_names=True), accept=pairing.add)
        assert reading.is_stopped, name
        assert len(reading.bad_lines) == MAX_BAD_LINES, name


COMMANDS = {
    ("host", "import"): "host,cell\n" + "x,nope\n" * 3_000,
    ("host", "wait", "--timeout", "1", "--file"): "host\n" + "\x01\n" * 3_000,
    ("cell", "rotate", "--file"): "cell,transport_url\n" + "nope,rabbit://mq\n" * 3_000,
}


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_command_says_where_it_stopped(cli: Cli, tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "hostile").write_text(COMMANDS[words])
    for file, name in (("hostile", "hostile"), ("-", "standard input")):
        result = CliRunner().invoke(
            app, [*words, file], input=COMMANDS[words], env={"HOSTMAP_DATABASE": cli.url}
        )
        assert result.exit_code in (2, 3)
        lines = result.stderr.splitlines()
        assert len(lines) < 20
        stopped = "has 1,000 bad lines up to line 1,001, where reading stopped: nothing was"
        assert lines[-1].startswith(f"hostmap: {name} {stopped}")


@pytest.mark.parametrize(
    "text", ["[]", "{}\n", "[" + "[]," * 3_000, "- {}\n", "- [" + "{}," * 3_000]
)
def test_reading_stops_after_many_empty_items(text: str) -> None:
    data = (text if len(text) > 1_000 else text * 3_000).encode()
    [bad] = read_records(data, inventory_columns()).bad_lines[-1:]
    assert "1,000th empty" in bad.problem or bad.number == MAX_BAD_LINES


def test_hosts_may_have_empty_values() -> None:
    names = [f"h{n}" for n in range(3_000)]
    for line in (
        '{{"host": "{}", "nics": [{{}}], "labels": {{}}}}\n',
        "- {{host: {}, nics: [{{}}]}}\n",
    ):
        text = "".join(line.format(name) for name in names)
        reading = read_records(text.encode(), inventory_columns())
        assert [record.values["host"] for record in reading.records] == names
        assert not reading.bad_lines


def test_a_hostile_file_is_refused_in_linear_time(cli: Cli, tmp_path: Path) -> None:
    for name in ("cells with quotes", "a number for a cell", "quotes", "an error on each line"):
        (tmp_path / "hostile").write_text(TEXTS[name])
        for words in (("host", "import"), ("cell", "rotate", "--file")):
            started = process_time()
            result = CliRunner().invoke(app, [*words, "hostile"], env={"HOSTMAP_DATABASE": cli.url})
            assert process_time() - started < MOST
            assert result.exit_code in (2, 3)
            assert all(len(line) < 5_000 for line in result.stderr.splitlines())


@pytest.mark.parametrize("line", ["x", "-", "a://u:", "password="])
def test_a_long_line_is_not_quoted(cli: Cli, line: str) -> None:
    error = cli("host", "import", "-", status=2, input=f"{line * 3_000}y\n").stderr
    assert f"a text of {len(line) * 3_000 + 1:,} characters is not a header" in error
    assert line * 3 not in error


def test_an_endless_file_is_refused(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_MAX_MEBIBYTES", 1)
    error = cli.error("host", "import", "/dev/zero", status=2)
    assert error == "hostmap: FILE '/dev/zero' is larger than 1 MiB: split it\n"
    error = cli.error("host", "import", "-", status=2, input="x" * 2**20 + "\n")
    assert error == "hostmap: FILE 'standard input' is larger than 1 MiB: split it\n"


ARGUMENTS = ["," * 100_000, "a://" + "'" * 100_000, "9" * 100_000]
PLACES = [
    ("cell", "show", "{}"),
    ("host", "show", "{}"),
    ("host", "move", "compute-1", "{}"),
    ("cell", "list", "{}"),
    ("cell", "list", "--{}"),
    ("cell", "list", "--columns", "{}"),
    ("cell", "list", "--limit", "{}"),
    ("log", "--since", "{}"),
    ("log", "--cell", "{}"),
    ("--database", "{}", "cell", "list"),
    ("--database", "mysql://{}", "cell", "list"),
]


@pytest.mark.parametrize("words", PLACES, ids=" ".join)
def test_a_long_argument_is_refused_in_linear_time(cli: Cli, words: tuple[str, ...]) -> None:
    for argument in ARGUMENTS:
        typed = [word.format(argument) for word in words]
        started = process_time()
        result = CliRunner().invoke(app, typed, env={"HOSTMAP_DATABASE": cli.url})
        assert process_time() - started < MOST
        assert result.exit_code in (2, 3)
        assert len(result.stderr) < 5_000


def test_a_long_database_url_is_refused() -> None:
    with pytest.raises(InvalidValue, match="too long: the maximum is 16383 characters"):
        DatabaseUrl.parse(f"mysql://{'h,' * 500_000}")


def cells(*names: str) -> list[CellMapping]:
    now = datetime.now(UTC)
    return [CellMapping(name, name, None, None, False, 1, now, None) for name in names]


def test_names_that_are_slow_to_compare_do_not_delay_the_error() -> None:
    alike = [("ab" * 99 + "a" * (n % 57))[:255] for n in range(2_000)]
    started = process_time()
    similar_cells("ba" * 127, cells(*alike))
    similar_cells("9" * 1_000_000, cells(*alike))
    assert process_time() - started < MOST
