"""The tools for Nova on a directory whose URLs are sealed or references."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hostmap_sql import InvalidValue, References, SecretUnavailable, SecretUrl, fill_url
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
    sealed = hostmap.cells.create("sealed", transport_url="rabbit://mq/")
    with pytest.raises(SecretUnavailable, match="has to be sealed"):
        import_mappings(backend.hostmap, nova.url)
    assert hostmap.cells.list() == [sealed]
    hostmap.cells.delete(sealed.uuid)

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

    # Without the key, the import fails instead of reporting conflicts.
    revision = hostmap.revision()
    for dry_run in (True, False):
        with pytest.raises(SecretUnavailable):
            import_mappings(backend.hostmap, nova.url, dry_run=dry_run)
        with pytest.raises(SecretUnavailable):
            export_mappings(backend.hostmap, nova.url, dry_run=dry_run)
    assert hostmap.revision() == revision
    found = discover(backend.hostmap, ["cell1"])
    assert "connect with a cipher" in str(found.cells[0].error)


@pytest.mark.one_database
def test_a_reference_to_novas_url_is_not_a_difference(
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


# --- filling templates ----------------------------------------------------------------------------

QUEUE = "rabbit://nova:s3cret@mq1:5672,nova:s3cret@mq2:5672/"


@pytest.mark.one_database
def test_both_urls_of_a_sealed_cell_are_filled(hostmap: HostMap) -> None:
    cell = hostmap.cells.create(
        "cell1",
        transport_url="rabbit://{username1}:{password1}@{hostname1}:{port1}/cell1",
        database_connection="{scheme}://{username}:{password}@{hostname}/nova_cell1",
    )
    assert cell.transport_url
    assert cell.database_connection
    queue = fill_url(cell.transport_url, QUEUE, field="transport_url")
    base = SecretUrl("mysql://nova:s3cret@db1/nova")
    database = fill_url(cell.database_connection, base)
    assert queue == SecretUrl("rabbit://nova:s3cret@mq1:5672/cell1")
    assert database == SecretUrl("mysql://nova:s3cret@db1/nova_cell1")
    assert "s3cret" not in f"{queue!r} {database!r}"


def test_a_template_that_leads_elsewhere_is_filled_for_trusted_hosts_alone() -> None:
    template = SecretUrl("mysql://{username}:{password}@elsewhere/x")
    with pytest.raises(InvalidValue, match="database_connection"):
        fill_url(template, "mysql://nova:s3cret@db1/nova")
    filled = fill_url(template, "mysql://nova:s3cret@db1/nova", trusted_hosts=["elsewhere"])
    assert filled == SecretUrl("mysql://nova:s3cret@elsewhere/x")
    assert fill_url(filled, "mysql://nova:s3cret@db1/nova") == filled
