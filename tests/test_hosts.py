"""The mappings of single hosts: create, get, move, delete."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hostmap_sql import HostMapping

if TYPE_CHECKING:
    from hostmap_sql import HostMap
    from tests.conftest import Cells


def test_a_created_host_is_returned_and_found_with_its_cell(hostmap: HostMap, cells: Cells) -> None:
    before = datetime.now(UTC)

    created = hostmap.hosts.create("compute-1", cells.two.uuid)

    assert isinstance(created, HostMapping)
    assert (created.host, created.cell, created.cell_uuid) == (
        "compute-1",
        cells.two,
        cells.two.uuid,
    )
    assert (created.revision, created.updated_at) == (4, None)
    assert before - timedelta(seconds=1) <= created.created_at <= datetime.now(UTC)
    assert hostmap.hosts.get("compute-1") == created
