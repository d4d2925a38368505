"""No option is passed over in silence: it has an effect, or it is refused."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import click
import pytest

from hostmap_sql.cli.app import app
from hostmap_sql.cli.hosts import hosts_of
from tests.cli.conftest import Cli
from tests.support.json_schemas import commands

if TYPE_CHECKING:
    from pathlib import Path

    from hostmap_sql import HostMap
    from hostmap_sql.cli.context import Command

READS = {"database", "timeout", "format", "columns"}
WRITES = READS | {"author", "reason"}
FILTERS = WRITES  # by author and reason, which sign nothing there

# Which options of `hostmap` itself have an effect on each command: a new command says so here too.
EFFECTIVE = {
    "migrate": READS,
    "cell create": WRITES,
    "cell list": READS,
    "cell show": READS,
    "cell update": WRITES,
    "cell enable": WRITES,
    "cell disable": WRITES,
    "cell drain": WRITES,
    "cell delete": WRITES,
    "cell rotate": WRITES,
    "host create": WRITES,
    "host show": READS,
    "host list": READS,
    "host move": WRITES,
    "host delete": WRITES,
    "host import": WRITES,
    "host export": READS - {"format", "columns"},
    "host wait": READS,
    "history": FILTERS,
    "log": FILTERS,
    "watch": FILTERS,
    "outcome": READS,
    "check": READS,
    "nova import": WRITES,
    "nova discover": WRITES,
    "nova check": READS,
    "nova export": READS,
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
}


def arguments(command: Command) -> list[str]:
    """Something for each argument and option that a command requires."""
    words = []
    for param in command.params:
        if param.required:
            value = "bash" if isinstance(param.type, click.Choice) else "x"
            words += [value] if isinstance(param, click.Argument) else [param.opts[0], value]
    return words


def test_every_command_says_what_has_an_effect_on_it() -> None:
    assert {
        name: set(command.uses) - {"verbose"} for name, command in COMMANDS.items()
    } == EFFECTIVE


WITHOUT_EFFECT = [
    (name, option) for name, command in COMMANDS.items() for option in {*VALUES} - command.uses
]


@pytest.mark.parametrize(("name", "option"), sorted(WITHOUT_EFFECT))
@pytest.mark.parametrize("is_before", [True, False], ids=["before", "after"])
def test_what_has_no_effect_is_refused(
    name: str,
    option: str,
    is_before: bool,  # noqa: FBT001 - a parameter
    cli: Cli,
) -> None:
    words = [*name.split(), *arguments(COMMANDS[name])]
    place = 0 if is_before else len(words)
    words[place:place] = [f"--{option}", VALUES[option]]
    error = cli.error(*words, status=2)
    assert f"--{option}" in error
    assert "has no effect on `hostmap " in error or "it shows none" in error


def test_a_variable_of_the_environment_is_never_refused() -> None:
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
    """One of two values that an option takes."""
    if isinstance(option.type, click.Choice):
        return str(option.type.choices[number])
    return f"x{number}" if isinstance(option.type, click.types.StringParamType) else f"{number + 1}"


@pytest.mark.parametrize(
    ("name", "option"), SINGLE, ids=[f"{name} {param.opts[-1]}" for name, param in SINGLE]
)
def test_what_takes_one_value_is_refused_if_it_is_given_two(
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
def test_an_option_of_hostmap_that_is_given_two_values_is_refused(
    cli: Cli, words: tuple[str, ...]
) -> None:
    error = cli.error(*words, status=2)
    assert "was given twice, with different values: give it once" in error
    assert "sqlite" not in error


def test_the_same_value_twice_is_that_value(cli: Cli) -> None:
    words = ("host", "list", "--prefix", "compute", "--prefix=compute", "-f", "value", "-c", "host")
    assert cli("-f", "value", *words).stdout == "compute-1\ncompute-2\n"
    assert cli("cell", "list", "--show-secrets", "--show-secrets").stdout


def test_columns_of_all_places_are_shown(cli: Cli) -> None:
    assert cli("-c", "host", "host", "show", "compute-1", "-f", "value", "-c", "cell").stdout == (
        "compute-1 cell1\n"
    )


def test_the_command_line_counts_more_than_the_environment(cli: Cli) -> None:
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
def test_an_option_without_the_one_it_needs_is_refused(
    cli: Cli, words: tuple[str, ...], other: str
) -> None:
    assert f"has no effect without {other}" in cli.error(*words, status=2)


EMPTY = [
    (name, param)
    for name, command in COMMANDS.items()
    for param in command.params
    if isinstance(param, click.Option) and not param.is_flag
    # Where it means something, a cell without; and what the library itself refuses.
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


def test_an_empty_variable_is_refused_where_it_would_count() -> None:
    for empty in ("", " \n"):
        error = Cli(empty).error("cell", "list", status=2)
        assert "--database (or HOSTMAP_DATABASE) is empty" in error
    assert Cli("")("completion", "bash").stdout


def test_hosts_of_several_cells_are_one_list(cli: Cli) -> None:
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


def test_a_host_that_moves_between_the_cells_meanwhile_is_there(directory: HostMap) -> None:
    one, other = (directory.cells.get_by_name(name).uuid for name in ("cell1", "cell2"))
    more_than_a_page = [(f"m-{number:04}", other) for number in range(2_000)]
    directory.hosts.create_many([("a", one), *more_than_a_page, ("n", other), ("z", one)])
    found = hosts_of(directory, ["cell1", "cell2"], None)
    first = [mapping.host for mapping in islice(found, 4)]
    directory.hosts.move("n", one)
    assert [*first, *(mapping.host for mapping in found)].count("n") == 1


def test_help_is_shown_whatever_else_is_typed() -> None:
    assert app.name == "hostmap"
    assert "Usage:" in Cli("")("host", "list", "--limit", "1", "--limit", "2", "--help").stdout


def test_a_line_break_at_the_end_of_a_url_is_no_part_of_it(cli: Cli, tmp_path: Path) -> None:
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
