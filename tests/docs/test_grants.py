"""The page shows the statements of `hostmap grants`, which are enough for a service."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

import hostmap_sql
from hostmap_sql import NotPermitted, grants
from hostmap_sql.sql.rights import TABLES
from tests.docs.pages import blocks
from tests.support.backends.base import new_name
from tests.support.pace import PATIENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hostmap_sql import HostMap
    from tests.support.backends.base import Backend

PAGE = "docs/how-to/grant-rights.md"

# How the page quotes the tables of each database.
QUOTED = {"postgresql": "public.", "mysql": "`hostmap`."}


def shown(dialect: str) -> tuple[list[str], list[str]]:
    """Return the statements on the page that create an account, and those that grant rights."""
    found = [block.text for block in blocks(PAGE) if block.language == "sql"]
    [number] = [i for i, text in enumerate(found) if QUOTED[dialect] in text]
    creation, rights = (
        [line.rstrip(";") for line in text.splitlines()] for text in found[number - 1 : number + 1]
    )
    return creation, rights


@pytest.mark.needs("users")
def test_the_page_shows_the_printed_statements(backend: Backend) -> None:
    database = urlsplit(backend.url).path[1:]
    printed = [text.replace(database, "hostmap") for text in grants(backend.hostmap, "service")]

    assert shown(backend.dialect_name)[1] == printed
    for table in TABLES:
        assert any(f"{table} TO" in text for text in printed)


@pytest.fixture
def service(backend: Backend) -> Iterator[HostMap]:
    """The directory, as an account that the statements of the page have made."""
    url = urlsplit(backend.url)
    account = new_name()
    creation, rights = shown(backend.dialect_name)
    backend.execute(
        *(
            statement.replace("hostmap_service", account)
            .replace("`hostmap`.", f"`{url.path[1:]}`.")
            .replace("DATABASE hostmap", f"DATABASE {url.path[1:]}")
            for statement in creation + rights
        )
    )
    login = f"{account}:change-me@{url.netloc.rpartition('@')[2]}"
    with hostmap_sql.connect(url._replace(netloc=login).geturl(), timeout=PATIENT) as hostmap:
        yield hostmap
    backend.drop_account(account)


@pytest.mark.needs("users")
def test_the_grants_are_enough_for_a_service(service: HostMap) -> None:
    cell1, cell2 = service.cells.create("cell1"), service.cells.create("cell2")
    service.hosts.create_many([(f"compute-{number}", cell1.uuid) for number in range(3)])
    service.hosts.create("compute-9", cell1.uuid)
    service.hosts.move("compute-9", cell2.uuid)
    service.hosts.delete("compute-9")
    service.hosts.move_all(cell1.uuid, cell2.uuid)
    service.cells.update(cell2.uuid, disabled=True)
    service.cells.delete(cell1.uuid)

    assert service.hosts.get("compute-1").cell.name == "cell2"
    assert [len(changeset.cells) for changeset in service.history.since(8)] == [1]
    with pytest.raises(NotPermitted):
        service.history.prune(before=service.revision())
