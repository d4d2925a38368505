from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from click.testing import CliRunner

from hostmap_sql import connect
from hostmap_sql.cli.app import app
from hostmap_sql.cli.commands.demo import DATABASE
from tests.cli.conftest import Cli

if TYPE_CHECKING:
    from pathlib import Path


def test_demo_fills_its_own_file(cli: Cli, tmp_path: Path) -> None:
    output = cli("demo").stdout
    assert cli.revision() == 5, "the database of HOSTMAP_DATABASE is not touched"
    assert "created 3,600, unchanged 0, moved 0, conflicts 0" in output
    assert "cmp-r07-u12.ams.example.org is in cell1 (" in output
    assert " ms)" in output
    with connect(f"sqlite:///{tmp_path}/hostmap-demo.db") as hostmap:
        assert sorted(hostmap.cells.host_counts().values()) == [1_200] * 3


def test_demo_again_changes_nothing(cli: Cli) -> None:
    cli("demo")
    demo = Cli(DATABASE)
    before = demo.revision()
    output = Cli("mysql://nobody@127.0.0.1:1/nothing")("demo").stdout
    assert demo.revision() == before
    assert "created 0, unchanged 3,600" in output
    assert "cell1 already exists" in output


def test_demo_prints_commands_that_work(cli: Cli) -> None:
    output = cli("demo").stdout
    lines = [line[2:] for line in output.splitlines() if line.startswith(("$ ", "  hostmap "))]
    commands = [shlex.split(line) for line in lines if line.startswith("hostmap ")]
    assert ["hostmap", "migrate"] in commands
    env = {"HOSTMAP_DATABASE": "sqlite:///again.db"}
    for _, *arguments in commands:
        result = CliRunner().invoke(app, arguments, env=env)
        assert result.exit_code == 0, result.output
    assert f"export HOSTMAP_DATABASE={DATABASE}" in lines
    again = Cli("sqlite:///again.db")
    assert len(again.json("host", "list")) == 3_600
    assert again.json("host", "show", "cmp-r07-u12.ams.example.org")["cell"] == "cell2"
