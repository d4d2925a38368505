"""A write in a session that is read-only by default fails at once, whatever made it so."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

import pytest

from hostmap_sql import NotPermitted
from tests.support.pace import SOON

if TYPE_CHECKING:
    from collections.abc import Callable

    from hostmap_sql import HostMap
    from tests.support.backends import Backend


def _write_in_block(hostmap: HostMap) -> None:
    with hostmap.transaction() as transaction:
        transaction.hosts.delete("a")


CELL = "5f7ccc29-a9eb-417c-865e-b9bd78a72dcc"
WRITES: tuple[Callable[[HostMap], object], ...] = (
    lambda hostmap: hostmap.cells.create("b"),
    lambda hostmap: hostmap.hosts.create_many([("b", CELL)]),
    lambda hostmap: hostmap.history.prune(1),
    _write_in_block,
)


def test_each_write_is_refused_at_once(backend: Backend) -> None:
    backend.hostmap.cells.create("cell1", uuid=CELL)
    backend.hostmap.hosts.create("a", CELL)
    for hostmap in backend.read_only_ways():
        assert hostmap.hosts.get("a").cell_uuid == CELL
        began = monotonic()
        for write in WRITES:
            with pytest.raises(NotPermitted, match=backend.read_only_problem):
                write(hostmap)
        assert monotonic() - began < SOON
        assert hostmap.hosts.get("a").cell_uuid == CELL
    assert backend.hostmap.revision() == 2
