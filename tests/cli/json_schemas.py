"""The JSON Schemas of the reference, and the validation of the outputs of all tests."""

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
    """Raise an error unless the output matches the schema."""
    Draft202012Validator({"$ref": f"{name}.json"}, registry=_REGISTRY).validate(output)


def validate_output(arguments: Sequence[str], output: object) -> None:
    """Raise an error unless the output matches the command; skip outputs of chosen columns."""
    if not {"-c", "--columns"} & {*arguments}:
        path, command = _command(arguments)
        plan = DRY_RUN if DRY_RUN in arguments and command.plan_columns else ""
        validate("-".join(path) + plan, output)


def _command(arguments: Sequence[str]) -> tuple[list[str], Command]:
    """Return the words of the command that these arguments run, and the command."""
    path: list[str] = []
    command: click.Command = app
    for argument in arguments:
        if isinstance(command, click.Group) and argument in command.commands:
            path.append(argument)
            command = command.commands[argument]
    assert isinstance(command, Command)
    return path, command


def outputs() -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield the name, the command and the columns of each output that needs a schema."""
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
    """Yield the words of each command, and the command."""
    if isinstance(command, Command):
        yield path, command
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            yield from commands(child, (*path, name))
