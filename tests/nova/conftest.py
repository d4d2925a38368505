"""Fixtures for Nova's databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.nova import SERVER_OF, Nova, drop, load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Servers


@pytest.fixture
def nova(backend_kind: str, servers: Servers) -> Iterator[Nova]:
    """Nova's databases, loaded from dumps into the directory's server, or into PostgreSQL."""
    factory = servers.factory(SERVER_OF.get(backend_kind, backend_kind))
    nova = load(factory)
    yield nova
    drop(factory, nova)
