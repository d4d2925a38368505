from __future__ import annotations

import keyword
import re
import stat
from typing import TYPE_CHECKING

import click
import pytest

from hostmap_sql import generate_key
from hostmap_sql.cli.app import app
from hostmap_sql.cli.framework.commands import Command, Group
from hostmap_sql.cli.framework.errors import EXIT_CODES, EXIT_STATUSES, OK
from tests.cli.conftest import NOVA_LISTING, run_example
from tests.docs.pages import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.conftest import Cli


def _all(
    command: click.Command, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            yield from _all(child, (*path, name))


COMMANDS = dict(_all(app))
IDS = [" ".join(("hostmap", *path)) for path in COMMANDS]

NAMES = {
    (),
    ("cell",),
    ("host",),
    ("migrate",),
    ("check",),
    ("demo",),
    ("completion",),
    *(("cell", n) for n in ("create", "list", "show", "update", "delete", "enable", "disable")),
    ("log",),
    ("outcome",),
    ("secrets",),
    *(("secrets", n) for n in ("generate-key", "seal", "rotate", "status")),
    ("grants",),
    ("nova",),
    *(("nova", n) for n in ("import", "export", "discover", "check")),
    *(("cell", n) for n in ("drain", "rotate")),
    ("host", "wait"),
    *(("host", n) for n in ("create", "show", "list", "move", "delete", "import", "export")),
}


def test_the_commands_are_the_documented_ones() -> None:
    assert set(COMMANDS) == NAMES


@pytest.mark.parametrize("path", [path for path in COMMANDS if path], ids=" ".join)
def test_every_command_has_a_file_of_its_name(path: tuple[str, ...]) -> None:
    words = (*path, "group") if isinstance(COMMANDS[path], Group) else path
    names = [f"{word}_" if keyword.iskeyword(word) else word for word in words]
    names = [name.replace("-", "_") for name in names]
    assert COMMANDS[path].callback.__module__ == ".".join(("hostmap_sql.cli.commands", *names))


@pytest.mark.parametrize("path", COMMANDS, ids=IDS)
def test_every_command_has_help_with_an_example(cli: Cli, path: tuple[str, ...]) -> None:
    command = COMMANDS[path]
    assert isinstance(command, Command | Group)
    assert command.example
    text = cli(*path, "--help").stdout
    assert cli(*path, "-h").stdout == text
    assert command.help
    words = " ".join(("hostmap", *path))
    assert text.startswith(f"Usage: {words} ")
    assert "Example:\n" in text
    assert words in command.example
    # A wrapped line could not be copied.
    assert all(f"    {line}\n" in text for line in command.example.splitlines())


@pytest.mark.parametrize("path", COMMANDS, ids=IDS)
def test_every_option_has_help(path: tuple[str, ...]) -> None:
    for option in COMMANDS[path].params:
        if isinstance(option, click.Option):
            assert option.help, option.name


# The commands below `hostmap nova` need Nova's databases: tests/nova/test_commands.py runs them.
@pytest.mark.parametrize("path", [path for path in COMMANDS if path[:1] != ("nova",)], ids=" ".join)
def test_every_example_works(cli: Cli, tmp_path: Path, path: tuple[str, ...]) -> None:
    command = COMMANDS[path]
    assert isinstance(command, Command | Group)
    if not path:
        cli("demo")
    for name in ("mq1", "mq5", "db5"):
        (tmp_path / f"{name}.url").write_text(f"scheme://{name}/\n")
    urls = "cell,transport_url,database_connection\ncell1,rabbit://nova:s3cret@mq1/,\n"
    (tmp_path / "urls.csv").write_text(urls)
    (tmp_path / "hosts.csv").write_text("host,cell\ncompute-7,cell1\n")
    for folder in (".config/fish/completions", ".local/share/bash-completion/completions"):
        (tmp_path / folder).mkdir(parents=True)
    _make_nova_manage(tmp_path)
    generate_key(tmp_path / "hostmap.keys", key="2026-05")
    cli("cell", "show", "cell1")
    run_example(cli, command, tmp_path)


def _make_nova_manage(folder: Path) -> None:
    script = folder / "nova-manage"
    script.write_text(f"#!/bin/sh\n[ \"$*\" = 'cell_v2 list_hosts' ] && cat '{NOVA_LISTING}'\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)


def test_aliases_are_not_listed(cli: Cli) -> None:
    text = cli("--help").stdout
    for alias in ("history", "watch"):
        assert f"  {alias} " not in text
        assert cli(alias, "--help").stdout.startswith(f"Usage: hostmap {alias} ")
        assert f"hostmap {alias}" in cli("log", "--help").stdout


def test_the_help_and_the_reference_list_every_exit_status(cli: Cli) -> None:
    text = cli("--help").stdout
    page = (REPOSITORY / "docs/reference/commands.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| (.+?) \|", page, re.MULTILINE)
    assert {int(status): meaning for status, meaning in rows} == EXIT_STATUSES
    assert {OK, *(status for status, _ in EXIT_CODES.values())} == {*EXIT_STATUSES}
    for status, meaning in EXIT_STATUSES.items():
        assert f"    {status:<3}  {meaning}\n" in text
