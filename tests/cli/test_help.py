from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import click
import pytest

from hostmap_sql.cli.app import app
from hostmap_sql.cli.context import Command, Group
from tests.cli.conftest import NOVA_LISTING, run_example

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

# All that the design names, and completion.
NAMES = {
    (),
    ("cell",),
    ("host",),
    ("migrate",),
    ("history",),
    ("check",),
    ("demo",),
    ("completion",),
    *(("cell", n) for n in ("create", "list", "show", "update", "delete", "enable", "disable")),
    ("log",),
    ("outcome",),
    ("watch",),
    ("nova",),
    *(("nova", n) for n in ("import", "export", "discover", "check")),
    *(("cell", n) for n in ("drain", "rotate")),
    ("host", "wait"),
    *(("host", n) for n in ("create", "show", "list", "move", "delete", "import", "export")),
}


def test_the_commands_are_those_of_the_design() -> None:
    assert set(COMMANDS) == NAMES


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
    # Folded lines make no example that could be copied.
    assert all(f"    {line}\n" in text for line in command.example.splitlines())


@pytest.mark.parametrize("path", COMMANDS, ids=IDS)
def test_every_option_says_what_it_does(path: tuple[str, ...]) -> None:
    for option in COMMANDS[path].params:
        if isinstance(option, click.Option):
            assert option.help, option.name


# The others need Nova's own databases: tests/nova/test_commands.py runs them.
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
    cli("cell", "show", "cell1")
    run_example(cli, command, tmp_path)


def _make_nova_manage(folder: Path) -> None:
    script = folder / "nova-manage"
    script.write_text(f"#!/bin/sh\n[ \"$*\" = 'cell_v2 list_hosts' ] && cat '{NOVA_LISTING}'\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
