"""The database's URL from a file: `--database @FILE` and HOSTMAP_DATABASE_FILE."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from hostmap_sql.cli.app import app
from hostmap_sql.cli.framework import database_source
from tests.cli.conftest import HOSTMAP, PASSWORD

if TYPE_CHECKING:
    from tests.cli.conftest import Cli

LIST = ("cell", "list", "--format", "value", "--columns", "name")
CELLS = "cell1\ncell2\ncell3\n"


def run(*arguments: str, **environment: str | None) -> Result:
    """Run the command with these variables, and no others of its own."""
    unset: dict[str, str | None] = {"HOSTMAP_DATABASE": None, "HOSTMAP_DATABASE_FILE": None}
    result = CliRunner().invoke(app, arguments, env=unset | environment, prog_name="hostmap")
    assert "Traceback" not in result.output
    assert PASSWORD not in result.output
    return result


def refused(result: Result) -> str:
    """Return the one line of a refusal."""
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("hostmap: ")
    return result.stderr


@pytest.fixture
def file(cli: Cli, tmp_path: Path) -> Path:
    """A file with the URL that only its owner can read."""
    file = tmp_path / "database url"
    file.touch(mode=0o600)
    file.write_text(f"{cli.url}\n")
    return file


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        (("--database", "@{file}", *LIST), {}),
        ((*LIST, "--database", "@{file}"), {}),
        (LIST, {"HOSTMAP_DATABASE": "@{file}"}),
        (LIST, {"HOSTMAP_DATABASE": " @{file}\n"}),
        (LIST, {"HOSTMAP_DATABASE_FILE": "{file}"}),
        # The command line comes before the environment, whatever that says.
        (("--database", "@{file}", *LIST), {"HOSTMAP_DATABASE_FILE": "/nothing"}),
        (
            ("--database", "@{file}", *LIST),
            {"HOSTMAP_DATABASE": "nonsense", "HOSTMAP_DATABASE_FILE": ""},
        ),
        (("--database", "{url}", *LIST), {"HOSTMAP_DATABASE_FILE": "/nothing"}),
    ],
)
def test_the_url_is_read_from_a_file(
    cli: Cli, file: Path, arguments: tuple[str, ...], environment: dict[str, str]
) -> None:
    words = [word.format(file=file, url=cli.url) for word in arguments]
    variables = {name: value.format(file=file) for name, value in environment.items()}
    result = run(*words, **variables)
    assert (result.exit_code, result.stdout, result.stderr) == (0, CELLS, "")


@pytest.mark.parametrize(
    "content", ["{}", "{}\r\n\r\n", "\n  {}  \n", "\ufeff{}\n", "\t{}\t"], ids=repr
)
def test_white_space_and_a_byte_order_mark_are_ignored(cli: Cli, file: Path, content: str) -> None:
    file.write_text(content.format(cli.url), encoding="utf-8")
    assert run("--database", f"@{file}", *LIST).stdout == CELLS


def test_a_file_in_the_home_folder_is_found(cli: Cli, file: Path) -> None:
    for variable in ("~/database url", "database url"):
        environment = {"HOME": str(file.parent), "HOSTMAP_DATABASE_FILE": variable}
        assert run(*LIST, **environment).stdout == CELLS
    assert cli.revision() == 5


URL = f"mysql://nova:{PASSWORD}@db.example.org/hostmap"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is empty"),
        (b" \r\n\n", "is empty"),
        (b"\xef\xbb\xbf\n", "is empty"),
        (f"{URL}\n{URL}\n".encode(), "holds several lines"),
        (f"# the directory\n{URL}\n".encode(), "holds several lines"),
        (f"{URL}\0".encode(), "holds a NUL"),
        (URL.encode("utf-16-le"), "holds a NUL"),
        (URL.encode("utf-16"), "is not UTF-8 text"),
        (f"{URL}\xe9".encode("latin-1"), "is not UTF-8 text"),
        (f"{URL}{'x' * 70_000}".encode(), "is larger than 64 KiB"),
    ],
)
def test_a_file_without_one_url_is_refused(file: Path, content: bytes, problem: str) -> None:
    file.write_bytes(content)
    for arguments, environment in (
        (("--database", f"@{file}"), {}),
        ((), {"HOSTMAP_DATABASE_FILE": str(file)}),
    ):
        error = refused(run(*arguments, *LIST, **environment))
        assert f"the URL file {str(file)!r} {problem}" in error


def test_a_file_that_cannot_be_read_is_refused(file: Path, tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    (tmp_path / "circle").symlink_to("circle")
    for path, problem in (
        (missing, "cannot be read: No such file"),
        (tmp_path, "cannot be read: Is a directory"),
        (tmp_path / "circle", "cannot be read: Too many levels"),
        (file / "below", "cannot be read: Not a directory"),
        (Path("/dev/zero"), "is larger than 64 KiB"),
        (Path("/dev/null"), "is empty"),
    ):
        error = refused(run("--database", f"@{path}", *LIST))
        assert f"the URL file {str(path)!r} {problem}" in error


def test_a_pipe_without_a_writer_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "is empty" in refused(run("--database", f"@{tmp_path}/pipe", *LIST))


def test_the_output_of_another_command_is_read(cli: Cli) -> None:
    script = f"{HOSTMAP} --database @<(sleep 0.2; echo '{cli.url}') {' '.join(LIST)}"
    assert subprocess.check_output(["/bin/bash", "-c", script], text=True) == CELLS


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (f"nova:{PASSWORD}@db", "has no scheme"),
        (f"HOSTMAP_DATABASE={URL}", "does not begin with one of"),
        (f"'{URL}'", "begins with a quote"),
        (f"{URL}?nope=1", "has the option 'nope'"),
        (f"mysql://nova:{PASSWORD}\x07@db/x", "control character"),
    ],
)
def test_an_invalid_url_in_a_file_names_the_file(file: Path, content: str, problem: str) -> None:
    file.write_text(content)
    error = refused(run("--database", f"@{file}", *LIST))
    assert f"hostmap: the URL in {str(file)!r} " in error
    assert problem in error


@pytest.mark.parametrize(
    ("arguments", "environment", "problem"),
    [
        (
            (),
            {"HOSTMAP_DATABASE": "sqlite:///x.db", "HOSTMAP_DATABASE_FILE": "x"},
            "HOSTMAP_DATABASE_FILE is set, and so is HOSTMAP_DATABASE: unset one",
        ),
        (
            (),
            {"HOSTMAP_DATABASE": "", "HOSTMAP_DATABASE_FILE": "x"},
            "HOSTMAP_DATABASE_FILE is set, and so is HOSTMAP_DATABASE: unset one",
        ),
        ((), {"HOSTMAP_DATABASE_FILE": ""}, "HOSTMAP_DATABASE_FILE is empty"),
        ((), {"HOSTMAP_DATABASE_FILE": URL}, "HOSTMAP_DATABASE_FILE holds a URL"),
        ((), {"HOSTMAP_DATABASE": "@"}, "with @ is empty"),
        (("--database", "@"), {}, "--database (or HOSTMAP_DATABASE) with @ is empty"),
        (("--database", "@-"), {}, "with @ takes no -"),
        (("--database", f"@{URL}"), {}, "with @ holds a URL"),
        (("--database", "@a", "--database", "@b"), {}, "--database was given twice"),
    ],
)
def test_an_ambiguous_source_is_refused(
    arguments: tuple[str, ...], environment: dict[str, str], problem: str
) -> None:
    assert problem in refused(run(*arguments, *LIST, **environment))


def test_commands_without_the_database_read_no_file() -> None:
    both = {"HOSTMAP_DATABASE": "nonsense", "HOSTMAP_DATABASE_FILE": "/nothing"}
    for words in (("--help",), ("host", "list", "--help"), ("completion", "bash"), ("--version",)):
        assert run(*words, **both).exit_code == 0


def test_the_demo_reads_no_file(cli: Cli) -> None:
    both = {"HOSTMAP_DATABASE": "nonsense", "HOSTMAP_DATABASE_FILE": "/nothing"}
    assert run("demo", **both).exit_code == 0
    assert cli.revision() == 5


# --- files that others can read -------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o602, 0o666, 0o444])
def test_a_file_that_others_can_read_or_write_causes_a_warning(file: Path, mode: int) -> None:
    file.chmod(mode)
    for arguments, environment in (
        (("--database", f"@{file}"), {}),
        ((), {"HOSTMAP_DATABASE_FILE": str(file)}),
    ):
        result = run(*arguments, *LIST, **environment)
        assert result.stdout == CELLS
        assert result.stderr == (
            f"hostmap: warning: other users have access to the URL file {str(file)!r}: "
            "run chmod o= on it\n"
        )
    file.chmod(mode & ~0o007)
    assert run("--database", f"@{file}", *LIST).stderr == ""


@pytest.mark.parametrize("mode", [0o400, 0o440, 0o600, 0o640, 0o660])
def test_the_owner_and_the_group_may_read_it(file: Path, mode: int) -> None:
    file.chmod(mode)
    assert run("--database", f"@{file}", *LIST).stderr == ""


def test_a_mounted_secret_causes_no_warning(cli: Cli) -> None:
    """As systemd, Docker and Kubernetes mount it: read-only, and often readable by all."""
    secret, list_ = Path(cli.url.removeprefix("sqlite:///")).parent / "secret", " ".join(LIST)
    script = (
        f"mkdir {secret} && mount -t tmpfs none {secret} && echo '{cli.url}' > {secret}/url"
        f" && chmod 444 {secret}/url && {HOSTMAP} --database @{secret}/url {list_}"
        f" && mount -o remount,ro {secret} && {HOSTMAP} --database @{secret}/url {list_}"
    )
    as_root = () if os.geteuid() == 0 else ("--map-root-user",)
    done = subprocess.run(
        ["/usr/bin/unshare", "--mount", *as_root, "/bin/bash", "-c", script],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == CELLS * 2
    assert done.stderr.count("warning") == 1


def test_a_shell_that_completes_gets_no_warning(file: Path) -> None:
    file.chmod(0o644)
    line = f"hostmap --database @{str(file).replace(' ', chr(92) + ' ')} cell show ce"
    result = run(
        _HOSTMAP_COMPLETE="bash_complete",
        COMP_WORDS=line,
        COMP_CWORD="5",
    )
    assert result.stderr == ""
    assert "cell1" in result.stdout


def test_the_variables_are_documented(cli: Cli) -> None:
    text = " ".join(cli("--help").stdout.split())
    assert database_source.VARIABLE in text
    assert database_source.FILE_VARIABLE in text
    assert "@FILE" in text
