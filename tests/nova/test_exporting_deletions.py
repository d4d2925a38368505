"""An export repeats deletions of the directory in Nova."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostmap_sql.nova import export_mappings, import_mappings

if TYPE_CHECKING:
    from hostmap_sql import HostMap
    from tests.support.nova import Nova


def uuids(nova: Nova) -> set[str]:
    return {row[0] for row in nova.api.query("SELECT uuid FROM cell_mappings")}


def test_a_cell_deleted_here_is_deleted_in_nova(nova: Nova, hostmap: HostMap) -> None:
    import_mappings(hostmap, nova.url)
    before, uuid = uuids(nova), nova.cell_uuid("cell2")
    hostmap.hosts.move_all(uuid, nova.cell_uuid("cell1"))
    hostmap.cells.delete(uuid)
    planned = export_mappings(hostmap, nova.url, dry_run=True)
    assert uuids(nova) == before
    result = export_mappings(hostmap, nova.url)

    assert (planned.cells, planned.refused) == (result.cells, ())
    assert {cell.name: cell.action for cell in result.cells} == {
        "cell0": "unchanged",
        "cell1": "unchanged",
        "cell2": "deleted",
    }
    assert result.refused == ()
    assert uuids(nova) == before - {uuid}
    again = export_mappings(hostmap, nova.url)
    assert {cell.action for cell in again.cells} == {"unchanged"}


def test_a_deleted_cell_that_nova_changed_later_is_refused(nova: Nova, hostmap: HostMap) -> None:
    import_mappings(hostmap, nova.url)
    before, uuid = uuids(nova), nova.cell_uuid("cell2")
    hostmap.hosts.move_all(uuid, nova.cell_uuid("cell1"))
    hostmap.cells.delete(uuid)
    nova.api.query("UPDATE cell_mappings SET updated_at = '2099-01-01 00:00:00' WHERE id = 3")

    result = export_mappings(hostmap, nova.url)

    assert "is not here" in result.refused[0].problem
    assert uuids(nova) == before
