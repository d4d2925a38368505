"""The mappings of single hosts: create, get, move, delete."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from hostmap_sql import (
    CELL0_UUID,
    HostChange,
    HostMapping,
    HostMappingExists,
    HostMappingNotFound,
    StaleMapping,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from hostmap_sql import HostMap
    from tests.conftest import Cells

CLOCKS_DIFFER = timedelta(seconds=1)


def test_a_created_host_is_returned_and_read_with_its_cell(hostmap: HostMap, cells: Cells) -> None:
    before = datetime.now(UTC)

    created = hostmap.hosts.create("compute-1", cells.two.uuid)

    assert created == HostMapping("compute-1", cells.two, 4, created.created_at, None)
    assert created.cell_uuid == cells.two.uuid
    assert before - CLOCKS_DIFFER <= created.created_at <= datetime.now(UTC)
    assert hostmap.hosts.get("compute-1") == created


def test_a_host_can_be_in_a_disabled_cell(hostmap: HostMap, cells: Cells) -> None:
    hostmap.hosts.create("compute-1", cells.off.uuid)

    assert hostmap.hosts.get("compute-1").cell == cells.off
    assert hostmap.hosts.get("compute-1").cell.disabled is True


@pytest.mark.parametrize("form", [str.upper, lambda u: f"{{{u}}}", lambda u: UUID(u).hex, UUID])
def test_a_cell_uuid_is_accepted_in_any_form(
    form: Callable[[str], Any], hostmap: HostMap, cells: Cells
) -> None:
    created = hostmap.hosts.create("compute-1", form(cells.two.uuid))
    moved = hostmap.hosts.move(
        "compute-1", form(cells.one.uuid), expected_cell_uuid=form(cells.two.uuid)
    )

    assert created.cell_uuid == cells.two.uuid
    assert moved.cell_uuid == cells.one.uuid
    assert [m.host for m in hostmap.hosts.list(cell_uuid=form(cells.one.uuid))] == ["compute-1"]
    assert hostmap.cells.get(form(cells.one.uuid)) == cells.one


def test_creating_a_host_twice_fails_whatever_the_cell(hostmap: HostMap, cells: Cells) -> None:
    hostmap.hosts.create("compute-1", cells.two.uuid)

    for cell in (cells.one, cells.two):
        with pytest.raises(HostMappingExists) as caught:
            hostmap.hosts.create("compute-1", cell.uuid)
        assert caught.type is HostMappingExists
        assert (caught.value.host, caught.value.cell_uuid) == ("compute-1", cells.two.uuid)
    assert hostmap.revision() == 4


def test_a_move_changes_cell_and_revision_and_keeps_the_rest(
    hostmap: HostMap, cells: Cells
) -> None:
    created = hostmap.hosts.create("compute-1", cells.one.uuid)
    other = hostmap.hosts.create("compute-2", cells.one.uuid)

    moved = hostmap.hosts.move("compute-1", cells.two.uuid)

    assert moved == HostMapping("compute-1", cells.two, 6, created.created_at, moved.updated_at)
    assert moved.updated_at is not None
    assert moved.updated_at >= created.created_at
    assert hostmap.hosts.get("compute-1") == moved
    assert hostmap.hosts.get("compute-2") == other


def test_a_move_to_its_own_cell_writes_nothing(hostmap: HostMap, cells: Cells) -> None:
    created = hostmap.hosts.create("compute-1", cells.two.uuid)

    assert hostmap.hosts.move("compute-1", cells.two.uuid) == created
    assert hostmap.revision() == created.revision
    assert len(hostmap.history.of_host("compute-1")) == 1


def test_a_move_with_met_expectations_succeeds(hostmap: HostMap, cells: Cells) -> None:
    created = hostmap.hosts.create("compute-1", cells.one.uuid)

    by_cell = hostmap.hosts.move("compute-1", cells.two.uuid, expected_cell_uuid=cells.one.uuid)
    by_revision = hostmap.hosts.move(
        "compute-1", cells.off.uuid, expected_revision=by_cell.revision
    )
    by_both = hostmap.hosts.move(
        "compute-1",
        cells.one.uuid,
        expected_cell_uuid=cells.off.uuid,
        expected_revision=by_revision.revision,
    )

    assert [by_cell.cell, by_revision.cell, by_both.cell] == [cells.two, cells.off, cells.one]
    assert by_both.created_at == created.created_at


def test_a_move_or_delete_with_unmet_expectations_is_stale(hostmap: HostMap, cells: Cells) -> None:
    hostmap.hosts.create("a", cells.one.uuid)
    actual = hostmap.hosts.move("a", cells.two.uuid)

    for cell, revision in (
        (cells.one.uuid, None),
        (CELL0_UUID, None),
        (None, 4),
        (None, 0),
        (cells.two.uuid, 4),
        (cells.one.uuid, 5),
    ):
        expected: dict[str, Any] = {"expected_cell_uuid": cell, "expected_revision": revision}
        for ask in (
            partial(hostmap.hosts.move, "a", cells.off.uuid, **expected),
            partial(hostmap.hosts.move, "a", cells.two.uuid, **expected),
            partial(hostmap.hosts.delete, "a", **expected),
        ):
            with pytest.raises(StaleMapping) as caught:
                ask()
            error = caught.value
            assert caught.type is StaleMapping
            assert (error.expected_cell_uuid, error.expected_revision) == (cell, revision)
            assert error.actual == actual
    assert hostmap.hosts.get("a") == actual


def test_a_deleted_host_is_gone_and_its_deletion_returned(hostmap: HostMap, cells: Cells) -> None:
    hostmap.hosts.create("compute-1", cells.two.uuid)
    kept = hostmap.hosts.create("compute-2", cells.two.uuid)

    deleted = hostmap.with_author(reason="scrapped").hosts.delete(
        "compute-1", expected_cell_uuid=cells.two.uuid, expected_revision=4
    )

    assert deleted == HostChange(
        6, "compute-1", cells.two.uuid, None, "tester", "scrapped", deleted.created_at
    )
    assert hostmap.history.of_host("compute-1")[-1] == deleted
    with pytest.raises(HostMappingNotFound) as caught:
        hostmap.hosts.get("compute-1")
    assert caught.value.host == "compute-1"
    assert hostmap.hosts.list() == [kept]


def test_a_host_can_be_created_again_after_its_deletion(hostmap: HostMap, cells: Cells) -> None:
    first = hostmap.hosts.create("compute-1", cells.one.uuid)
    hostmap.hosts.delete("compute-1")

    second = hostmap.hosts.create("compute-1", cells.two.uuid)

    assert second.revision == first.revision + 2
    assert second.updated_at is None
    assert hostmap.hosts.get("compute-1") == second


def test_a_cell_update_shows_in_its_hosts(hostmap: HostMap, cells: Cells) -> None:
    created = hostmap.hosts.create("compute-1", cells.one.uuid)

    changed = hostmap.cells.update(cells.one.uuid, name="cell1-renamed", disabled=True)

    found = hostmap.hosts.get("compute-1")
    assert found.cell == changed
    assert found.revision == created.revision, "the mapping itself was not touched"


def test_reads_make_no_revision(hostmap: HostMap, cells: Cells) -> None:
    hostmap.hosts.create("compute-1", cells.one.uuid)
    before = hostmap.revision()

    hostmap.hosts.get("compute-1")
    hostmap.hosts.get_many(["compute-1", "compute-2"])
    hostmap.hosts.list()
    hostmap.history.since(0)
    hostmap.cells.host_counts()

    assert hostmap.revision() == before
