"""The examples in docstrings run, and every public call has one."""

from __future__ import annotations

import asyncio
import doctest
import pkgutil
import sqlite3
from contextlib import chdir, closing
from importlib import import_module
from inspect import isfunction, unwrap
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

import hostmap_sql
from hostmap_sql.directory.cells import Cells
from hostmap_sql.directory.history import History
from hostmap_sql.directory.hosts import Hosts
from hostmap_sql.directory.secrets import Secrets

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CELL1_UUID = "5f7ccc29-a9eb-417c-865e-b9bd78a72dcc"
PUBLIC = {name: getattr(hostmap_sql, name) for name in ("KeyRing", "connect")}
NO_EXAMPLE = {"close"}  # there is nothing to show


class Finder(doctest.DocTestFinder):
    """Also finds the examples of decorated functions."""

    def _from_module(self, module: Any, found: Any) -> bool:
        return super()._from_module(module, unwrap(found))  # type: ignore[misc,no-any-return]


def examples() -> Iterator[doctest.DocTest]:
    finder = Finder(exclude_empty=True)
    for module in pkgutil.walk_packages(hostmap_sql.__path__, "hostmap_sql."):
        yield from finder.find(import_module(module.name))
    yield from finder.find(hostmap_sql)


EXAMPLES = {test.name: test for test in examples() if test.examples}


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[dict[str, object]]:
    """The data of the examples: two cells, from revision 1, and three hosts, from revision 2."""
    url = "sqlite:///hostmap.db"

    def connection() -> closing[sqlite3.Connection]:
        """The smallest possible pool of a caller."""
        return closing(sqlite3.connect("hostmap.db"))

    with chdir(tmp_path), hostmap_sql.connect(url, author="docs") as hostmap:
        hostmap.migrate()
        with hostmap.transaction() as tx:
            mq1, mq2 = "rabbit://nova:s3cret@mq1:5672/", "rabbit://nova:s3cret@mq2:5672/"
            cell1 = tx.cells.create("cell1", uuid=CELL1_UUID, transport_url=mq1)
            cell2 = tx.cells.create("cell2", transport_url=mq2)
        with hostmap.transaction(reason="rack 9") as tx:
            for host, cell in (("compute-1", cell1), ("compute-2", cell1), ("compute-3", cell2)):
                tx.hosts.create(host, cell.uuid)
        pool = SimpleNamespace(connection=connection)
        hostmap_sql.generate_key("hostmap.keys", key="2026-11")
        yield {"hostmap": hostmap, "pool": pool, "asyncio": asyncio}


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_the_example_runs(name: str, directory: dict[str, object]) -> None:
    test = EXAMPLES[name]
    test.globs = PUBLIC | test.globs | directory
    report: list[str] = []

    failed = doctest.DocTestRunner().run(test, out=report.append, clear_globs=False).failed

    assert not failed, "".join(report)


@pytest.mark.parametrize("owner", [hostmap_sql.HostMap, Hosts, Cells, History, Secrets])
def test_every_public_call_has_an_example(owner: type) -> None:
    calls = {name for name, value in vars(owner).items() if isfunction(value) and name[0] != "_"}
    module = f"{owner.__module__}.{owner.__name__}"

    assert {name for name in calls - NO_EXAMPLE if f"{module}.{name}" not in EXAMPLES} == set()
