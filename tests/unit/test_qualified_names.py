"""Every operator and function that PostgreSQL gets is named with its schema."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from hostmap_sql.dialects import dialect_named
from hostmap_sql.dialects.postgresql import accounts, migration_support, session
from hostmap_sql.nova import nova_sql
from hostmap_sql.schema import known_migrations, migrations_folder
from hostmap_sql.sql import STATEMENTS, Statement
from tests.docs.pages import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator

# Words that an opening parenthesis may follow, and that are neither functions nor operators.
KEYWORDS = {"any", "array", "as", "coalesce", "exists", "in", "not", "ours", "schema", "values"}

_HARMLESS = re.compile(
    r"OPERATOR\(pg_catalog\.[-+<>=]+\)"
    r"|pg_catalog\.COUNT\(\*\)"
    r"|pg_catalog\.\w+(?=\()"
    r"|E?'[^']*'"
    r"|%\(\w+\)s|%s|--[^\n]*"
)
_OPERATOR = re.compile(r"[-+*/<>=~!@#%^&|`?]")
_FUNCTION = re.compile(r"\b([a-zA-Z_]\w*)\(")
_ASSIGNMENTS = re.compile(r"\bSET\b.*?(?=\bWHERE\b|$)", re.DOTALL)


def queries() -> Iterator[tuple[str, str]]:
    """Yield the names and the texts of all that is sent to PostgreSQL, but for DDL of yoyo."""
    dialect = dialect_named("postgresql")
    for statement in STATEMENTS:
        yield statement.name, dialect.sql[statement]
    for name, value in vars(nova_sql).items():
        if isinstance(value, Statement):
            yield f"nova {name}", dialect.render(value.text)
    for module in (accounts, migration_support, session):
        for name, value in vars(module).items():
            if isinstance(value, str) and value.lstrip().startswith("SELECT"):
                yield f"{module.__name__} {name}", value
    yield "limits", session.local_limits(1.5)
    backend = dialect.yoyo_backend()
    for name in ("mark_migration_sql", "unmark_migration_sql", "applied_migrations_sql"):
        yield f"yoyo {name}", session.qualified(re.sub(r":\w+", "%s", getattr(backend, name)))
    for name in known_migrations("postgresql"):
        file = REPOSITORY / migrations_folder("postgresql") / f"{name}.sql"
        yield name, re.sub(r"(VARCHAR|TIMESTAMP)\(", r"\1 (", file.read_text("utf-8"))


QUERIES = dict(queries())


@pytest.mark.parametrize("name", QUERIES)
def test_operators_and_functions_are_qualified(name: str) -> None:
    text = _HARMLESS.sub(" ", QUERIES[name])
    assignments = "".join(part.replace("=", " ") for part in _ASSIGNMENTS.findall(text))
    rest = _ASSIGNMENTS.sub(" ", text) + assignments

    assert {found.lower() for found in _FUNCTION.findall(rest)} <= KEYWORDS
    assert _OPERATOR.findall(rest) == []


def test_the_test_sees_bare_names() -> None:
    found = "SELECT max(a) FROM t WHERE b = 1"
    assert _FUNCTION.findall(found) == ["max"]
    assert _OPERATOR.findall(found) == ["="]
