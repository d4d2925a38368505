from __future__ import annotations

import shlex
import shutil
import stat
from typing import TYPE_CHECKING

import pytest
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


@pytest.mark.parametrize("target", ["important.db", "missing.db", "hostmap-demo.db", "/dev/null"])
def test_demo_follows_no_link(cli: Cli, tmp_path: Path, target: str) -> None:
    """Another user may have put one into a folder such as /tmp."""
    important = tmp_path / "important.db"
    shutil.copy(tmp_path / "hostmap.db", important)
    before = important.read_bytes()
    (tmp_path / "hostmap-demo.db").symlink_to(target)
    error = cli.error("demo", status=1)
    assert "hostmap-demo.db is a symbolic link: remove it, or run the demo in another" in error
    assert important.read_bytes() == before
    assert not (tmp_path / "missing.db").exists()


@pytest.mark.parametrize("suffix", ["-journal", "-wal", "-shm"])
def test_demo_follows_no_link_to_a_log(cli: Cli, tmp_path: Path, suffix: str) -> None:
    important = tmp_path / "important"
    important.write_text("important")
    (tmp_path / f"hostmap-demo.db{suffix}").symlink_to(important)
    CliRunner().invoke(app, ["demo"])
    assert important.read_text() == "important"
    assert cli.revision() == 5


def test_demo_makes_a_file_that_only_its_owner_can_read(cli: Cli, tmp_path: Path) -> None:
    cli("demo")
    assert stat.S_IMODE((tmp_path / "hostmap-demo.db").stat().st_mode) == 0o600


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
