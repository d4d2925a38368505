"""The reference lists all tables, columns, public names, exit statuses and statements."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import hostmap_sql
from hostmap_sql import dialects
from hostmap_sql.cli.framework.errors import EXIT_CODES
from hostmap_sql.dialects import tls
from hostmap_sql.dialects.mysql import options as mysql_options
from hostmap_sql.dialects.sqlite import dialect as sqlite_dialect
from tests.docs.pages import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMA = "docs/reference/schema.md"


def read(document: str) -> str:
    return (REPOSITORY / document).read_text(encoding="utf-8")


@pytest.fixture
def columns(tmp_path: Path) -> dict[str, list[str]]:
    """The columns of each migrated table, in order."""
    file = tmp_path / "hostmap.db"
    with hostmap_sql.connect(f"sqlite:///{file}") as hostmap:
        hostmap.migrate()
    with closing(sqlite3.connect(file)) as connection:
        tables = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE '%mapping%'"
        )
        return {
            table: [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            for (table,) in tables.fetchall()
            if "yoyo" not in table
        }


def sections(text: str) -> Iterator[tuple[str, str]]:
    """Yield the heading and the text of each second-level section."""
    for section in text.split("\n## ")[1:]:
        heading, _, rest = section.partition("\n")
        yield heading, rest


def test_the_schema_page_has_every_column_of_every_table(columns: dict[str, list[str]]) -> None:
    described = {
        heading: re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
        for heading, text in sections(read(SCHEMA))
        if "| column |" in text
    }

    assert described == columns


def test_the_picture_has_every_column_of_every_table(columns: dict[str, list[str]]) -> None:
    drawn: dict[str, list[str]] = {}
    picture = read("docs/reference/schema.svg")
    for kind, name in re.findall(r'<text class="(name|column)[^"]*"[^>]*>(\w+)<', picture):
        if kind == "name":
            drawn[name] = []
        else:
            drawn[list(drawn)[-1]].append(name)

    assert drawn == columns


def test_the_schema_page_has_every_index_that_the_migrations_name() -> None:
    scripts = (REPOSITORY / "migrations" / "postgresql").glob("*.sql")
    made = {
        match
        for script in scripts
        for match in re.findall(r"CREATE INDEX (\w+)", script.read_text(encoding="utf-8"))
    }

    assert set(re.findall(r"index `(\w+) \(", read(SCHEMA))) == made


def test_every_public_name_is_in_the_reference() -> None:
    reference = read("docs/reference/api.md") + read("docs/reference/errors.md")
    directives = re.findall(r"^\.\. auto\w+:: (?:[\w.]+\.)?(\w+)$", reference, re.MULTILINE)

    assert set(hostmap_sql.__all__) - {"__version__"} <= set(directives)


def test_every_environment_variable_is_in_the_reference() -> None:
    folder = Path(hostmap_sql.__path__[0])
    source = "".join(module.read_text(encoding="utf-8") for module in folder.rglob("*.py"))
    shown = re.findall(r"^\| `(HOSTMAP_\w+)` \|", read("docs/reference/commands.md"), re.MULTILINE)

    assert set(re.findall(r'"(HOSTMAP_[A-Z_]+)"', source)) == {*shown}


def test_every_exit_status_is_in_the_reference() -> None:
    page = read("docs/reference/commands.md")
    rows = re.findall(r"^\| (\d+) \| .+? \| (.*) \|$", page, re.MULTILINE)
    documented = {
        getattr(hostmap_sql, name): int(status)
        for status, names in rows
        for name in re.findall(r"`(\w+)`", names)
    }

    assert documented == {
        error: next(EXIT_CODES[kind][0] for kind in error.__mro__ if kind in EXIT_CODES)
        for error in (getattr(hostmap_sql, name) for name in hostmap_sql.__all__)
        if isinstance(error, type) and issubclass(error, hostmap_sql.HostMapError)
        if error is not hostmap_sql.HostMapError
    }


def test_the_statements_of_sessions_are_those_of_the_dialects() -> None:
    folder = Path(dialects.__path__[0])
    source = "".join(module.read_text(encoding="utf-8") for module in folder.rglob("*.py"))
    page = dict(sections(read("docs/reference/statements.md")))["Beside these"]
    shown = set(re.findall(r"`([A-Z][^`]+)`", page))

    assert len(shown) > 5
    assert {statement for statement in shown if statement not in source} <= {"COMMIT", "ROLLBACK"}


def test_every_scheme_and_option_of_a_url_is_in_the_reference() -> None:
    page = read("docs/reference/urls.md")
    shown = set(re.findall(r"`([\w+-]+)`", page))

    assert set(dialects._SCHEMES) <= shown
    assert {*mysql_options.OPTIONS, *tls.MODES, *sqlite_dialect._OPTIONS} <= shown
