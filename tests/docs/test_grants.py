"""What the guide to deployment grants an account is enough for all that a service does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

import hostmap_sql
from tests.docs.pages import blocks
from tests.support.backend import new_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hostmap_sql import HostMap
    from tests.support.backend import Backend

# How the SQL of each database is told from the other's, and an account is removed.
OURS = {
    "postgresql": (r"ROLE|ON \w+ TO", "DROP OWNED BY {0}; DROP ROLE {0}"),
    "mysql": (r"USER|ON hostmap\.\w+ TO", "DROP USER {0}"),
}


def statements(dialect: str) -> Iterator[str]:
    """What the guide says to do for the account hostmap_service."""
    for block in blocks("docs/how-to/deploy-with-yoyo.md"):
        if block.language == "sql":
            lines = (line for line in block.text.splitlines() if "hostmap_service" in line)
            yield from (line.rstrip(";") for line in lines if re.search(OURS[dialect][0], line))


@pytest.fixture
def service(backend: Backend) -> Iterator[HostMap]:
    """The directory, as an account that has what the guide grants it."""
    url = urlsplit(backend.url)
    account = new_name()
    for statement in statements(backend.dialect_name):
        text = statement.replace("hostmap_service", account)
        backend.query(text.replace("ON hostmap.", f"ON {url.path[1:]}."))
    login = f"{account}:change-me@{url.netloc.rpartition('@')[2]}"
    with hostmap_sql.connect(url._replace(netloc=login).geturl(), timeout=10) as hostmap:
        yield hostmap
    for statement in OURS[backend.dialect_name][1].split("; "):
        backend.query(statement.format(account))


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
    assert service.history.prune(before=service.revision()) == 8
    assert [len(changeset.cells) for changeset in service.history.since(8)] == [1]
