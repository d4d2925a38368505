"""`hostmap watch`: changes as they come. That it follows as the log does is tested there."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

from tests.cli.conftest import running
from tests.support.json_schemas import validate

if TYPE_CHECKING:
    import subprocess

    from hostmap_sql import HostMap
    from tests.cli.conftest import Cli

WATCH = ("watch", "--interval", "0.05")


def lines(process: subprocess.Popen[str], number: int) -> list[str]:
    """The next lines that it prints."""
    assert process.stdout
    return [process.stdout.readline().rstrip() for _ in range(number)]


def test_it_begins_with_what_comes_and_ends_when_told(cli: Cli, directory: HostMap) -> None:
    with running(cli, *WATCH, "-f", "csv", "-c", "revision,action,host") as process:
        assert lines(process, 1) == ["revision,action,host"]
        directory.hosts.delete("compute-1")
        assert lines(process, 1) == ["6,deleted,compute-1"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_it_can_be_taken_up_again(cli: Cli) -> None:
    with running(cli, *WATCH, "--since", "3", "-f", "json") as process:
        seen = [json.loads(line) for line in lines(process, 3)]
    for change in seen:
        validate("watch", change)
    assert [change["host"] for change in seen] == ["compute-1", "compute-2", "storage-1"]
    with running(cli, *WATCH, "--since", str(seen[1]["revision"]), "-f", "json") as process:
        assert json.loads(*lines(process, 1)) == seen[2]


def test_only_what_is_asked_for_is_shown(cli: Cli, directory: HostMap) -> None:
    cells = {cell.name: cell.uuid for cell in directory.cells.list()}
    of_host = (*WATCH, "--since", "5", "--host", "b", "-f", "value", "-c", "host")
    of_cell = (*WATCH, "--since", "5", "--cell", "cell2", "-f", "value", "-c", "host")
    with running(cli, *of_host) as one, running(cli, *of_cell) as other:
        directory.hosts.create("a", cells["cell2"])
        directory.hosts.create("b", cells["cell1"])
        directory.hosts.move("b", cells["cell2"])
        assert lines(one, 2) == ["b", "b"]
        assert lines(other, 2) == ["a", "b"]


def test_what_was_pruned_is_an_error(cli: Cli, directory: HostMap) -> None:
    directory.history.prune(before=4)
    with running(cli, *WATCH, "--since", "1") as process:
        assert process.wait(20) == 1
        assert process.stderr
        assert "pruned" in process.stderr.read()
