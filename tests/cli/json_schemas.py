"""The JSON Schemas of the reference, and what holds every output of the tests against them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from hostmap_sql.cli.app import app
from hostmap_sql.cli.framework.commands import Command

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Schema = dict[str, Any]

FOLDER = Path(__file__).parents[2] / "docs" / "reference" / "json"
DEFINITIONS = "definitions"
DRY_RUN = "--dry-run"

SCHEMAS: dict[str, Schema] = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted(FOLDER.glob("*.json"))
}
_REGISTRY: Registry[Any] = Registry().with_resources(
    (f"{name}.json", Resource.from_contents(schema)) for name, schema in SCHEMAS.items()
)


def validate(name: str, output: object) -> None:
    """Raise, unless the output is what the schema says."""
    Draft202012Validator({"$ref": f"{name}.json"}, registry=_REGISTRY).validate(output)


def validate_output(arguments: Sequence[str], output: object) -> None:
    """Raise, unless this is the output of the command; one of chosen columns is let pass."""
    if not {"-c", "--columns"} & {*arguments}:
        path, command = _command(arguments)
        plan = DRY_RUN if DRY_RUN in arguments and command.plan_columns else ""
        validate("-".join(path) + plan, output)


def _command(arguments: Sequence[str]) -> tuple[list[str], Command]:
    """The command that is run by these arguments, and its words."""
    path: list[str] = []
    command: click.Command = app
    for argument in arguments:
        if isinstance(command, click.Group) and argument in command.commands:
            path.append(argument)
            command = command.commands[argument]
    assert isinstance(command, Command)
    return path, command


def outputs() -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """What there is to be a schema of: its name, the command, its columns."""
    for path, command in commands():
        for columns, option in ((command.columns, ""), (command.plan_columns, DRY_RUN)):
            if columns:
                yield (
                    "-".join(path) + option,
                    f"hostmap {' '.join(path)} {option}".rstrip(),
                    columns,
                )


def commands(
    command: click.Command = app, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Command]]:
    """All commands, with their words."""
    if isinstance(command, Command):
        yield path, command
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            yield from commands(child, (*path, name))
