"""The tools for Nova on a directory whose URLs are sealed or references."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hostmap_sql import References, SecretUnavailable
from hostmap_sql.nova import CellAccess, check, discover, export_mappings, import_mappings
from tests.support.nova import nova_url

if TYPE_CHECKING:
    from pathlib import Path

    from hostmap_sql import HostMap
    from tests.support.backends import Backend
    from tests.support.nova import Nova


def test_cells_are_imported_read_and_exported_sealed(
    backend: Backend,
    hostmap: HostMap,
    nova: Nova,
) -> None:
    import_mappings(hostmap, nova.url)
    again = import_mappings(hostmap, nova.url, on_conflict="move")
    assert {one.action for one in again.cells} == {"unchanged"}
    assert hostmap.check(require_sealed=True) == ()
    hostmap.hosts.delete("compute-001.rack1.example.org")

    access = CellAccess()
    cell = hostmap.cells.get(nova.cell_uuid("cell1"))
    assert access.url(cell) == nova_url(nova.cell1)
    found = discover(hostmap, ["cell1"], access=access)
    assert [(one.cell.name, one.error) for one in found.cells] == [("cell1", None)]
    assert {one.kind for one in check(hostmap, ["cell1"])} == {"mapping-without-node"}
    exported = export_mappings(hostmap, nova.url)
    assert {one.action for one in exported.cells} == {"unchanged"}

    # Without the key, nothing is taken for a conflict.
    revision = hostmap.revision()
    for dry_run in (True, False):
        with pytest.raises(SecretUnavailable):
            import_mappings(backend.hostmap, nova.url, dry_run=dry_run)
        with pytest.raises(SecretUnavailable):
            export_mappings(backend.hostmap, nova.url, dry_run=dry_run)
    assert hostmap.revision() == revision
    found = discover(backend.hostmap, ["cell1"])
    assert "connect with a cipher" in str(found.cells[0].error)


def test_a_reference_to_novas_url_is_no_difference(
    backend: Backend,
    nova: Nova,
    tmp_path: Path,
) -> None:
    directory = backend.connect(references=References(folder=tmp_path))
    import_mappings(directory, nova.url)
    cell = directory.cells.get(nova.cell_uuid("cell1"))
    assert cell.transport_url
    (tmp_path / "mq").write_text(cell.transport_url.reveal())
    reference = f"file://{tmp_path}/mq"
    directory.cells.update(cell.uuid, transport_url=reference, disabled=True)

    result = import_mappings(directory, nova.url, on_conflict="move")

    assert {one.name: one.differs for one in result.cells}["cell1"] == ("disabled",)
    assert str(directory.cells.get(cell.uuid).transport_url) == reference
