"""How many statements a discovery takes: it grows with the hosts by one for each thousand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hostmap_sql.nova import discover, import_mappings

if TYPE_CHECKING:
    from hostmap_sql import HostMap
    from tests.support.backend import Backend
    from tests.support.nova import Nova

pytestmark = pytest.mark.needs("networks")  # what is sent to a server is what is counted


@pytest.fixture
def imported(nova: Nova, hostmap: HostMap) -> HostMap:
    """The directory with all that Nova's API database has and its cells have."""
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
    # The cells are looked up once; then for a cell at most five, and one for each thousand hosts.
    assert 2 <= len(sent) <= most, sent
