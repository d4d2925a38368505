"""Whatever goes wrong, what all who work at once are told fits one order of what they did."""

from __future__ import annotations

import random
from multiprocessing import get_context
from time import monotonic
from typing import TYPE_CHECKING

import pytest

from hostmap_sql import HostMap, connect
from tests.support.histories import (
    Worker,
    assert_in_order,
    how_they_ended,
    work_at_once,
)
from tests.support.proxy import Proxy
from tests.support.storms import Storm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.conftest import Cells
    from tests.support.backends import Backend
    from tests.support.linearizability import Operation

pytestmark = pytest.mark.proof

WORKERS = 8
FIRST = 3
"""The revision at which the work begins: that of the last cell."""


@pytest.mark.needs("networks")
def test_a_history_under_faults_of_the_network_has_an_order(
    backend: Backend,
    cells: Cells,
    full: bool,  # noqa: FBT001 - a fixture
) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 - shown if it fails
    uuids = [cell.uuid for cell in cells]
    over_at = monotonic() + (120 if full else 10)
    with Proxy(backend.server.host, backend.server.port) as proxy:
        url = backend.url_for(host=proxy.host, port=proxy.port)
        with (
            connect(url, timeout=20, pool_size=WORKERS) as patient,
            connect(url, timeout=0.4, pool_size=WORKERS) as impatient,
        ):
            workers = [
                Worker(impatient if number % 2 else patient, number, seed, uuids)
                for number in range(WORKERS)
            ]
            with Storm(proxy, backend, seed) as storm:
                history = work_at_once(workers, lambda: monotonic() > over_at)

    ended = how_they_ended(history)
    print(dict(ended), dict(storm.done))  # noqa: T201
    assert ended["Told"] > 100
    assert storm.done["cut"] > 20
    assert_in_order(history, backend.hostmap, FIRST)
