"""Long hostile files and arguments take linear time."""

from __future__ import annotations

from datetime import UTC, datetime
from time import process_time
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from hostmap_sql.cli.app import app
from hostmap_sql.cli.framework.suggestions import similar_cells
from hostmap_sql.cli.input.columns import inventory_columns
from hostmap_sql.cli.input.reader import read_records
from hostmap_sql.dialects.database_url import DatabaseUrl
from hostmap_sql.errors import InvalidValue
from hostmap_sql.models import CellMapping
from tests.support.pace import SLOWNESS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Cli

SIZE = 300_000

# The most seconds of the processor. Where the time grew with the square of the length, each of
# these texts took more than 30 s.
MOST = 10.0 * SLOWNESS

TEXTS = {
    "lines below a table": "+------+\n| host |\n+------+\n" + "x\n" * (SIZE // 2),
    "many objects on one line": "{}" * (SIZE // 2) + "\n{}\n",
    "many lists on one line": "[]" * (SIZE // 2) + "\n{}\n",
    "an error on each line": '{"a":1} {x\n' * (SIZE // 11),
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


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_hostile_file_is_read_in_linear_time(text: str) -> None:
    started = process_time()
    reading = read_records(text.encode(), inventory_columns(takes_names=True))
    assert reading.records or reading.bad_lines
    assert process_time() - started < MOST


@pytest.mark.parametrize(
    "name", ["cells with quotes", "a number for a cell", "quotes", "an error on each line"]
)
@pytest.mark.parametrize("words", [("host", "import"), ("cell", "rotate", "--file")], ids=" ".join)
def test_a_hostile_file_is_refused_in_linear_time(
    cli: Cli, tmp_path: Path, name: str, words: tuple[str, ...]
) -> None:
    (tmp_path / "hostile").write_text(TEXTS[name])
    started = process_time()
    result = CliRunner().invoke(app, [*words, "hostile"], env={"HOSTMAP_DATABASE": cli.url})
    assert process_time() - started < MOST
    assert result.exit_code in (2, 3)
    assert all(len(line) < 5_000 for line in result.stderr.splitlines())


@pytest.mark.parametrize("argument", ["," * 100_000, "a://" + "'" * 100_000, "9" * 100_000])
@pytest.mark.parametrize(
    "words",
    [
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
    ],
    ids=" ".join,
)
def test_a_long_argument_is_refused_in_linear_time(
    cli: Cli, words: tuple[str, ...], argument: str
) -> None:
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
