from __future__ import annotations

import csv
import getpass
import io
import json
import logging
import sys
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

import hostmap_sql
from hostmap_sql import connect
from hostmap_sql.cli.app import app
from tests.cli.conftest import PASSWORD, Cli

if TYPE_CHECKING:
    from pathlib import Path

LISTS = [("cell", "list"), ("host", "list"), ("log",), ("migrate", "--status")]


def test_version(cli: Cli) -> None:
    assert cli("--version").stdout == f"hostmap, version {hostmap_sql.__version__}\n"


@pytest.mark.parametrize("before", [0, 1, 2])
def test_global_options_are_accepted_anywhere(before: int, cli: Cli) -> None:
    words = ["host", "list", "compute"]
    words[2:] = ["--prefix", "compute"]
    words[before:before] = ["--format", "csv", "--columns", "host"]
    assert cli(*words).stdout == "host\ncompute-1\ncompute-2\n"


@pytest.mark.parametrize("command", LISTS, ids=" ".join)
def test_every_format_shows_the_same_values(cli: Cli, command: tuple[str, ...]) -> None:
    rows = cli.json(*command)
    read = [*csv.DictReader(io.StringIO(cli(*command, "-f", "csv").stdout))]
    assert [list(row) for row in read] == [list(row) for row in rows]
    columns = list(rows[0])
    for row, text in zip(rows, read, strict=True):
        assert [_text(row[name], "") for name in columns] == list(text.values())
    value = cli(*command, "-f", "value").stdout.splitlines()
    assert value == [" ".join(_text(row[name], "-") for name in columns) for row in rows]
    selected = [option for name in columns for option in ("-c", name)]
    table = cli(*command, *selected).stdout.splitlines()
    assert {len(line) for line in table} == {len(table[0])}
    assert [
        [cell.strip() for cell in line[1:-1].split("|")] for line in (table[1], *table[3:-1])
    ] == [
        columns,
        *([_text(row[name], "-") for name in columns] for row in rows),
    ]


def _text(value: object, none: str) -> str:
    return none if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def test_columns_are_shown_in_the_given_order(cli: Cli) -> None:
    columns = ("-c", "cell", "-c", "host")
    assert cli("host", "show", "compute-1", "-f", "value", *columns).stdout == "cell1 compute-1\n"
    assert cli.json("host", "show", "compute-1", *columns) == {"cell": "cell1", "host": "compute-1"}


@pytest.mark.parametrize(
    "command",
    [
        ("host", "create", "x", "cell1"),
        ("host", "delete", "compute-1"),
        ("cell", "enable", "cell1"),
    ],
)
def test_an_unknown_column_prevents_the_write(cli: Cli, command: tuple[str, ...]) -> None:
    assert "--columns 'nope'" in cli.error(*command, "-c", "nope", status=2)
    assert "--columns 'nope'" in cli.error("demo", "-c", "nope", status=2)
    assert cli.revision() == 5


def test_wide_characters_and_markup_keep_the_table_aligned(cli: Cli) -> None:
    for host in ("日本", "e\u0301", "[red]"):
        cli("host", "create", host, "cell3")
    assert cli("host", "list", "--cell", "cell3", "-c", "host", "-c", "cell").stdout == (
        "+-------+-------+\n"
        "| host  | cell  |\n"
        "+-------+-------+\n"
        "| [red] | cell3 |\n"
        "| e\u0301     | cell3 |\n"
        "| 日本  | cell3 |\n"
        "+-------+-------+\n"
    )


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("nope",), "'nope'"),
        (("host", "nope"), "'nope'"),
        (("host", "list", "--nope"), "--nope"),
        (("host", "show"), "'HOST...'"),
        (("host", "create", "x"), "'CELL'"),
        (("cell", "show", "a", "b"), "(b)"),
        (("--format", "xml", "host", "list"), "'--format'"),
        (("host", "list", "--format", "xml"), "'--format'"),
        (("host", "import", "-", "--on-conflict", "x"), "--on-conflict"),
        (("host", "import", "-", "--input-format", "x"), "--input-format"),
        (("--timeout", "0", "host", "list"), "--timeout"),
        (("--timeout", "-1", "host", "list"), "--timeout"),
        (("--timeout", "nan", "host", "list"), "--timeout"),
        (("--timeout", "inf", "host", "list"), "--timeout"),
        (("--author", "a\nb", "host", "list"), "--author"),
        (("--author", "", "host", "list"), "--author"),
        (("--reason", "x" * 256, "host", "list"), "--reason"),
        (("completion", "tcsh"), "tcsh"),
    ],
    ids=str,
)
def test_wrong_usage_names_the_argument(cli: Cli, words: tuple[str, ...], named: str) -> None:
    assert named in cli.error(*words, status=2)


@pytest.mark.parametrize("words", [(), ("cell",), ("host",)])
def test_a_group_without_a_command_shows_its_help_as_an_error(
    cli: Cli, words: tuple[str, ...]
) -> None:
    result = cli(*words, status=2)
    assert result.stdout == ""
    assert result.stderr.startswith("Usage: hostmap")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        f"oracle://u:{PASSWORD}@db/x",
        f"mysql://u:{PASSWORD}@db:x/x",
        f"mysql://u:{PASSWORD}@db/x?nope=1",
        f"postgresql://u:{PASSWORD}@db/x?nope=1",
        f"postgresql://u:{PASSWORD}/@db/x",
        "sqlite://host/x.db",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///x.db?nope=1",
    ],
)
def test_an_invalid_database_url_is_refused(url: str) -> None:
    error = Cli(url).error("cell", "list", "--database", url, status=2)
    assert error.startswith("hostmap: --database (or HOSTMAP_DATABASE) ")
    assert PASSWORD not in error


@pytest.mark.parametrize(
    "words",
    [
        ("cell", "create", "x", "rabbit://u:{}@mq/"),
        ("cell", "show", "rabbit://u:{}@mq/"),
        ("cell", "create", " rabbit://u:{}@mq/"),
        ("rabbit://u:{}@mq/",),
        ("host", "show", "rabbit://u:{}@mq/"),
        ("host", "import", "rabbit://u:{}@mq/"),
        ("cell", "create", "x", "--uuid", "rabbit://u:{}@mq/"),
        ("--format", "rabbit://u:{}@mq/", "cell", "list"),
        ("cell", "show", "cell1", "-c", "rabbit://u:{}@mq/"),
    ],
    ids=" ".join,
)
def test_a_misplaced_url_is_quoted_without_its_password(cli: Cli, words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(
        app, [word.format(PASSWORD) for word in words], env={"HOSTMAP_DATABASE": cli.url}
    )
    assert result.exit_code in (2, 3)
    assert PASSWORD not in result.output


@pytest.mark.parametrize(
    "words",
    [
        ("cell", "create", "rabbit://u:{}@mq/"),
        ("cell", "update", "cell1", "--name", "rabbit://u:{}@mq/"),
        ("host", "create", "rabbit://u:{}@mq/", "cell1"),
    ],
    ids=" ".join,
)
def test_a_url_is_refused_as_a_name(cli: Cli, words: tuple[str, ...]) -> None:
    error = cli.error(*(word.format(PASSWORD) for word in words), status=2)
    assert error.endswith(" holds ://, as a URL does: give the name alone\n")
    assert "rabbit" not in error
    assert cli.revision() == 5


def test_an_unreachable_database_is_an_error() -> None:
    url = f"mysql://nova:{PASSWORD}@127.0.0.1:1/nova"
    error = Cli(url).error("--timeout", "0.1", "cell", "list", status=6)
    assert "127.0.0.1:1 is not available" in error
    assert PASSWORD not in error


def test_an_unknown_outcome_is_an_error(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_: object, **__: object) -> None:
        raise hostmap_sql.OutcomeUnknown("0d5e0d3c-9f3c-4d55-8a43-0c6e4d1d9a10")

    monkeypatch.setattr("hostmap_sql.directory.hosts.Hosts.create", lost)
    error = cli.error("host", "create", "x", "cell1", status=7)
    assert "0d5e0d3c-9f3c-4d55-8a43-0c6e4d1d9a10" in error


def test_an_unexpected_error_shows_no_message(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError(PASSWORD)

    monkeypatch.setattr("hostmap_sql.directory.cells.Cells.list", broken)
    error = cli.error("cell", "list", status=1)
    assert error.startswith("hostmap: unexpected RuntimeError")
    assert PASSWORD not in error
    env = {"HOSTMAP_DATABASE": cli.url}
    verbose = CliRunner().invoke(app, ["cell", "list", "--verbose"], env=env)
    assert verbose.exit_code == 1
    assert "Traceback" in verbose.stderr
    assert "in broken" in verbose.stderr


def test_a_missing_package_is_named(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hostmap_sql.migrations.migrator", None)
    assert "pip install 'hostmap-sql[migrate]'" in cli.error("migrate", status=1)


def test_verbose_logs_to_standard_error_until_the_command_ends(cli: Cli, tmp_path: Path) -> None:
    result = cli("--database", f"sqlite:///{tmp_path}/new.db", "--verbose", "migrate")
    assert "yoyo" in result.stderr
    assert "yoyo" not in result.stdout
    assert all(isinstance(h, logging.NullHandler) for h in logging.getLogger("yoyo").handlers)


def test_author_and_reason_are_recorded(cli: Cli) -> None:
    options = ("--author", "Zoë", "--reason", "rack 9")
    cli(*options, "host", "create", "a", "cell1")
    cli("host", "move", "a", "cell2", *options)
    cli("host", "delete", "a", *options)
    cli("cell", "disable", "cell1", *options)
    cli("host", "import", "-", *options, input="host,cell\nb,cell1\n")
    cli("cell", "delete", "cell1", "--force", *options)
    changes = cli.json("log", "--since", "5")
    assert {(change["author"], change["reason"]) for change in changes} == {("Zoë", "rack 9")}
    assert {change["revision"] for change in changes} == set(range(6, 12))


def test_the_default_author_is_the_login_name(cli: Cli) -> None:
    cli("host", "create", "a", "cell1")
    assert cli.json("log", "a")[0]["author"] == "operator"


@pytest.mark.parametrize("error", [KeyError("uid"), OSError("no user")])
def test_a_user_without_a_name_is_no_author(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def unknown() -> str:
        raise error

    monkeypatch.setattr(getpass, "getuser", unknown)
    cli("host", "create", "a", "cell1")
    assert cli.json("log", "a")[0]["author"] is None


def test_the_default_database_is_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HOSTMAP_DATABASE", raising=False)
    assert CliRunner().invoke(app, ["migrate"]).exit_code == 0
    with connect(f"sqlite:///{tmp_path}/hostmap.db") as hostmap:
        assert hostmap.revision() == 0


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(cli: Cli, shell: str) -> None:
    assert "_HOSTMAP_COMPLETE" in cli("completion", shell).stdout


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("hostmap ho", ["host"]),
        ("hostmap cell show cell", ["cell1", "cell2", "cell3"]),
        ("hostmap host move compute-", ["compute-1", "compute-2"]),
        ("hostmap host list --cell cell3", ["cell3"]),
        ("hostmap host list --format ", ["table", "json", "csv", "value"]),
        ("hostmap --database sqlite:///nope.db cell show ce", []),
        ("hostmap --database nonsense cell show ce", []),
    ],
)
def test_the_shell_completes(cli: Cli, line: str, expected: list[str]) -> None:
    words = line.split(" ")
    env = {
        "HOSTMAP_DATABASE": cli.url,
        "_HOSTMAP_COMPLETE": "bash_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    result = CliRunner().invoke(app, [], env=env, prog_name="hostmap")
    assert result.stderr == ""
    found = [line.partition(",")[2] for line in result.stdout.split()]
    assert found == expected


def test_json_has_no_escaped_letters(cli: Cli) -> None:
    cli("host", "create", "日本", "cell1")
    output = cli("host", "show", "日本", "-f", "json").stdout
    assert "日本" in output
    assert json.loads(output)["host"] == "日本"


@pytest.mark.parametrize(
    "arguments",
    [
        ("host", "list", "--limit", "99999999999999999999"),
        ("check", "--limit", "99999999999999999999"),
        ("log", "--since", "99999999999999999999"),
        ("log", "--follow", "--interval", "nan"),
        ("nova", "discover", "--every", "nan"),
    ],
    ids=" ".join,
)
def test_an_invalid_number_names_its_option(cli: Cli, arguments: tuple[str, ...]) -> None:
    assert f"'{arguments[-2]}'" in cli.error(*arguments, status=2)


def test_a_misplaced_password_is_not_shown(cli: Cli, tmp_path: Path) -> None:
    url = "rabbit://nova:s3cret@mq1/"
    (tmp_path / "hosts.csv").write_text(f"host,cell\na,{url}\n")
    (tmp_path / "mq.url").write_text(url)
    for arguments, status in (
        (("host", "import", "hosts.csv"), 3),
        (("host", "import", "mq.url"), 2),
        (("host", "wait", url, "--timeout", "0.1"), 6),
        (("host", "move", "compute-1", "cell2", "--from", f"{url} "), 2),
    ):
        said = cli(*arguments, status=status).stderr
        assert "rabbit://nova:***@mq1/" in said
        assert "s3cret" not in said


def test_the_example_url_is_not_masked(cli: Cli) -> None:
    for arguments in (("--database", "bogus", "check"), ("nova", "import", "--from", "bogus")):
        assert "mysql://user:password@host:3306/database" in cli.error(*arguments, status=2)
