"""How Sphinx builds these pages, and two directives that take their text from the code.

sphinx-build -W --keep-going -n -b html docs docs/_build/html
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from sphinx.util.docutils import SphinxDirective

import hostmap_sql
from hostmap_sql import sql
from hostmap_sql.dialects import dialect_named
from hostmap_sql.nova import nova_sql

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from docutils.nodes import Node  # type: ignore[import-untyped]
    from sphinx.application import Sphinx

project = "hostmap_sql"
author = "The hostmap_sql developers"
project_copyright = author
version = release = hostmap_sql.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_click"]
smartquotes = False  # they would make one dash of the two of an option
exclude_patterns = ["_build"]
# Links to files of the repository from pages that are also read there.
myst_heading_anchors = 3
myst_enable_extensions = ["deflist"]
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
# Without a network there is nothing to look other projects' names up in.
nitpick_ignore_regex = [("py:.*", r"(?!hostmap_sql).*")]
# Stands for a HostMap, which the module of `grants` cannot import.
nitpick_ignore = [("py:class", "hostmap_sql.directory.grants.HasDatabase")]

default_role = "code"  # what docstrings set in single backticks

html_theme = "furo"
html_title = f"hostmap_sql {release}"

_DIALECTS = {"MySQL, MariaDB": "mysql", "PostgreSQL": "postgresql", "SQLite": "sqlite"}
# A statement with the comment above it: its first line says what it does, the others why.
_STATEMENT = re.compile(
    r"^# (?P<what>.+)\n(?P<why>(?:^# .*\n)*)^(?P<name>[A-Z_]+) = Statement", re.MULTILINE
)


def _statements(module: ModuleType, heading: str) -> Iterator[str]:
    """Give each statement of a module a heading, its comment, and its text for each database."""
    source = Path(module.__file__ or "").read_text(encoding="utf-8")
    for match in _STATEMENT.finditer(source):
        statement = getattr(module, match["name"])
        why = " ".join(line.lstrip("# ") for line in match["why"].splitlines())
        yield f"{heading} {match['name']}\n\n{match['what']}\n\n{why}\n"
        yield f"```sql\n{statement.text.strip()}\n```\n"
        for title, dialect in _DIALECTS.items():
            own = dialect_named(dialect).overrides.get(statement)
            if own:
                yield f"{title}:\n\n```sql\n{own.strip()}\n```\n"


class Statements(SphinxDirective):
    """Every statement on the library's tables, under a heading for each module."""

    def run(self) -> list[Node]:
        """Make a section of each."""
        text: list[str] = []
        for module in sql.MODULES:
            title, _, rest = (module.__doc__ or "").partition("\n")
            text += [f"## {title.rstrip('.')}\n", rest, *_statements(module, "###")]
        return self.parse_text_to_nodes("\n".join(text), allow_section_headings=True)


class NovaStatements(SphinxDirective):
    """Every statement on Nova's databases."""

    def run(self) -> list[Node]:
        """Make a section of each."""
        text = "\n".join(_statements(nova_sql, "###"))
        return self.parse_text_to_nodes(text, allow_section_headings=True)


def setup(app: Sphinx) -> None:
    """Make the directives known."""
    app.add_directive("hostmap-statements", Statements)
    app.add_directive("hostmap-nova-statements", NovaStatements)
