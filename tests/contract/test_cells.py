"""Cells: create, get, resolve, list, update, delete, count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from hostmap_sql import (
    CELL0_UUID,
    CellChange,
    CellMappingExists,
    CellMappingInUse,
    CellMappingNotFound,
    SecretUrl,
    StaleMapping,
)

if TYPE_CHECKING:
    from hostmap_sql import HostMap
    from tests.conftest import Cells
    from tests.support.backends import Backend

OTHER_UUID = "11111111-2222-4333-8444-555555555555"
WIDE_Z = "\N{FULLWIDTH LATIN SMALL LETTER Z}"


def test_a_created_cell_is_returned_and_read_with_all_its_values(hostmap: HostMap) -> None:
    created = hostmap.cells.create(
        "rack 9, row ß",
        uuid=OTHER_UUID.upper(),
        transport_url="rabbit://u:s3cret@mq:5672/",
        database_connection="mysql+pymysql://u:s3cret@db/nova?charset=utf8",
        disabled=True,
    )

    assert created.name == "rack 9, row ß"
    assert created.uuid == OTHER_UUID
    assert created.transport_url == SecretUrl("rabbit://u:s3cret@mq:5672/")
    assert created.database_connection is not None
    assert created.database_connection.reveal() == "mysql+pymysql://u:s3cret@db/nova?charset=utf8"
    assert created.disabled is True
    assert (created.revision, created.updated_at, created.is_cell0) == (1, None, False)
    assert hostmap.cells.get(OTHER_UUID) == created
    assert hostmap.cells.get_by_name("rack 9, row ß") == created
    assert hostmap.cells.resolve(OTHER_UUID) == hostmap.cells.resolve("rack 9, row ß") == created


def test_a_cell_needs_only_a_name(hostmap: HostMap) -> None:
    first, second = hostmap.cells.create("a"), hostmap.cells.create("b")

    assert (first.transport_url, first.database_connection, first.disabled) == (None, None, False)
    assert first.uuid != second.uuid
    assert str(UUID(first.uuid)) == first.uuid
    assert hostmap.cells.get(first.uuid) == first


def test_templates_and_long_urls_are_kept_as_they_are(hostmap: HostMap) -> None:
    template = "{scheme}://{username}:{password}@{hostname}:{port}/nova_cell1?{query}"
    longest = "rabbit://mq/" + "😀" * (16_383 - len("rabbit://mq/"))

    created = hostmap.cells.create("a", transport_url=longest, database_connection=template)

    found = hostmap.cells.get(created.uuid)
    assert found.transport_url == SecretUrl(longest)
    assert found.database_connection == SecretUrl(template)


def test_a_secret_url_can_be_passed_in(hostmap: HostMap, cells: Cells) -> None:
    copy = hostmap.cells.create(
        "copy",
        transport_url=cells.one.transport_url,
        database_connection=cells.one.database_connection,
    )

    assert copy.transport_url == cells.one.transport_url
    assert hostmap.cells.get(copy.uuid).database_connection == cells.one.database_connection


def test_cells_are_listed_by_name_in_code_point_order(hostmap: HostMap) -> None:
    for name in ("b", "a", "B", "é", "😀", WIDE_Z):
        hostmap.cells.create(name, disabled=name in "aé")

    assert [cell.name for cell in hostmap.cells.list()] == ["B", "a", "b", "é", WIDE_Z, "😀"]
    assert [cell.name for cell in hostmap.cells.list(disabled=True)] == ["a", "é"]
    with pytest.raises(ValueError, match=r"^disabled must be True or False"):
        hostmap.cells.list(disabled="no")  # type: ignore[arg-type]
    assert [cell.name for cell in hostmap.cells.list(disabled=False)] == ["B", "b", WIDE_Z, "😀"]


def test_an_empty_directory_has_no_cells(hostmap: HostMap) -> None:
    assert hostmap.cells.list() == []
    assert hostmap.cells.host_counts() == {}


@pytest.mark.parametrize(
    "change",
    [
        {"name": "cell1-new"},
        {"transport_url": "rabbit://other:s3cret@mq9:5672/"},
        {"transport_url": None},
        {"database_connection": "postgresql://other:s3cret@db9/nova"},
        {"database_connection": None},
        {"disabled": True},
        {"name": "x", "transport_url": None, "database_connection": None, "disabled": True},
    ],
    ids="+".join,
)
def test_an_update_changes_only_the_given_values(
    change: dict[str, Any], hostmap: HostMap, cells: Cells
) -> None:
    updated = hostmap.cells.update(cells.one.uuid, expected_revision=cells.one.revision, **change)

    def fields(cell: object) -> dict[str, Any]:
        names = ("name", "transport_url", "database_connection", "disabled")
        return {name: getattr(cell, name) for name in names}

    def wanted(value: object) -> object:
        return SecretUrl(value) if isinstance(value, str) and "://" in value else value

    assert fields(updated) == fields(cells.one) | {k: wanted(v) for k, v in change.items()}
    assert (updated.uuid, updated.revision) == (cells.one.uuid, 4)
    assert updated.created_at == cells.one.created_at
    assert updated.updated_at is not None
    assert hostmap.cells.get(cells.one.uuid) == updated
    assert hostmap.cells.get(cells.two.uuid) == cells.two


@pytest.mark.parametrize("url", ["plain", "rabbit://u:p@h\0", f"rabbit://{'h' * 70_000}", 5])
def test_a_secret_url_is_checked_like_text(url: Any, hostmap: HostMap) -> None:
    with pytest.raises(ValueError, match=r"^transport_url "):
        hostmap.cells.create("a", transport_url=SecretUrl(url))
    assert hostmap.cells.list() == []


@pytest.mark.parametrize("field", ["name", "transport_url", "database_connection", "disabled"])
def test_an_update_to_current_values_writes_nothing(
    field: str, hostmap: HostMap, cells: Cells
) -> None:
    assert hostmap.cells.update(cells.off.uuid) == cells.off
    assert hostmap.cells.update(cells.off.uuid, **{field: getattr(cells.off, field)}) == cells.off
    assert hostmap.revision() == 3


def test_two_cells_can_swap_names_in_one_transaction(hostmap: HostMap, cells: Cells) -> None:
    with hostmap.transaction() as tx:
        tx.cells.update(cells.one.uuid, name="for a moment")
        tx.cells.update(cells.two.uuid, name="cell1")
        tx.cells.update(cells.one.uuid, name="cell2")

    assert hostmap.cells.get_by_name("cell1").uuid == cells.two.uuid
    assert hostmap.cells.get_by_name("cell2").uuid == cells.one.uuid


def test_a_cell_without_hosts_is_deleted_and_its_deletion_returned(
    hostmap: HostMap, cells: Cells
) -> None:
    assert hostmap.cells.delete(cells.off.uuid, expected_revision=3) == CellChange(
        4, cells.off.uuid, "deleted"
    )

    assert hostmap.cells.list() == [cells.one, cells.two]
    with pytest.raises(CellMappingNotFound) as caught:
        hostmap.cells.get(cells.off.uuid)
    assert caught.value.cell == cells.off.uuid


def test_a_cell_with_hosts_is_not_deleted(hostmap: HostMap, cells: Cells) -> None:
    hostmap.hosts.create_many([(f"compute-{n}", cells.one.uuid) for n in range(3)])

    with pytest.raises(CellMappingInUse) as caught:
        hostmap.cells.delete(cells.one.uuid)

    assert caught.type is CellMappingInUse
    assert (caught.value.cell_uuid, caught.value.hosts) == (cells.one.uuid, 3)
    assert hostmap.cells.get(cells.one.uuid) == cells.one


def test_a_foreign_key_protects_a_cell_with_hosts(
    backend: Backend, hostmap: HostMap, cells: Cells
) -> None:
    hostmap.hosts.create("compute-1", cells.one.uuid)
    cursor = backend.raw().cursor()

    with pytest.raises(backend.driver.error):
        cursor.execute(f"DELETE FROM cell_mapping WHERE uuid = '{cells.one.uuid}'")
    with pytest.raises(backend.driver.error):
        cursor.execute(f"UPDATE host_mapping SET cell_uuid = '{OTHER_UUID}'")


def test_the_foreign_key_holds_on_connections_of_the_library(
    backend: Backend, hostmap: HostMap, cells: Cells
) -> None:
    hostmap.hosts.create("compute-1", cells.one.uuid)

    with hostmap._database.lease() as connection:
        cursor: Any = backend.dialect.cursor(connection)
        with pytest.raises(backend.driver.error):
            cursor.execute(f"DELETE FROM cell_mapping WHERE uuid = '{cells.one.uuid}'")


def test_a_name_or_uuid_that_is_taken_is_refused(hostmap: HostMap, cells: Cells) -> None:
    with pytest.raises(CellMappingExists) as by_name:
        hostmap.cells.create("cell2")
    with pytest.raises(CellMappingExists) as by_uuid:
        hostmap.cells.create("new", uuid=cells.one.uuid)
    with pytest.raises(CellMappingExists) as by_update:
        hostmap.cells.update(cells.one.uuid, name="cell3")

    for caught, expected in (
        (by_name, ("name", "cell2", cells.two.uuid)),
        (by_uuid, ("uuid", cells.one.uuid, cells.one.uuid)),
        (by_update, ("name", "cell3", cells.off.uuid)),
    ):
        error = caught.value
        assert caught.type is CellMappingExists
        assert (error.field, error.value, error.cell_uuid) == expected
    assert hostmap.cells.list() == [*cells]


def test_a_taken_uuid_is_reported_before_a_taken_name(hostmap: HostMap, cells: Cells) -> None:
    for name, uuid in (("cell1", cells.two.uuid), ("cell2", cells.one.uuid)):
        with pytest.raises(CellMappingExists) as caught:
            hostmap.cells.create(name, uuid=uuid)
        assert (caught.value.field, caught.value.value) == ("uuid", uuid)


def test_a_name_can_be_used_again_after_a_deletion(hostmap: HostMap, cells: Cells) -> None:
    hostmap.cells.delete(cells.one.uuid)

    again = hostmap.cells.create("cell1", uuid=cells.one.uuid, disabled=True)

    assert hostmap.cells.get_by_name("cell1") == again


def test_a_stale_update_or_deletion_reports_the_current_cell(
    hostmap: HostMap, cells: Cells
) -> None:
    current = hostmap.cells.update(cells.one.uuid, disabled=True)

    for stale in (
        lambda: hostmap.cells.update(cells.one.uuid, name="x", expected_revision=1),
        lambda: hostmap.cells.delete(cells.one.uuid, expected_revision=1),
    ):
        with pytest.raises(StaleMapping) as caught:
            stale()
        error = caught.value
        assert caught.type is StaleMapping
        assert (error.actual, error.expected_cell_uuid, error.expected_revision) == (
            current,
            None,
            1,
        )
    assert hostmap.cells.get(cells.one.uuid) == current


def test_host_counts_include_every_cell(hostmap: HostMap, cells: Cells) -> None:
    hostmap.hosts.create_many([(f"a-{n}", cells.one.uuid) for n in range(7)])
    hostmap.hosts.create("b", cells.off.uuid)

    expected = {cells.one.uuid: 7, cells.two.uuid: 0, cells.off.uuid: 1}
    assert hostmap.cells.host_counts() == expected


def test_cell0_is_a_cell_without_hosts(hostmap: HostMap) -> None:
    cell0 = hostmap.cells.create("cell0", uuid=CELL0_UUID)

    assert cell0.is_cell0
    assert hostmap.cells.resolve("cell0").is_cell0
    assert hostmap.hosts.list(cell_uuid=CELL0_UUID) == []
    assert hostmap.cells.delete(CELL0_UUID).action == "deleted"


def test_a_cell_is_found_by_its_uuid_before_its_name(hostmap: HostMap) -> None:
    own = hostmap.cells.create(OTHER_UUID.upper(), uuid=OTHER_UUID)

    assert hostmap.cells.resolve(OTHER_UUID) == own
    assert hostmap.cells.get_by_name(OTHER_UUID.upper()) == own


def test_unknown_cells_are_not_found(hostmap: HostMap, cells: Cells) -> None:
    assert len(cells) == len(hostmap.cells.list())
    for ask, given in (
        (lambda: hostmap.cells.get(OTHER_UUID.upper()), OTHER_UUID),
        (lambda: hostmap.cells.get_by_name("Cell1"), "Cell1"),
        (lambda: hostmap.cells.resolve("no such"), "no such"),
        (lambda: hostmap.cells.resolve(OTHER_UUID), OTHER_UUID),
        (lambda: hostmap.cells.update(OTHER_UUID, name="x"), OTHER_UUID),
        (lambda: hostmap.cells.delete(OTHER_UUID), OTHER_UUID),
    ):
        with pytest.raises(CellMappingNotFound) as caught:
            ask()
        assert caught.type is CellMappingNotFound
        assert caught.value.cell == given
