"""Updates of many cells in one changeset, and the progress of moves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hostmap_sql import (
    BulkResult,
    CellChange,
    CellMappingExists,
    CellMappingNotFound,
    InvalidValue,
    SecretUrl,
)
from hostmap_sql.batching import BULK_SIZE

if TYPE_CHECKING:
    from hostmap_sql import HostMap
    from tests.conftest import Cells

ONE = "5f7ccc29-a9eb-417c-865e-b9bd78a72dcc"
TWO = "0b6a1f6e-4a5d-4c8e-9f0a-6f1c9f7b2e11"
OFF = "c3d1b9a4-7e2f-4b6d-8a5c-2d4e6f8a0b1c"
OTHER_UUID = "11111111-2222-4333-8444-555555555555"
NOT_A_URL = "is not a URL: it must begin with a scheme and ://"
NOT_A_FIELD = "is not one of name, transport_url, database_connection, disabled"
NEW_URL = "rabbit://nova:n3w/s3cret@mq9:5672/vhost"


def test_many_cells_change_in_one_changeset(hostmap: HostMap, cells: Cells) -> None:
    with_author = hostmap.with_author(reason="passwords rotated")
    changed = with_author.cells.update_many(
        {
            cells.two.uuid.upper(): {"transport_url": NEW_URL, "disabled": True},
            cells.one.uuid: {"name": "east", "database_connection": None},
            cells.off.uuid: {"disabled": True},
        }
    )

    two, one = changed
    assert (two.uuid, two.name, two.disabled) == (cells.two.uuid, "cell2", True)
    assert (two.transport_url, two.revision) == (SecretUrl(NEW_URL), 4)
    assert two.database_connection == cells.two.database_connection
    assert (one.uuid, one.name, one.disabled) == (cells.one.uuid, "east", False)
    assert (one.database_connection, one.transport_url) == (None, cells.one.transport_url)
    assert hostmap.cells.list() == [two, cells.off, one]
    [changeset] = hostmap.history.since(3)
    assert {*changeset.cells} == {CellChange(4, uuid, "updated") for uuid in (one.uuid, two.uuid)}
    assert (changeset.author, changeset.reason) == ("tester", "passwords rotated")


def test_an_update_without_changes_makes_no_revision(hostmap: HostMap, cells: Cells) -> None:
    same = {"name": cells.one.name, "transport_url": cells.one.transport_url, "disabled": False}

    assert hostmap.cells.update_many({cells.one.uuid: same, cells.two.uuid: {}}) == []
    assert hostmap.cells.update_many({}) == []
    assert hostmap.revision() == 3


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({OTHER_UUID: {"disabled": True}}, CellMappingNotFound(OTHER_UUID)),
        ({TWO: {"name": "cell3"}}, CellMappingExists("name", "cell3", OFF)),
        ({TWO: {"name": "free"}}, CellMappingExists("name", "free", ONE)),
        # The name is free only after the other update: use two transactions or a third name.
        ({TWO: {"name": "cell1"}}, CellMappingExists("name", "cell1", ONE)),
        ({TWO: {"transport_url": "s3cret"}}, InvalidValue("transport_url", NOT_A_URL)),
        ({TWO: {"disabled": 1}}, InvalidValue("disabled", "must be True or False, not int")),
        ({TWO: {"name": ""}}, InvalidValue("name", "is empty")),
        ({TWO: {"uuid": OTHER_UUID}}, InvalidValue("field 'uuid'", NOT_A_FIELD)),
        ({"cell2": {}}, InvalidValue("uuid", "must be a UUID, not 'cell2'")),
        ({ONE.upper(): {}}, InvalidValue(f"cell {ONE}", "is given twice")),
    ],
    ids=repr,
)
@pytest.mark.parametrize("place", ["by itself", "in a transaction"])
def test_cells_are_updated_all_or_none(
    changes: dict[str, dict[str, Any]],
    expected: Any,
    place: str,
    hostmap: HostMap,
    cells: Cells,
) -> None:
    first: dict[str, dict[str, Any]] = {ONE: {"name": "free", "transport_url": NEW_URL}}

    def refused(directory: Any) -> None:
        with pytest.raises(type(expected)) as caught:
            directory.cells.update_many(first | changes)
        assert caught.type is type(expected)
        assert str(caught.value).startswith(str(expected).partition(OFF)[0])
        assert "s3cret" not in str(caught.value)

    if place == "in a transaction":
        with hostmap.transaction() as tx:
            refused(tx)
    else:
        refused(hostmap)
    assert hostmap.cells.list() == [*cells]
    assert hostmap.revision() == 3


def test_update_many_cannot_swap_names(hostmap: HostMap, cells: Cells) -> None:
    with pytest.raises(CellMappingExists) as caught:
        hostmap.cells.update_many({ONE: {"name": "cell2"}, TWO: {"name": "cell1"}})

    error = caught.value
    assert (error.field, error.value, error.cell_uuid) == ("name", "cell2", TWO)
    assert hostmap.cells.list() == [*cells]


def test_move_all_reports_its_progress(hostmap: HostMap, cells: Cells) -> None:
    hostmap.hosts.create_many((f"many-{n}", ONE) for n in range(BULK_SIZE + 1))
    before, reported = hostmap.revision(), list[tuple[int, int | None, int]]()

    def progress(done: int, total: int | None) -> None:
        # Each report comes after the commit, so that other clients see its changes.
        reported.append((done, total, hostmap.cells.host_counts()[TWO]))

    moved = hostmap.hosts.move_all(ONE, TWO, progress=progress)
    assert moved == BulkResult(moved=BULK_SIZE + 1, revision=before + 2)
    number = BULK_SIZE + 1
    assert reported == [(BULK_SIZE, None, BULK_SIZE), (number, None, number)]
    assert hostmap.revision() == before + 2
    assert hostmap.hosts.move_all(ONE, cells.off.uuid, progress=progress) == BulkResult()
    assert hostmap.revision() == before + 2
