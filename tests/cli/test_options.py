"""No option is ignored silently: it has an effect, or it is refused."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import click
import pytest

from hostmap_sql.cli.app import app
from hostmap_sql.cli.commands.host.arguments import iterate_hosts
from tests.cli.conftest import Cli
from tests.cli.json_schemas import commands

if TYPE_CHECKING:
    from pathlib import Path

    from hostmap_sql import HostMap
    from hostmap_sql.cli.framework.commands import Command

READS = {"database", "timeout", "format", "columns"}
WRITES = READS | {"author", "reason"}
SEALS = {"key_file"}
REVEALS = SEALS | {"reference_folder", "reference_prefix"}
FILTERS = WRITES  # author and reason are filters here

# The options of `hostmap` itself that each command uses. A new command needs an entry.
EFFECTIVE = {
    "migrate": READS,
    "cell create": WRITES | SEALS,
    "cell list": READS | REVEALS,
    "cell show": READS | REVEALS,
    "cell update": WRITES | SEALS,
    "cell enable": WRITES,
    "cell disable": WRITES,
    "cell drain": WRITES,
    "cell delete": WRITES,
    "cell rotate": WRITES | SEALS,
    "host create": WRITES,
    "host show": READS,
    "host list": READS,
    "host move": WRITES,
    "host delete": WRITES,
    "host import": WRITES,
    "host export": READS - {"format", "columns"},
    "host wait": READS,
    "log": FILTERS,
    "outcome": READS,
    "check": READS,
    "grants": READS - {"format", "columns"},
    "secrets generate-key": SEALS | {"format", "columns"},
    "secrets seal": WRITES | SEALS,
    "secrets rotate": WRITES | SEALS,
    "secrets status": READS | SEALS,
    "nova import": WRITES | REVEALS,
    "nova discover": WRITES | REVEALS,
    "nova check": READS | REVEALS,
    "nova export": READS | REVEALS,
    "demo": {"timeout", "author", "reason"},
    "completion": set(),
}
COMMANDS = {" ".join(path): command for path, command in commands()}

VALUES = {
    "database": "sqlite:///other.db",
    "timeout": "1",
    "format": "json",
    "columns": "host",
    "author": "alice",
    "reason": "rack 9",
    "key_file": "hostmap.keys",
    "reference_folder": "/run/secrets",
    "reference_prefix": "CELL_",
}


def arguments(command: Command) -> list[str]:
    """Return a value for each argument and option that a command requires."""
    words = []
    for param in command.params:
        if param.required:
            value = param.type.choices[0] if isinstance(param.type, click.Choice) else "x"
            words += [value] if isinstance(param, click.Argument) else [param.opts[0], value]
    return words


def test_every_command_declares_its_global_options() -> None:
    assert {
        name: set(command.uses) - {"verbose"} for name, command in COMMANDS.items()
    } == EFFECTIVE


WITHOUT_EFFECT = [
    (name, option) for name, command in COMMANDS.items() for option in {*VALUES} - command.uses
]


@pytest.mark.parametrize(("name", "option"), sorted(WITHOUT_EFFECT))
@pytest.mark.parametrize("is_before", [True, False], ids=["before", "after"])
def test_an_option_without_effect_is_refused(
    name: str,
    option: str,
    is_before: bool,  # noqa: FBT001 - a parameter
    cli: Cli,
) -> None:
    words = [*name.split(), *arguments(COMMANDS[name])]
    place = 0 if is_before else len(words)
    flag = f"--{option.replace('_', '-')}"
    words[place:place] = [flag, VALUES[option]]
    error = cli.error(*words, status=2)
    assert flag in error
    assert "has no effect on `hostmap " in error or "it shows none" in error


def test_an_environment_variable_is_never_refused() -> None:
    nowhere = Cli("mysql://nobody@127.0.0.1:1/nothing")
    assert nowhere("completion", "bash").stdout
    assert nowhere("--verbose", "completion", "bash").stdout


SINGLE = [
    (name, param)
    for name, command in COMMANDS.items()
    for param in command.params
    if isinstance(param, click.Option) and not param.is_flag and not param.multiple
]


def value_for(option: click.Option, number: int) -> str:
    """Return one of two valid values of an option."""
    if isinstance(option.type, click.Choice):
        return str(option.type.choices[number])
    return f"x{number}" if isinstance(option.type, click.types.StringParamType) else f"{number + 1}"


@pytest.mark.parametrize(
    ("name", "option"), SINGLE, ids=[f"{name} {param.opts[-1]}" for name, param in SINGLE]
)
def test_two_values_of_a_single_option_are_refused(
    name: str, option: click.Option, cli: Cli
) -> None:
    values = [value_for(option, number) for number in (0, 1)]
    words = [*name.split(), *arguments(COMMANDS[name])]
    typed = [word for value in values for word in (option.opts[-1], value)]
    error = cli.error(*words, *typed, status=2)
    assert f"{option.opts[-1]} was given twice" in error
    assert values[1] not in error.partition("(see")[0]


@pytest.mark.parametrize(
    "words",
    [
        ("--format", "json", "host", "list", "--format", "csv"),
        ("host", "-f", "json", "list", "-fcsv"),
        ("--author", "a", "host", "create", "x", "cell1", "--author=b"),
        ("--timeout", "1", "--timeout", "2", "cell", "list"),
        ("--database", "sqlite:///a.db", "cell", "list", "--database", "sqlite:///b.db"),
        ("--reason", "a", "--reason", "b", "cell", "enable", "cell1"),
    ],
    ids=" ".join,
)
def test_two_values_of_a_global_option_are_refused(cli: Cli, words: tuple[str, ...]) -> None:
    error = cli.error(*words, status=2)
    assert "was given twice, with different values: give it once" in error
    assert "sqlite" not in error


def test_the_same_value_twice_is_accepted(cli: Cli) -> None:
    words = ("host", "list", "--prefix", "compute", "--prefix=compute", "-f", "value", "-c", "host")
    assert cli("-f", "value", *words).stdout == "compute-1\ncompute-2\n"
    assert cli("cell", "list", "--show-secrets", "--show-secrets").stdout


def test_columns_before_and_after_the_command_are_joined(cli: Cli) -> None:
    assert cli("-c", "host", "host", "show", "compute-1", "-f", "value", "-c", "cell").stdout == (
        "compute-1 cell1\n"
    )


def test_the_command_line_overrides_the_environment(cli: Cli) -> None:
    assert cli.revision() == 5
    assert Cli("sqlite:///nope.db")("--database", cli.url, "cell", "list").stdout


def test_opposites_are_refused(cli: Cli) -> None:
    error = cli.error("cell", "update", "cell1", "--disabled", "--enabled", status=2)
    assert "--disabled and --enabled do not go together" in error


@pytest.mark.parametrize(
    ("words", "other"),
    [
        (("log", "--interval", "2"), "--follow"),
        (("migrate", "--yes"), "--rollback"),
        (("migrate", "--status", "-y"), "--rollback"),
        (("nova", "check", "--trust-host", "x"), "--template-url"),
        (("nova", "discover", "--trust-host", "x"), "--template-url"),
    ],
    ids=str,
)
def test_an_option_that_needs_another_is_refused_alone(
    cli: Cli, words: tuple[str, ...], other: str
) -> None:
    assert f"has no effect without {other}" in cli.error(*words, status=2)


EMPTY = [
    (name, param)
    for name, command in COMMANDS.items()
    for param in command.params
    if isinstance(param, click.Option) and not param.is_flag
    # An empty URL removes it from a cell; an empty database is refused by the library.
    if param.name not in ("transport_url", "database_connection", "database")
    if param.name not in VALUES or param.name in command.uses
]


@pytest.mark.parametrize(
    ("name", "option"), EMPTY, ids=[f"{name} {param.opts[-1]}" for name, param in EMPTY]
)
def test_an_empty_value_is_refused(name: str, option: click.Option, cli: Cli) -> None:
    words = [*name.split(), *arguments(COMMANDS[name])]
    assert option.opts[-1] in cli.error(*words, f"{option.opts[-1]}=", status=2)
    assert cli.revision() == 5


def test_an_empty_variable_is_refused_if_it_is_used() -> None:
    for empty in ("", " \n"):
        error = Cli(empty).error("cell", "list", status=2)
        assert "--database (or HOSTMAP_DATABASE) is empty" in error
    assert Cli("")("completion", "bash").stdout


def test_hosts_of_several_cells_are_listed_together(cli: Cli) -> None:
    cli("host", "create", "compute-1-a", "cell2")
    uuid = cli.json("cell", "show", "cell1")["uuid"]
    both = ("--cell", "cell2", "--cell", "cell1", "--cell", uuid)
    hosts = [host["host"] for host in cli.json("host", "list", *both)]
    assert hosts == ["compute-1", "compute-1-a", "compute-2", "storage-1"]
    assert cli("host", "export", *both).stdout == (
        "host,cell\ncompute-1,cell1\ncompute-1-a,cell2\ncompute-2,cell1\nstorage-1,cell2\n"
    )
    limited = cli.json("host", "list", *both, "--prefix", "compute", "--limit", "2")
    assert [host["host"] for host in limited] == hosts[:2]
    assert cli.json("host", "list", "--cell", "cell3", "--cell", "cell3") == []
    assert "cell9" in cli.error("host", "list", "--cell", "cell1", "--cell", "cell9", status=3)


def test_a_host_that_moves_between_listed_cells_is_listed(directory: HostMap) -> None:
    one, other = (directory.cells.get_by_name(name).uuid for name in ("cell1", "cell2"))
    more_than_a_page = [(f"m-{number:04}", other) for number in range(2_000)]
    directory.hosts.create_many([("a", one), *more_than_a_page, ("n", other), ("z", one)])
    found = iterate_hosts(directory, ["cell1", "cell2"], None)
    first = [mapping.host for mapping in islice(found, 4)]
    directory.hosts.move("n", one)
    assert [*first, *(mapping.host for mapping in found)].count("n") == 1


def test_help_is_shown_despite_invalid_options() -> None:
    assert app.name == "hostmap"
    assert "Usage:" in Cli("")("host", "list", "--limit", "1", "--limit", "2", "--help").stdout


def test_a_trailing_line_break_is_not_part_of_a_url(cli: Cli, tmp_path: Path) -> None:
    assert Cli(f"{cli.url}\n")("host", "list", "-f", "value", "-c", "host").stdout
    assert Cli("sqlite:///nope.db")("--database", f" {cli.url}\r\n", "cell", "list").stdout
    (tmp_path / "mq.url").write_bytes(b"\xef\xbb\xbfrabbit://mq9/\r\n\r\n")
    cli("cell", "update", "cell1", "--transport-url", "@mq.url")
    cli("cell", "update", "cell2", "--transport-url", "rabbit://mq9/\n")
    cells = cli.json("cell", "list", "--show-secrets")
    assert [cell["transport_url"] for cell in cells[:2]] == ["rabbit://mq9/"] * 2
    for quote in "\"'":  # as a file for `docker run --env-file` has them
        error = Cli(f"{quote}{cli.url}{quote}\n").error("cell", "list", status=2)
        assert "write it without quotes" in error
    error = Cli("sqlite:///a\nb.db").error("cell", "list", status=2)
    assert "holds a line break or other control character" in error
    assert "a b.db" not in error
