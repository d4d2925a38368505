"""The number of statements that a discovery sends: one more for each thousand new hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hostmap_sql.nova import discover, import_mappings

if TYPE_CHECKING:
    from hostmap_sql import HostMap
    from tests.support.backends.base import Backend
    from tests.support.nova import Nova

pytestmark = pytest.mark.needs("networks")  # counts the statements sent to a server


@pytest.fixture
def imported(nova: Nova, hostmap: HostMap) -> HostMap:
    """A directory with all hosts of Nova's API database and of its cells."""
    import_mappings(hostmap, nova.url)
    discover(hostmap, ["cell1", "cell2"], mark=True, force=True)
    return hostmap


@pytest.mark.parametrize(("new", "most"), [(0, 6), (1_000, 20)])
def test_a_discovery_takes_few_statements(
    new: int, most: int, nova: Nova, imported: HostMap, backend: Backend
) -> None:
    nova.add_compute_nodes(f"new-{number:04}" for number in range(new))

    with backend.statements_sent() as sent:
        found = discover(imported, ["cell1"], mark=True, force=True)

    assert len(found.cells[0].created) == found.cells[0].marked == new
    # One for the cells; then at most five for each cell, and one for each thousand hosts.
    assert 2 <= len(sent) <= most, sent
