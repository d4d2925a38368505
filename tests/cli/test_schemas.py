"""The JSON output of commands matches the schemas of the reference.

A command that has columns needs `docs/reference/json/COMMAND.json` (its words with hyphens between
them, and --dry-run at the end if it has other columns then), its lines in `OUTPUTS` here, and its
section in `docs/reference/json.md`. In addition, `Cli.json` validates every output of the tests.
"""

from __future__ import annotations

import re
import shlex
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from hostmap_sql import generate_key
from hostmap_sql.directory.finding import KINDS
from tests.cli.json_schemas import DEFINITIONS, FOLDER, SCHEMAS, Schema, outputs, validate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.conftest import Cli

TITLES = {name: title for name, title, _ in outputs()}
COLUMNS = {name: columns for name, _, columns in outputs()}

# The commands for each output, in the directory of the template, with their exit statuses. The
# commands of Nova are tested where Nova is.
OUTPUTS: dict[str, list[tuple[int, str]]] = {
    "cell-create": [
        (0, "cell create cell4 --transport-url rabbit://nova:PASSWORD@mq4/"),
        (0, "cell create cell5 --disabled"),
    ],
    "cell-list": [(0, "cell list"), (0, "cell list --show-secrets")],
    "cell-show": [(0, "cell show cell1")],
    "cell-update": [(0, "cell update cell1 --name cell9 --database-connection ''")],
    "cell-enable": [(0, "cell enable cell1")],
    "cell-disable": [(0, "cell disable cell1")],
    "cell-delete": [(0, "cell delete cell3"), (0, "cell delete cell2 --force")],
    "cell-delete--dry-run": [(0, "cell delete cell1 --force --dry-run")],
    "cell-drain": [(0, "cell drain cell1 cell3"), (0, "cell drain cell1 cell3")],
    "cell-drain--dry-run": [(0, "cell drain cell1 cell3 --dry-run")],
    "cell-rotate": [(0, "cell rotate --file urls.csv"), (0, "cell rotate --file urls.csv")],
    "cell-rotate--dry-run": [(0, "cell rotate --file urls.csv --dry-run")],
    "host-create": [(0, "host create compute-9 cell1")],
    "host-list": [(0, "host list"), (0, "host list --prefix nothing")],
    "host-show": [
        (0, "host show compute-1"),
        (0, "host show compute-1 storage-1"),
        (3, "host show compute-1 nothing"),
    ],
    "host-move": [
        (0, "host move compute-1 cell2"),
        (0, "host move compute-1 compute-2 cell3 --reason 'rack 9'"),
    ],
    "host-delete": [(0, "host delete compute-1 compute-2")],
    "host-import": [
        (4, "host import hosts.csv --dry-run"),
        (4, "host import hosts.csv"),
        (0, "host import hosts.csv --on-conflict move"),
    ],
    "host-wait": [
        (0, "host wait compute-1 storage-1"),
        (6, "host wait compute-1 storage-1 nothing --cell cell1 --timeout 0.1"),
    ],
    "log": [
        (0, "cell delete cell3"),
        (0, "host move compute-1 cell2"),
        (0, "host delete compute-1"),
        (0, "cell disable cell1"),
        (0, "log"),
        (0, "log compute-1"),
        (0, "log --since 99"),
        (0, "log --since 2000-01-01 --host compute-1"),
    ],
    "outcome": [(0, "outcome 0d5e0d3c-9f3c-4d55-8a43-0c6e4d1d9a10 --revision 1")],
    "migrate": [
        (0, "migrate"),
        (0, "migrate --status"),
        (0, "migrate --rollback 0006-host-mapping-change --yes"),
    ],
    "check": [(0, "check"), (0, "check --limit 1"), (4, "check --require-sealed")],
    "secrets-generate-key": [
        (0, "secrets generate-key --key-file new.keys"),
        (0, "secrets generate-key --key-file new.keys --key next --inactive --dry-run"),
    ],
    "secrets-seal": [(0, "secrets seal --key-file hostmap.keys")] * 2,
    "secrets-seal--dry-run": [(0, "secrets seal --key-file hostmap.keys --dry-run")],
    "secrets-rotate": [
        (0, "secrets seal --key-file hostmap.keys"),
        (0, "secrets generate-key --key-file hostmap.keys --key next"),
        (0, "secrets rotate --key-file hostmap.keys"),
    ],
    "secrets-rotate--dry-run": [(0, "secrets rotate --key-file hostmap.keys --dry-run")],
    "secrets-status": [
        (0, "secrets status"),
        (0, "secrets seal --key-file hostmap.keys"),
        (0, "secrets status --key-file hostmap.keys"),
    ],
}
ELSEWHERE = {name for name in COLUMNS if name.startswith("nova-")}


def objects(schema: Any) -> Iterator[Schema]:
    """Yield all schemas of objects in a schema."""
    if isinstance(schema, dict):
        if "properties" in schema:
            yield schema
        for value in schema.values():
            yield from objects(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from objects(value)


def shown(schema: Schema) -> set[tuple[str, ...]]:
    """Return the keys of the objects in a result or its array."""
    while "$ref" in schema:
        schema = SCHEMAS[DEFINITIONS]["$defs"][schema["$ref"].partition("#/$defs/")[2]]
    if "anyOf" in schema:
        return {keys for one in schema["anyOf"] for keys in shown(one)}
    if schema["type"] == "array":
        return shown(schema["items"])
    return {tuple(schema["properties"])}


def test_every_command_with_columns_has_a_schema() -> None:
    assert {*SCHEMAS} - {DEFINITIONS} == {*COLUMNS}
    assert {*OUTPUTS} | ELSEWHERE == {*COLUMNS}


@pytest.mark.parametrize("name", COLUMNS)
def test_columns_match_the_schema(name: str) -> None:
    assert shown(SCHEMAS[name]) == {COLUMNS[name]}
    assert SCHEMAS[name]["title"] == TITLES[name]


@pytest.mark.parametrize("name", OUTPUTS)
def test_output_matches_the_schema(cli: Cli, tmp_path: Path, name: str) -> None:
    (tmp_path / "hosts.csv").write_text("host,cell\ncompute-7,cell1\ncompute-1,cell2\n")
    (tmp_path / "urls.csv").write_text("cell,transport_url\ncell1,rabbit://nova:PASSWORD@mq9/\n")
    generate_key(tmp_path / "hostmap.keys")
    for status, line in OUTPUTS[name]:
        output = cli.json(*shlex.split(line), status=status)
        if line.startswith(TITLES[name].removeprefix("hostmap ").removesuffix(" --dry-run")):
            validate(name, output)
    assert f"hostmap {line}".startswith(TITLES[name].removesuffix(" --dry-run"))


def test_findings_match_the_schema(cli: Cli) -> None:
    with closing(sqlite3.connect(cli.url.removeprefix("sqlite:///"))) as connection:
        connection.execute("DELETE FROM host_mapping WHERE host = 'compute-1'")
        connection.execute("DELETE FROM cell_mapping WHERE name = 'cell3'")
        connection.execute("DELETE FROM mapping_changeset WHERE revision = 2")
        connection.execute("DELETE FROM mapping_revision")
        connection.commit()
    found = cli.json("check", status=4)
    validate("check", found)
    assert len(found) == 5
    assert SCHEMAS["check"]["items"]["properties"]["kind"]["enum"] == [*KINDS]


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_complete(name: str) -> None:
    schema = SCHEMAS[name]
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    assert schema["description"]
    for one in objects(schema):
        assert one["additionalProperties"] is False
        assert one["required"] == [*one["properties"]]
        assert all(value["description"] for value in one["properties"].values())


def test_every_definition_is_used_and_unique() -> None:
    texts = [path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")]
    for name in SCHEMAS[DEFINITIONS]["$defs"]:
        assert sum(text.count(f'#/$defs/{name}"') for text in texts), name
    own = [tuple(one["properties"]) for schema in SCHEMAS.values() for one in objects(schema)]
    assert len(own) == len(set(own))


def test_the_page_shows_every_schema() -> None:
    page = (FOLDER.parent / "json.md").read_text(encoding="utf-8")
    for form in (r"\(json/(.+)\.json\)", r"^```\{literalinclude\} json/(.+)\.json$"):
        assert sorted(re.findall(form, page, re.MULTILINE)) == sorted(SCHEMAS)


def test_a_schema_refuses_unknown_values(cli: Cli) -> None:
    cell = cli.json("cell", "show", "cell1")
    for changed in ({**cell, "more": 1}, {**cell, "uuid": "X"}, {**cell, "created_at": "today"}):
        with pytest.raises(ValidationError):
            validate("cell-show", changed)
    del cell["hosts"]
    with pytest.raises(ValidationError):
        validate("cell-show", cell)
