"""The house rules of the library's code, as far as a linter does not see to them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from hostmap_sql.dialects import _DIALECTS, _SCHEMES, dialect_named
from hostmap_sql.statements import HOLDS_SECRETS, Statement

REPOSITORY = Path(__file__).parents[1]
PACKAGE = REPOSITORY / "hostmap_sql"
MODULES = sorted(PACKAGE.rglob("*.py"))
TESTS = sorted((REPOSITORY / "tests").glob("test_*.py"))
SQL = re.compile(
    r"\b(SELECT\s.+\sFROM|INSERT\s+INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM|CREATE\s+TABLE|DROP\s+TABLE)\b",
    re.DOTALL,
)
MOST_LINES = 400
MOST_OVERRIDES = 5


def relative(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def is_inside(path: Path, folder: str) -> bool:
    return relative(path).startswith(f"hostmap_sql/{folder}")


def docstrings(tree: ast.AST) -> set[int]:
    """The ids of the nodes that are text which nobody runs."""
    return {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_sql_stands_in_the_statements_and_the_dialects_alone(path: Path) -> None:
    if path.name == "statements.py" or is_inside(path, "dialects/"):
        return
    tree = ast.parse(path.read_text())
    skipped = docstrings(tree)
    texts = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in skipped
    ]
    assert not [text for text in texts if SQL.search(text)]


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_no_dialect_is_asked_about_outside_the_dialects(path: Path) -> None:
    if is_inside(path, "dialects/"):
        return
    names = {*_DIALECTS, *_SCHEMES, "mariadb"}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            compared = {
                n.value for side in sides for n in ast.walk(side) if isinstance(n, ast.Constant)
            }
            assert not compared & names, ast.unparse(node)


@pytest.mark.parametrize(
    "path", [*MODULES, *sorted((REPOSITORY / "tests").rglob("*.py"))], ids=relative
)
def test_files_are_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MOST_LINES


def test_every_statement_is_used() -> None:
    used = {
        node.attr
        for path in MODULES
        if not is_inside(path, "statements.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "Statement"
    }
    assert {statement.name for statement in Statement} == used


@pytest.mark.parametrize("name", _DIALECTS)
def test_a_dialect_overrides_few_statements_with_the_same_parameters(name: str) -> None:
    dialect = dialect_named(name)
    assert len(dialect.overrides) <= MOST_OVERRIDES
    assert set(dialect.sql) == set(Statement)
    for statement, text in dialect.overrides.items():
        assert text != statement.value, "it overrides nothing"


# What makes a table of many names: paths in JSON, the end of a line.
_QUOTED = {"'$[*]'", "'$'", r"'\n'"}


@pytest.mark.parametrize("name", _DIALECTS)
def test_statements_hold_no_values(name: str) -> None:
    """Neither quoted texts nor signs that a driver would take for its own."""
    for statement, text in dialect_named(name).sql.items():
        assert not re.search(r"%(?!\(\w+\)s)", text), statement.name
        quoted = re.findall(r"'[^']*'", text)
        assert set(quoted) <= _QUOTED, (statement.name, quoted)


def test_the_statements_that_bind_urls_are_those_that_hold_secrets() -> None:
    binding = {s for s in Statement if "%(transport_url)s" in s.value}
    assert binding == HOLDS_SECRETS


def test_tests_ask_for_no_dialect() -> None:
    for path in TESTS:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.If | ast.IfExp):
                assert not re.search(r"\bkind\b|dialect_name", ast.unparse(node.test)), relative(
                    path
                )
