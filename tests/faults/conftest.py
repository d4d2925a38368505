"""A fresh database of the kind that a test is about, where it is not about each in turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Servers
    from tests.support.backends import Backend


@pytest.fixture
def stage_backend(kind: str, servers: Servers) -> Iterator[Backend]:
    """A fresh database with the tables, of the kind that the test names."""
    factory = servers.factory(kind)
    backend = factory.fresh()
    yield backend
    backend.close()
    factory.drop(backend)
