"""The rules for the code that no linter checks."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hostmap_sql import sql
from hostmap_sql.dialects import _DIALECTS, _SCHEMES, dialect_named
from hostmap_sql.nova import nova_sql
from hostmap_sql.sql import STATEMENTS, Statement
from hostmap_sql.sql.rights import TABLES

if TYPE_CHECKING:
    from types import ModuleType

REPOSITORY = Path(__file__).parents[2]
PACKAGE = REPOSITORY / "hostmap_sql"
MODULES = sorted(PACKAGE.rglob("*.py"))
TESTS = sorted((REPOSITORY / "tests" / "contract").glob("test_*.py"))
SQL = re.compile(
    r"\b(SELECT\s.+\sFROM|INSERT\s+INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM|CREATE\s+TABLE|DROP\s+TABLE)\b",
    re.DOTALL,
)
BEGINNING = re.compile(
    r"\s*(ALTER|BEGIN|CALL|COMMIT|CREATE|DELETE|DROP|EXPLAIN|GRANT|INSERT|LOCK|PRAGMA|RELEASE|REVOKE"
    r"|ROLLBACK|SAVEPOINT|SELECT|SET|SHOW|START|TRUNCATE|UPDATE|VACUUM|WITH)\b"
)
ON_A_TABLE = re.compile(rf"\b(FROM|JOIN|INTO|UPDATE|TABLE)\s+({'|'.join(TABLES)})\b")
MOST_LINES = 400
MOST_OVERRIDES = 5


def relative(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def is_inside(path: Path, folder: str) -> bool:
    return relative(path).startswith(f"hostmap_sql/{folder}")


def docstrings(tree: ast.AST) -> set[int]:
    """Return the ids of the nodes of docstrings."""
    return {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}


def texts_in(path: Path) -> list[str]:
    """Return the strings of a module, without docstrings."""
    tree = ast.parse(path.read_text())
    skipped = docstrings(tree)
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in skipped
    ]


def test_sql_is_only_in_sql_and_the_dialects() -> None:
    for path in MODULES:
        if not (
            is_inside(path, "sql/") or is_inside(path, "dialects/") or path.name == "nova_sql.py"
        ):
            found = {text for text in texts_in(path) if SQL.search(text) or BEGINNING.match(text)}
            # The name of a call of the driver, in errors.
            assert found <= {"COMMIT"}, relative(path)


def test_dialects_have_no_statements_on_the_tables_except_overrides() -> None:
    overrides = {text for name in _DIALECTS for text in dialect_named(name).overrides.values()}
    for path in MODULES:
        if is_inside(path, "dialects/"):
            texts = {text for text in texts_in(path) if ON_A_TABLE.search(text)}
            patterns = {text for text in texts if text.startswith("^")}
            assert texts - patterns <= overrides, relative(path)


def test_no_code_outside_the_dialects_checks_for_a_dialect() -> None:
    names = {*_DIALECTS, *_SCHEMES, "mariadb"}
    comparisons = (
        node
        for path in MODULES
        if not is_inside(path, "dialects/")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Compare)
    )
    for node in comparisons:
        sides = [node.left, *node.comparators]
        compared = {
            n.value for side in sides for n in ast.walk(side) if isinstance(n, ast.Constant)
        }
        assert not compared & names, ast.unparse(node)


def test_files_are_short() -> None:
    files = [*MODULES, *(REPOSITORY / "tests").rglob("*.py")]
    lines = {relative(path): len(path.read_text().splitlines()) for path in files}
    assert {path: number for path, number in lines.items() if number > MOST_LINES} == {}


def constants_used(module: str) -> set[str]:
    """Return the names of the statements that the library uses as `sql.HOST_GET`."""
    return {
        node.attr
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == module
        and node.attr.isupper()
    } - {"STATEMENTS"}


def statements_in(module: ModuleType) -> set[str]:
    return {name for name, value in vars(module).items() if isinstance(value, Statement)}


def test_every_statement_is_used() -> None:
    assert statements_in(sql) == constants_used("sql")
    assert statements_in(nova_sql) == constants_used("nova_sql")


DDL = "".join(path.read_text() for path in REPOSITORY.glob("migrations/postgresql/*.sql"))
ACCESS_PATHS = {
    "primary key",
    "full scan",
    *re.findall(r"(?:CREATE INDEX|CONSTRAINT) (?!\w+_fkey)(\w+) (?:ON|UNIQUE)", DDL),
    # Nova's own.
    *("uniq_cell_mappings0uuid", "uniq_host_mappings0host", "index cell_id"),
}
VERBS = {"Compare", "Count", "Delete", "Find", "Insert", "List", "Lock", "Look"}
VERBS |= {"Lower", "Mark", "Move", "Raise", "Read", "Update"}


@pytest.mark.parametrize("module", [*sql.MODULES, nova_sql], ids=lambda module: module.__name__)
def test_the_line_above_a_statement_gives_its_purpose_and_index(
    module: ModuleType,
) -> None:
    source = Path(module.__file__ or "").read_text()
    lines = re.findall(r"^\n# (.+)\n(?:# .+\n)*([A-Z_]+) = Statement\(", source, re.MULTILINE)

    assert {name for _, name in lines} == statements_in(module)
    for line, name in lines:
        verb = line.split()[0]
        assert verb in VERBS, name
        assert line.endswith("."), name
        assert verb == "Insert" or any(path in line for path in ACCESS_PATHS), name


@pytest.mark.parametrize("name", _DIALECTS)
def test_a_dialect_overrides_few_statements_with_the_same_parameters(name: str) -> None:
    dialect = dialect_named(name)
    assert len(dialect.overrides) <= MOST_OVERRIDES
    assert set(dialect.sql) == set(STATEMENTS)
    for statement, text in dialect.overrides.items():
        assert text != statement.text, "it overrides nothing"


# In the texts that expand a list: JSON paths and the line break.
_QUOTED = {"'$[*]'", "'$'", r"'\n'"}


@pytest.mark.parametrize("name", _DIALECTS)
def test_statements_hold_no_values(name: str) -> None:
    """No literal and no lone "%", which a driver would take for a placeholder."""
    for statement, text in dialect_named(name).sql.items():
        assert not re.search(r"%(?!\(\w+\)s)", text), statement.name
        quoted = re.findall(r"'[^']*'", text)
        assert set(quoted) <= _QUOTED, (statement.name, quoted)


def test_the_statements_that_bind_urls_are_those_that_hold_secrets() -> None:
    for statement in STATEMENTS:
        assert statement.holds_secrets == ("%(transport_url)s" in statement.text), statement.name


def test_contract_tests_do_not_check_for_a_dialect() -> None:
    for path in TESTS:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.If | ast.IfExp):
                assert not re.search(r"\bkind\b|dialect_name", ast.unparse(node.test)), relative(
                    path
                )
