"""Fixtures of the tests in real surroundings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hostmap_sql import connect
from tests.support.every_call import answers

if TYPE_CHECKING:
    from tests.conftest import Servers


@pytest.fixture(scope="session")
def expected(servers: Servers) -> dict[str, object]:
    """Return the answers of all calls on SQLite."""
    factory = servers.factory("sqlite")
    backend = factory.bare()
    with connect(backend.url, author="tester") as hostmap:
        found = answers(hostmap)
    factory.drop(backend)
    return found
