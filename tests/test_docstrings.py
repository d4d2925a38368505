"""The examples in the docstrings are true, of the directory that all of them speak of."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import shutil
from typing import TYPE_CHECKING

import pytest

import hostmap_sql
from hostmap_sql import HostMap, connect
from hostmap_sql.cells import Cells
from hostmap_sql.database_url import DatabaseUrl
from hostmap_sql.dialects import dialect_named
from hostmap_sql.history import History
from hostmap_sql.hosts import Hosts

if TYPE_CHECKING:
    from pathlib import Path


def examples() -> list[doctest.DocTest]:
    """Those of the library. The command's are its own tests' affair."""
    found = doctest.DocTestFinder(exclude_empty=True).find(hostmap_sql, "hostmap_sql")
    for module in pkgutil.iter_modules(hostmap_sql.__path__, "hostmap_sql."):
        if not module.ispkg:
            imported = importlib.import_module(module.name)
            found += doctest.DocTestFinder(exclude_empty=True).find(imported)
    return [test for test in found if test.examples]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of two revisions: two cells, then three hosts."""
    path = tmp_path_factory.mktemp("docstrings") / "hostmap.db"
    with connect(f"sqlite:///{path}", author="docs") as hostmap:
        hostmap.migrate()
        with hostmap.transaction() as tx:
            one = tx.cells.create(
                "cell1",
                uuid="5f7ccc29-a9eb-417c-865e-b9bd78a72dcc",
                transport_url="rabbit://nova:s3cret@mq1:5672/",
            )
            two = tx.cells.create("cell2")
        with hostmap.transaction(reason="rack 9") as tx:
            tx.hosts.create_many([("compute-1", one.uuid), ("compute-2", one.uuid)])
            tx.hosts.create("compute-3", two.uuid)
    return path


@pytest.mark.parametrize("test", examples(), ids=lambda test: test.name)
def test_an_example_is_true(
    test: doctest.DocTest, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file in prepared.parent.iterdir():
        shutil.copy(file, tmp_path)
    monkeypatch.chdir(tmp_path)
    url = "sqlite:///hostmap.db"
    pool = dialect_named("sqlite").pool(DatabaseUrl.parse(url), size=1, timeout=5)
    report: list[str] = []
    with connect(url, author="docs") as hostmap:
        names = {"hostmap": hostmap, "pool": pool, "connect": connect, "HostMap": HostMap}
        test.globs = names | {name: getattr(hostmap_sql, name) for name in hostmap_sql.__all__}
        test.globs["mask"] = importlib.import_module("hostmap_sql.urls").mask
        doctest.DocTestRunner().run(test, out=report.append)
    pool.close()
    assert not report, "".join(report)


@pytest.mark.parametrize("kind", [HostMap, Hosts, Cells, History])
def test_every_public_method_has_an_example(kind: type) -> None:
    unusual = {"close"}  # nothing to show
    for name, method in inspect.getmembers(kind, inspect.isfunction):
        if not name.startswith("_") and name not in unusual:
            assert ">>> " in (method.__doc__ or ""), f"{kind.__name__}.{name}"
