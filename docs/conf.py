"""How Sphinx builds these pages, and two directives that take their text from the code.

sphinx-build -W --keep-going -n -b html docs docs/_build/html
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from sphinx.util.docutils import SphinxDirective

import hostmap_sql
from hostmap_sql import statements
from hostmap_sql.dialects import dialect_named
from hostmap_sql.nova.statements import NovaStatement

if TYPE_CHECKING:
    from collections.abc import Iterator

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

default_role = "code"  # what docstrings set in single backticks

html_theme = "furo"
html_title = f"hostmap_sql {release}"

_DIALECTS = {"MySQL, MariaDB": "mysql", "PostgreSQL": "postgresql", "SQLite": "sqlite"}
_SECTION_OR_STATEMENT = re.compile(
    r"^    # --- (?P<section>.+?) -+$"
    r"|(?P<comment>(?:^    # .*\n)*)^    (?P<name>[A-Z_]+) = ",
    re.MULTILINE,
)


def _statement(name: str, comment: str) -> Iterator[str]:
    text = " ".join(line.strip(" #") for line in comment.splitlines())
    yield f"({name.lower()})=\n### {name}\n\n{text}\n"
    common = statements.Statement[name].value.strip()
    yield f"```sql\n{common}\n```\n"
    for title, dialect in _DIALECTS.items():
        own = dialect_named(dialect).overrides.get(statements.Statement[name])
        if own:
            yield f"{title}:\n\n```sql\n{own.strip()}\n```\n"


class Statements(SphinxDirective):
    """Every statement, with the comments and in the order of ``statements.py``."""

    def run(self) -> list[Node]:
        """Make a section of each."""
        source = Path(statements.__file__).read_text(encoding="utf-8")
        text: list[str] = []
        for match in _SECTION_OR_STATEMENT.finditer(source.partition("class Statement")[2]):
            if match["section"]:
                text.append(f"## {match['section'].capitalize()}\n")
            else:
                text.extend(_statement(match["name"], match["comment"]))
        return self.parse_text_to_nodes("\n".join(text), allow_section_headings=True)


class NovaStatements(SphinxDirective):
    """Every statement on Nova's databases."""

    def run(self) -> list[Node]:
        """Make a block of each."""
        text = [f"```sql\n-- {s.name}\n{s.value.strip()}\n```\n" for s in NovaStatement]
        return self.parse_text_to_nodes("\n".join(text))


def setup(app: Sphinx) -> None:
    """Make the directives known."""
    app.add_directive("hostmap-statements", Statements)
    app.add_directive("hostmap-nova-statements", NovaStatements)
