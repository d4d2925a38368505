"""The command, run in this process on an SQLite file for each test."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from contextlib import chdir, contextmanager
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from hostmap_sql import HostMap, connect
from hostmap_sql.cli.app import app
from tests.cli.json_schemas import validate_output

if TYPE_CHECKING:
    from collections.abc import Iterator

    import click

PASSWORD = "s3cret-pa55"
CELL1_UUID = "5f7ccc29-a9eb-417c-865e-b9bd78a72dcc"
DATA = Path(__file__).parent.parent / "data"
NOVA_LISTING = DATA / "nova-manage.list_hosts.txt"


HOSTMAP = str(Path(sys.executable).parent / "hostmap")


class Cli:
    """Runs `hostmap`, and checks the rules of all commands."""

    def __init__(self, url: str) -> None:
        self.url = url

    def __call__(
        self, *arguments: str | Path, status: int = 0, input: str | bytes | None = None
    ) -> Result:
        result = CliRunner().invoke(
            app,
            [str(argument) for argument in arguments],
            input=input,
            env={"HOSTMAP_DATABASE": self.url, "LOGNAME": "operator"},
            prog_name="hostmap",
        )
        assert result.exit_code == status, result.output
        assert "Traceback" not in result.output
        if status:
            assert result.stderr
        return result

    def json(self, *arguments: str | Path, **more: Any) -> Any:
        """Run with `--format json`, validate the output, and return it."""
        output = json.loads(self(*arguments, "--format", "json", **more).stdout)
        validate_output([str(argument) for argument in arguments], output)
        return output

    def error(self, *arguments: str | Path, status: int, input: str | bytes | None = None) -> str:
        """Run a command that fails, and return its one line on standard error."""
        result = self(*arguments, status=status, input=input)
        assert result.stdout == ""
        assert result.stderr.count("\n") == 1
        assert result.stderr.startswith("hostmap: ")
        return result.stderr

    def revision(self) -> int:
        """Read the newest revision with the library."""
        with connect(self.url) as hostmap:
            return hostmap.revision()


# How a shell reports a process that SIGTERM ended.
TERMINATED = 128 + signal.SIGTERM


# What makes a line more than the words of one command.
SHELL = re.compile(r"[|&;<>()$`\\*?~]|^(?!hostmap )")


def run_example(cli: Cli, command: click.Command, folder: Path) -> None:
    """Run the example in the help of a command, in a folder with the files that it needs."""
    example = getattr(command, "example", "")
    if "export " in example:
        _run_in_shell(cli, example, folder)
        return
    for line in example.splitlines():
        if SHELL.search(line):
            _run_in_shell(cli, line, folder)
        else:
            with chdir(folder):
                cli(*shlex.split(line)[1:])


def _run_in_shell(cli: Cli, script: str, folder: Path) -> None:
    for seconds in (1, 2, 5, 20):
        shorter = re.sub(r"(^timeout .* )5 hostmap", rf"\g<1>{seconds} hostmap", script)
        process = _run(f"set -o errexit -o pipefail\n{shorter}", cli, folder)
        # On a busy machine the signal of `timeout` may arrive before the handler is installed.
        if process.returncode != TERMINATED:
            break
    assert process.returncode == 0, process.stderr


def _run(script: str, cli: Cli, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/bash", "-c", script],
        cwd=folder,
        env={
            "PATH": f"{folder}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(folder),
            "HOSTMAP_DATABASE": cli.url,
        },
        capture_output=True,
        text=True,
        check=False,
    )


@contextmanager
def running(cli: Cli, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run the command as a process, which is killed after the block."""
    with subprocess.Popen(
        [HOSTMAP, *arguments],
        # Without PYTHONUNBUFFERED: the command itself must flush each change.
        env={"PATH": os.environ["PATH"], "HOSTMAP_DATABASE": cli.url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        # Ends a read of a line that never comes.
        patience = Timer(60, process.kill)
        patience.start()
        try:
            yield process
        finally:
            patience.cancel()
            process.kill()


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the tables, three cells and three hosts, which tests copy."""
    path = tmp_path_factory.mktemp("template") / "hostmap.db"
    with connect(f"sqlite:///{path}", author="template") as hostmap:
        hostmap.migrate()
        _fill(hostmap)
    return path


def _fill(hostmap: HostMap) -> None:
    one, two, _three = (
        hostmap.cells.create(
            name,
            uuid=uuid,
            transport_url=f"rabbit://nova:{PASSWORD}@mq.{name}:5672/",
            database_connection=f"mysql+pymysql://nova:{PASSWORD}@db.{name}/nova?charset=utf8",
        )
        for name, uuid in (("cell1", CELL1_UUID), ("cell2", None), ("cell3", None))
    )
    hostmap.hosts.create_many([("compute-1", one.uuid), ("compute-2", one.uuid)])
    hostmap.hosts.create("storage-1", two.uuid)


@pytest.fixture
def cli(tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The command on a directory with three cells and three hosts, at revision 5."""
    for file in template.parent.glob(f"{template.name}*"):
        shutil.copy(file, tmp_path / file.name)
    monkeypatch.chdir(tmp_path)
    return Cli(f"sqlite:///{tmp_path / template.name}")


@pytest.fixture
def directory(cli: Cli) -> Iterator[HostMap]:
    """The library, on the same directory as the command."""
    with connect(cli.url, author="library") as hostmap:
        yield hostmap
