"""The rights that the deployment guide grants are enough for a service."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

import hostmap_sql
from tests.docs.pages import blocks
from tests.support.backends.base import new_name
from tests.support.pace import PATIENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hostmap_sql import HostMap
    from tests.support.backends.base import Backend

# How to find the SQL of each database in the guide, and how to remove an account.
OURS = {
    "postgresql": (r"ROLE|ON \w+ TO", "DROP OWNED BY {0}; DROP ROLE {0}"),
    "mysql": (r"USER|ON hostmap\.\w+ TO", "DROP USER {0}"),
}


def statements(dialect: str) -> Iterator[str]:
    """Return the guide's SQL for the account hostmap_service."""
    for block in blocks("docs/how-to/deploy-with-yoyo.md"):
        if block.language == "sql":
            lines = (line for line in block.text.splitlines() if "hostmap_service" in line)
            yield from (line.rstrip(";") for line in lines if re.search(OURS[dialect][0], line))


@pytest.fixture
def service(backend: Backend) -> Iterator[HostMap]:
    """The directory, as an account with the rights of the guide."""
    url = urlsplit(backend.url)
    account = new_name()
    for statement in statements(backend.dialect_name):
        text = statement.replace("hostmap_service", account)
        backend.query(text.replace("ON hostmap.", f"ON {url.path[1:]}."))
    login = f"{account}:change-me@{url.netloc.rpartition('@')[2]}"
    with hostmap_sql.connect(url._replace(netloc=login).geturl(), timeout=PATIENT) as hostmap:
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
