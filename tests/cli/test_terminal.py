"""Nothing unprintable reaches a terminal, from any source and any command."""

from __future__ import annotations

import csv
import io
import json
import socket
import sqlite3
from contextlib import closing, contextmanager
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from hostmap_sql.cli.app import app
from hostmap_sql.cli.framework.terminal import json_text, printable
from tests.cli.conftest import CELL1_UUID, Cli

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# A window title, a cleared screen, a C1 control, text that runs backwards, two line separators,
# a tab, a line break, DEL, a lone surrogate of a broken encoding is not storable.
EVIL = "evil\x1b]0;owned\x07\x1b[2J\x9b1m\u202eback\u2066\u2028\u2029\t\r\n\x7f"

FORMATS = ("table", "json", "csv", "value")
COMMANDS = [
    ("cell", "list"),
    ("cell", "show", CELL1_UUID),
    ("host", "list"),
    ("host", "show", "compute-1"),
    ("host", "wait", "compute-1", "--cell", "cell2", "--timeout", "0.1"),
    ("log",),
    ("log", "--host", EVIL),
    ("check",),
    ("nova", "check"),
    ("nova", "discover"),
    ("cell", "drain", CELL1_UUID, "cell2", "--dry-run"),
    ("cell", "delete", CELL1_UUID, "--force", "--dry-run"),
    ("cell", "delete", CELL1_UUID),
    ("cell", "update", CELL1_UUID, "--disabled"),
    ("cell", "disable", CELL1_UUID),
    ("cell", "drain", CELL1_UUID, "cell2"),
    ("host", "move", "compute-2", "cell2"),
    ("host", "delete", "compute-2"),
]


@pytest.fixture
def hostile(cli: Cli) -> Cli:
    """The command, on a directory in which another program has written."""
    with closing(sqlite3.connect(cli.url.removeprefix("sqlite:///"))) as database, database:
        database.execute("UPDATE cell_mapping SET name = ? WHERE uuid = ?", [EVIL, CELL1_UUID])
        database.execute(
            "INSERT INTO host_mapping (host, cell_uuid, revision, created_at, updated_at)"
            " SELECT ?, cell_uuid, revision, created_at, updated_at FROM host_mapping"
            " WHERE host = 'compute-1'",
            [EVIL],
        )
        database.execute("UPDATE mapping_changeset SET author = ?, reason = ?", [EVIL, EVIL])
    return cli


def run(cli: Cli, *words: str) -> tuple[str, str]:
    """Run a command, whatever its exit status; return what it wrote to each stream."""
    result = CliRunner().invoke(app, words, env={"HOSTMAP_DATABASE": cli.url}, prog_name="hostmap")
    return result.stdout, result.stderr


def unprintable(text: str) -> set[str]:
    return {character for character in text if character != "\n" and not character.isprintable()}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command[:2]))
def test_no_command_shows_unprintable_characters(
    hostile: Cli, command: tuple[str, ...], form: str
) -> None:
    stdout, stderr = run(hostile, *command, "--format", form, "--verbose")
    assert stdout or stderr
    assert not unprintable(stdout + stderr)


@pytest.mark.parametrize(
    "command",
    [
        ("host", "show", EVIL),
        ("cell", "show", EVIL),
        ("host", "create", EVIL, "cell2"),
        ("host", "import", EVIL),
        ("host", "import", "evil"),
        ("host", "wait", "--file", "evil", "--timeout", "0.1"),
        ("cell", "rotate", "--file", "evil"),
        ("cell", "rotate", "--file", EVIL),
        (EVIL,),
        ("host", EVIL),
        ("host", "list", f"--{EVIL}"),
        ("host", "list", "--limit", EVIL),
        ("host", "list", "--format", EVIL),
        ("host", "list", "--columns", EVIL),
        ("host", "list", EVIL),
        ("log", "--since", EVIL),
        ("outcome", EVIL),
        ("migrate", "--rollback", EVIL),
        ("--database", f"mysql://u:p@{EVIL}/d", "cell", "list"),
        ("--database", f"sqlite:///{EVIL}.db", "cell", "list"),
        ("nova", "import", "--from", f"@{EVIL}"),
        ("nova", "check", "--cell-options", EVIL),
        ("host", "export", f"{EVIL}/x"),
    ],
    ids=lambda command: " ".join(command).encode("unicode_escape").decode()[:40],
)
def test_no_error_shows_unprintable_characters(
    hostile: Cli, command: tuple[str, ...], tmp_path: Path
) -> None:
    for text in (f"host,cell\n{EVIL},{EVIL}\n", f"{EVIL}\n", f"- {EVIL}\n", f"[{EVIL!r}"):
        (tmp_path / "evil").write_text(text)
        stdout, stderr = run(hostile, *command)
        assert stderr
        assert not unprintable(stdout + stderr)


def test_json_has_the_exact_values(hostile: Cli) -> None:
    hosts = json.loads(run(hostile, "host", "list", "--format", "json")[0])
    assert {"host": EVIL, "cell": EVIL}.items() <= next(
        h for h in hosts if h["host"] == EVIL
    ).items()
    assert {change["reason"] for change in json.loads(run(hostile, "log", "-f", "json")[0])} == {
        EVIL
    }


def test_csv_and_value_keep_one_line_for_each_row(hostile: Cli) -> None:
    rows = [*csv.reader(io.StringIO(run(hostile, "host", "list", "-f", "csv", "-c", "host")[0]))]
    assert [printable(EVIL)] in rows
    lines = run(hostile, "host", "list", "-f", "value", "-c", "host,cell")[0].splitlines()
    assert len(lines) == 4


def test_an_export_has_exact_names_in_a_file_and_escapes_elsewhere(
    hostile: Cli, tmp_path: Path
) -> None:
    stdout, stderr = run(hostile, "host", "export")
    assert not unprintable(stdout)
    assert "with unprintable characters, written as escape sequences" in stderr
    _, stderr = run(hostile, "host", "export", "hosts.csv")
    assert "with unprintable characters, written unchanged" in stderr
    with (tmp_path / "hosts.csv").open(newline="") as file:
        assert [EVIL, EVIL] in csv.reader(file)
    # Such a name is refused, not changed into another one.
    result = hostile("host", "import", "hosts.csv", status=2)
    assert "which is not a printable character" in result.stderr
    assert not unprintable(run(hostile, "host", "export", "/dev/stdout")[0])


def test_the_shell_completes_no_unprintable_name(hostile: Cli) -> None:
    line = "hostmap cell show "
    env = {
        "HOSTMAP_DATABASE": hostile.url,
        "_HOSTMAP_COMPLETE": "bash_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": "3",
    }
    result = CliRunner().invoke(app, [], env=env, prog_name="hostmap")
    assert result.stdout.split() == ["plain,cell2", "plain,cell3"]


@contextmanager
def rogue_server(message: bytes) -> Iterator[int]:
    """Answer each MySQL client with an error in place of a greeting."""
    payload = b"\xff\x15\x04" + message
    packet = len(payload).to_bytes(3, "little") + b"\x00" + payload
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                with client:
                    client.sendall(packet)

        thread = Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize("command", ["check", "discover"])
@pytest.mark.parametrize("form", FORMATS)
def test_the_message_of_a_rogue_server_is_escaped(cli: Cli, command: str, form: str) -> None:
    with rogue_server(b"denied\x1b]0;owned\x07\x1b[2J\xc2\x9b\xe2\x80\xae") as port:
        url = f"mysql://nova:s3cret@127.0.0.1:{port}/nova?sslmode=disable"
        cli("cell", "update", "cell1", "--database-connection", url)
        words = ("nova", command, "--cell", "cell1", "--timeout", "1", "--format", form)
        stdout, stderr = run(cli, *words, "--verbose")
    assert "127.0.0.1" in stdout
    assert not unprintable(stdout + stderr)
    assert "s3cret" not in stdout + stderr


# --- formulas in spreadsheets ---------------------------------------------------------------------

FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\uff1d1"]


def test_csv_safe_disarms_formulas(cli: Cli) -> None:
    names = ("--cell", "cell3", "--input-format", "lines")
    cli("host", "import", "-", *names, input="\n".join(FORMULAS))
    plain = cli("host", "list", "-f", "csv", "-c", "host").stdout.split()
    assert {*FORMULAS} <= {*plain}
    for words in (("host", "list", "-f", "csv", "-c", "host"), ("host", "export")):
        for typed in ((*words, "--csv-safe"), ("--csv-safe", *words)):
            rows = [*csv.reader(io.StringIO(cli(*typed).stdout))]
            assert {f"'{host}" for host in FORMULAS} <= {row[0] for row in rows}
            assert "compute-1" in {row[0] for row in rows}


@pytest.mark.parametrize(
    "words", [("host", "list"), ("host", "list", "-f", "json"), ("completion", "bash")], ids=str
)
def test_csv_safe_is_refused_without_csv(cli: Cli, words: tuple[str, ...]) -> None:
    assert "--csv-safe has no effect without --format csv" in cli.error(
        *words, "--csv-safe", status=2
    )


# --- the functions --------------------------------------------------------------------------------


@given(st.text())
def test_printable_text_is_printable(text: str) -> None:
    assert printable(text).isprintable()
    if text.isprintable():
        assert printable(text) == text


@given(st.text(), st.sampled_from([None, 2]))
def test_json_text_is_printable_and_exact(text: str, indent: int | None) -> None:
    shown = json_text({"a": [text]}, indent=indent)
    assert not unprintable(shown)
    assert json.loads(shown) == {"a": [text]}
