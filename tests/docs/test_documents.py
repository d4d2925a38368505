"""Every Python block and every command of the documents runs, with the output shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.docs.pages import DOCUMENTS, Page, blocks
from tests.support.nova import drop, load

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Servers

NEEDS = dict.fromkeys((d, block.needs) for d in DOCUMENTS for block in blocks(d) if block.is_run)
ON_A_SERVER = [(d, needs.split()[-1], needs) for d, needs in NEEDS if needs and needs != "nova"]


@pytest.mark.parametrize("document", [d for d, needs in NEEDS if not needs])
def test_a_page_runs(document: str, tmp_path: Path) -> None:
    Page(document, tmp_path).run()


@pytest.mark.parametrize(("document", "kind", "needs"), ON_A_SERVER)
def test_a_page_runs_on_a_server(
    document: str, kind: str, needs: str, servers: Servers, tmp_path: Path
) -> None:
    factory = servers.factory(kind)
    backend = factory.bare() if needs.startswith("empty ") else factory.fresh()
    try:
        Page(document, tmp_path, backend.url).run(needs)
    finally:
        factory.drop(backend)


@pytest.mark.parametrize("kind", ["mysql", "mariadb", "postgresql"])
@pytest.mark.parametrize("document", [d for d, needs in NEEDS if needs == "nova"])
def test_a_page_runs_beside_nova(
    document: str, kind: str, servers: Servers, tmp_path: Path
) -> None:
    factory = servers.factory(kind)
    nova = load(factory)
    try:
        Page(document, tmp_path, files={"nova_api.url": f"{nova.url}\n"}).run("nova")
    finally:
        drop(factory, nova)
