"""The contract tests of the synchronous API, run through the asyncio API on one database."""

from __future__ import annotations

import pytest

from tests.aio.test_conformance import contents
from tests.contract import (
    test_bulk,
    test_cells,
    test_history,
    test_lists,
    test_update_many,
    test_wait_for_hosts,
)

pytestmark = pytest.mark.one_database

for _module in (
    test_bulk,
    test_cells,
    test_history,
    test_lists,
    test_update_many,
    test_wait_for_hosts,
):
    globals().update(contents(_module))
