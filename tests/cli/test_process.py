"""The installed command as a process: signals, pipes, streams and terminals."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pytest

from hostmap_sql.batching import BULK_SIZE
from tests.cli.conftest import CELL1_UUID, PASSWORD

if TYPE_CHECKING:
    from hostmap_sql import HostMap
    from tests.cli.conftest import Cli

HOSTMAP = Path(sys.executable).parent / "hostmap"


def _environment(cli: Cli) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOSTMAP_DATABASE": cli.url, "COLUMNS": "100"}


def run(
    cli: Cli, *arguments: str, stdout: int | IO[str] = subprocess.PIPE, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [HOSTMAP, *arguments],
        env=_environment(cli) | environment,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_installed_command_runs(cli: Cli) -> None:
    process = run(cli, "host", "show", "compute-1", "--format", "json")
    assert (process.returncode, process.stderr) == (0, "")
    assert json.loads(process.stdout)["cell"] == "cell1"


def test_an_error_is_one_line_and_a_status(cli: Cli) -> None:
    process = run(cli, "host", "show", "nope")
    assert (process.returncode, process.stdout) == (3, "")
    assert process.stderr == "hostmap: host 'nope' is not mapped to any cell\n"


def test_a_lookup_loads_no_slow_package(cli: Cli) -> None:
    code = (
        "import sys; from hostmap_sql.cli.app import app\n"
        "try: app.main(['host', 'show', 'compute-1', '-f', 'json'])\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "heavy = {'rich', 'yoyo', 'pymysql', 'psycopg', 'csv', 'tempfile'}\n"
        "sys.exit(sorted(heavy & set(sys.modules)) or None)"
    )
    command = [sys.executable, "-c", code]
    process = subprocess.run(
        command, env=_environment(cli), capture_output=True, text=True, check=False
    )
    assert (process.returncode, process.stderr) == (0, "")


def test_without_click_an_error_names_the_extra(cli: Cli) -> None:
    code = (
        "import sys; sys.modules['click'] = None\n"
        "from hostmap_sql.cli import main\n"
        "sys.argv = ['hostmap', '--help']; main()"
    )
    command = [sys.executable, "-c", code]
    process = subprocess.run(
        command, env=_environment(cli), capture_output=True, text=True, check=False
    )
    assert (process.returncode, process.stdout) == (1, "")
    assert process.stderr == "the hostmap command needs: pip install 'hostmap-sql[cli]'\n"


def test_ctrl_c_ends_with_one_line(cli: Cli) -> None:
    with subprocess.Popen(
        [HOSTMAP, "--verbose", "host", "import", "-"],
        env=_environment(cli),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        _wait_until_it_reads(process.pid)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert process.stderr.read() == b"hostmap: interrupted\n"
        assert process.stdout.read() == b""


def _wait_until_it_reads(pid: int) -> None:
    """Wait until the process is in read() of its standard input."""
    for _ in range(6_000):
        if Path(f"/proc/{pid}/wchan").read_text().endswith("pipe_read") or _reads(pid):
            return
        signal.sigtimedwait([], 0.01)
    pytest.fail("the process does not read its standard input")


def _reads(pid: int) -> bool:
    call = Path(f"/proc/{pid}/syscall").read_text().split()
    return call[:2] == ["0", "0x0"]


@pytest.mark.parametrize("format", ["table", "json", "csv", "value"])
def test_a_closed_pipe_ends_quietly(cli: Cli, directory: HostMap, format: str) -> None:
    directory.hosts.create_many((f"many-{number}", CELL1_UUID) for number in range(BULK_SIZE))
    reader, writer = os.pipe()
    os.close(reader)
    process = run(cli, "host", "list", "--format", format, stdout=writer)
    os.close(writer)
    assert (process.returncode, process.stderr) == (141, "")


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("host", "show", "compute-1")])
def test_a_pipe_closed_before_a_short_output_ends_quietly(
    cli: Cli, arguments: tuple[str, ...]
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = run(cli, *arguments, stdout=writer)
    os.close(writer)
    assert (process.returncode, process.stderr) == (141, "")


@pytest.mark.parametrize("arguments", [("--help",), ("host", "list"), ("host", "export")])
def test_a_full_disk_is_an_error(cli: Cli, arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        process = run(cli, *arguments, stdout=full)
    assert process.returncode == 1
    assert process.stderr == "hostmap: cannot continue: No space left on device\n"


@pytest.mark.parametrize(
    ("command", "status", "closed"),
    [
        ("host list", 0, ">&-"),
        ("host show nope", 3, "2>&-"),
        ("host import -", 2, "<&-"),
        *(
            (command, status, "<&- >&- 2>&-")
            for command, status in (("host list", 0), ("host show nope", 3), ("host import -", 2))
        ),
        ("--help", 0, ">&-"),
    ],
)
def test_closed_standard_streams_are_accepted(
    command: str, status: int, closed: str, cli: Cli
) -> None:
    process = subprocess.run(
        ["/bin/sh", "-c", f"exec {HOSTMAP} {command} {closed}"],
        env=_environment(cli),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert process.returncode == status
    assert "unexpected" not in process.stderr
    assert process.stderr.count("\n") <= 2


def test_an_encoding_without_the_characters_is_an_error(cli: Cli) -> None:
    cli("host", "create", "日本", "cell1")
    process = run(cli, "host", "list", PYTHONIOENCODING="ascii")
    assert process.returncode == 1
    assert "encoding ascii" in process.stderr
    assert process.stderr.count("\n") == 1


def test_a_table_fits_the_terminal_and_has_no_markup(cli: Cli) -> None:
    cli("host", "create", "[red]x[/red] :smile:", "cell1")
    output = run_on_terminal(cli, "host", "list", "-c", "host", "-c", "cell_uuid")
    assert "[red]x[/red] :smile:" in output
    assert CELL1_UUID in output
    assert "+----" in output
    assert PASSWORD not in run_on_terminal(cli, "cell", "list")


def test_an_import_shows_progress_on_a_terminal_only(cli: Cli, tmp_path: Path) -> None:
    lines = ["host,cell", *(f"many-{number},cell1" for number in range(BULK_SIZE + 1))]
    (tmp_path / "hosts.csv").write_text("\n".join(lines))
    output = run_on_terminal(cli, "host", "import", "hosts.csv")
    assert "importing" in output
    assert "100%" in output
    assert "created 5,001, unchanged 0" in output
    process = run(cli, "host", "import", "hosts.csv")
    assert (process.stdout, process.stderr) == (
        "created 0, unchanged 5,001, moved 0, conflicts 0\n",
        "",
    )


def run_on_terminal(cli: Cli, *arguments: str) -> str:
    """Run the command on a terminal of 100 columns, and return its output."""
    ours, theirs = pty.openpty()
    environment = _environment(cli) | {"TERM": "xterm"}
    with subprocess.Popen(
        [HOSTMAP, *arguments], env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        shown = b""
        try:
            while some := os.read(ours, 65_536):
                shown += some
        except OSError:
            pass  # Linux's error for a terminal that the other side has closed
        os.close(ours)
    assert process.returncode == 0
    return shown.decode()
