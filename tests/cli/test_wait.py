from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Cli


def test_mapped_hosts_end_the_wait(cli: Cli, tmp_path: Path) -> None:
    result = cli("host", "wait", "compute-1", "compute-2")
    assert (result.stdout, result.stderr) == ("mapped 2, missing 0, elsewhere 0\n", "")
    assert cli.json("host", "wait", "compute-1", "--cell", "cell1") == {
        "mapped": 1,
        "missing": [],
        "elsewhere": [],
    }
    file = tmp_path / "hosts.txt"
    file.write_text("# rack 9\n\ncompute-1\ncompute-2\n")
    assert cli("host", "wait", "--file", file).stdout.startswith("mapped 2,")
    named_twice = cli("host", "wait", "compute-1", "--file", "-", input="compute-1\n")
    assert named_twice.stdout.startswith("mapped 1,")


def test_a_timeout_reports_missing_hosts(cli: Cli) -> None:
    command = ("host", "wait", "compute-1", "storage-1", "nowhere", "--cell", "cell1")

    result = cli(*command, "--timeout", "0.2", status=6)

    assert result.stdout == "mapped 1, missing 1, elsewhere 1\n"
    assert result.stderr.splitlines() == [
        "hostmap: missing: host 'nowhere' is not mapped to any cell",
        "hostmap: elsewhere: host 'storage-1' is in cell 'cell2'",
        "hostmap: 2 hosts of 3 not in cell 'cell1' after 0.2 s",
    ]
    found = cli.json(*command, "--timeout", "0.2", status=6)
    assert (found["mapped"], found["missing"]) == (1, ["nowhere"])
    [elsewhere] = found["elsewhere"]
    assert (elsewhere["host"], elsewhere["cell"]) == ("storage-1", "cell2")
    values = cli(*command, "--timeout", "0.2", "-f", "value", "-c", "missing,mapped", status=6)
    assert values.stdout == "1 1\n"


def test_invalid_hosts_are_refused(cli: Cli, tmp_path: Path) -> None:
    assert "--file" in cli.error("host", "wait", status=2)
    assert "white space" in cli.error("host", "wait", " compute-1", status=2)
    assert "cell9" in cli.error("host", "wait", "compute-1", "--cell", "cell9", status=3)
    assert "cannot be read" in cli.error("host", "wait", "--file", tmp_path / "none", status=2)
    result = cli("host", "wait", "--file", "-", input="compute-1\n compute-2\x07\n", status=2)
    assert "standard input, line 2: " in result.stderr
    assert "1 bad line: nothing was waited for" in result.stderr
