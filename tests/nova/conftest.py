"""Nova's own databases, beside a directory of each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.nova import SERVER_OF, Nova, drop, load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Servers


@pytest.fixture
def nova(backend_kind: str, servers: Servers) -> Iterator[Nova]:
    """What the dumps hold, on the directory's own server if it has one."""
    factory = servers.factory(SERVER_OF.get(backend_kind, backend_kind))
    nova = load(factory)
    yield nova
    drop(factory, nova)
