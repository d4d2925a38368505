"""A directory with ``urls=False`` reads no column of URLs, and its cells have no URLs."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import pickle
from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest

from hostmap_sql import CellMapping, HostMap, InvalidValue, UrlsNotRead, aio
from hostmap_sql.sql import STATEMENTS
from tests.support.pace import PATIENT

if TYPE_CHECKING:
    from tests.support.backends import Backend

URL = "rabbit://nova:s3cret@mq1:5672/"


@pytest.fixture
def cell(backend: Backend) -> CellMapping:
    cell = backend.hostmap.cells.create("cell1", transport_url=URL, database_connection=URL)
    backend.hostmap.hosts.create_many((f"compute-{n}", cell.uuid) for n in range(3))
    return cell


@pytest.fixture
def hostmap(backend: Backend, cell: CellMapping) -> HostMap:
    assert cell.revision
    return backend.connect(urls=False)


def assert_without_urls(cell: CellMapping) -> None:
    for attribute in ("transport_url", "database_connection"):
        with pytest.raises(UrlsNotRead, match=r"cell 'cell1' were not read: open .* without urls"):
            getattr(cell, attribute)


def test_no_select_names_a_column_of_urls(hostmap: HostMap) -> None:
    texts = {s.name: hostmap._database.texts[s] for s in STATEMENTS}
    named = {name for name, text in texts.items() if "_url" in text or "_connection" in text}
    assert named == {"cell_insert", "cell_update"}
    shortened = {s for s in STATEMENTS if s.reads_urls}
    assert {s.name for s in shortened} == {
        "cell_get",
        "cell_get_by_name",
        "cell_list",
        "host_get",
        "host_get_many",
        "host_list",
        "host_list_of_cell",
    }


def test_every_cell_that_is_read_has_no_urls(hostmap: HostMap, cell: CellMapping) -> None:
    with hostmap.replica() as replica:
        cells = [
            hostmap.cells.get(cell.uuid),
            hostmap.cells.get_by_name("cell1"),
            hostmap.cells.resolve("cell1"),
            *hostmap.cells.list(),
            hostmap.hosts.get("compute-1").cell,
            hostmap.hosts.get_many(["compute-1"])["compute-1"].cell,
            *(mapping.cell for mapping in hostmap.hosts.list()),
            *(mapping.cell for mapping in hostmap.hosts.list(cell_uuid=cell.uuid)),
            *(mapping.cell for mapping in hostmap.hosts.iterate()),
            hostmap.with_author(author="me").cells.get(cell.uuid),
            hostmap.run(lambda tx: tx.hosts.get("compute-1").cell),
            hostmap.run(lambda tx: tx.cells.get(cell.uuid)),
            replica.cell_of("compute-1"),
            *replica.cells.values(),
        ]
    for found in cells:
        assert (found.uuid, found.name, found.disabled) == (cell.uuid, "cell1", False)
        assert_without_urls(found)


def test_the_asynchronous_api_reads_none_either(backend: Backend, cell: CellMapping) -> None:
    async def main() -> list[CellMapping]:
        async with aio.connect(backend.url, urls=False, timeout=PATIENT) as hostmap:
            replica = await hostmap.replica()
            return [(await hostmap.hosts.get("compute-1")).cell, await replica.cell_of("compute-1")]

    for found in asyncio.run(main()):
        assert found.uuid == cell.uuid
        assert_without_urls(found)


def test_a_pool_of_the_caller_reads_none_either(backend: Backend, cell: CellMapping) -> None:
    connection = backend.raw()
    hostmap = HostMap(lambda: nullcontext(connection), backend.dialect_name, urls=False)
    assert_without_urls(hostmap.cells.get(cell.uuid))


def test_such_a_cell_is_a_value(hostmap: HostMap, backend: Backend, cell: CellMapping) -> None:
    found = hostmap.cells.get(cell.uuid)
    for twin in (
        backend.connect(urls=False).cells.get(cell.uuid),
        copy.copy(found),
        copy.deepcopy(found),
        pickle.loads(pickle.dumps(found)),  # noqa: S301
    ):
        assert twin == found
        assert hash(twin) == hash(found)
        assert repr(twin) == repr(found)
        assert_without_urls(twin)
    assert isinstance(found, CellMapping)
    assert found.label == "cell 'cell1'"
    assert not found.is_cell0
    assert "transport_url" not in repr(found)
    for attribute in ("name", "transport_url", "anything"):
        with pytest.raises(AttributeError):
            setattr(found, attribute, "else")

    # It is not known whether the URLs are equal.
    assert found != backend.hostmap.cells.get(cell.uuid)
    assert backend.hostmap.cells.get(cell.uuid) != found
    with pytest.raises(UrlsNotRead):
        dataclasses.replace(found, name="other")
    with pytest.raises(UrlsNotRead):
        dataclasses.asdict(found)


def test_hosts_can_be_written(hostmap: HostMap, cell: CellMapping) -> None:
    assert_without_urls(hostmap.hosts.create("new", cell.uuid).cell)
    assert hostmap.hosts.delete("new").old_cell_uuid == cell.uuid
    other = hostmap.hosts.get("compute-1")
    assert hostmap.hosts.move("compute-1", cell.uuid) == other


def test_no_write_loses_a_url(hostmap: HostMap, backend: Backend, cell: CellMapping) -> None:
    writes = (
        lambda: hostmap.cells.create("cell2"),
        lambda: hostmap.cells.update(cell.uuid, disabled=True),
        lambda: hostmap.cells.update_many({cell.uuid: {"disabled": True}}),
        lambda: hostmap.run(lambda tx: tx.cells.update(cell.uuid, name="renamed")),
    )
    revision = hostmap.revision()
    for write in writes:
        with pytest.raises(InvalidValue, match="urls is False: create and change cells with"):
            write()
    assert hostmap.revision() == revision
    assert backend.hostmap.cells.get(cell.uuid) == cell

    hostmap.hosts.delete_many([f"compute-{n}" for n in range(3)])
    assert hostmap.cells.delete(cell.uuid).action == "deleted"


def test_the_argument_must_be_true_or_false(backend: Backend) -> None:
    with pytest.raises(InvalidValue, match="urls must be True or False"):
        backend.connect(urls="no")


def test_a_check_needs_no_urls(hostmap: HostMap) -> None:
    assert hostmap.check() == ()
