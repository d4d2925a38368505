"""Every error that a caller can cause, by its exact type and attributes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from hostmap_sql import (
    CELL0_UUID,
    CellMappingExists,
    CellMappingNotFound,
    DatabaseError,
    HostMappingExists,
    HostMappingNotFound,
    InvalidValue,
    SchemaOutOfDate,
    connect,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from hostmap_sql import HostMap, WriteTransaction
    from tests.conftest import Cells
    from tests.support.backends import Backend

NO_SUCH_CELL = "99999999-9999-4999-8999-999999999999"


def test_an_unknown_host_is_not_found(hostmap: HostMap, cells: Cells) -> None:
    for ask in (
        lambda: hostmap.hosts.get("no"),
        lambda: hostmap.hosts.move("no", cells.one.uuid),
        lambda: hostmap.hosts.move("no", NO_SUCH_CELL, expected_revision=1),
        lambda: hostmap.hosts.delete("no"),
        lambda: hostmap.hosts.delete("no", expected_cell_uuid=cells.one.uuid),
    ):
        with pytest.raises(HostMappingNotFound) as caught:
            ask()
        assert caught.type is HostMappingNotFound
        assert caught.value.host == "no"
    assert hostmap.history.of_host("no") == []


def test_an_unknown_cell_is_not_found(hostmap: HostMap, cells: Cells) -> None:
    hostmap.hosts.create("a", cells.one.uuid)

    for ask in (
        lambda: hostmap.hosts.create("b", NO_SUCH_CELL.upper()),
        lambda: hostmap.hosts.move("a", NO_SUCH_CELL),
        lambda: hostmap.hosts.create_many([("b", NO_SUCH_CELL)]),
    ):
        with pytest.raises(CellMappingNotFound) as caught:
            ask()
        assert caught.type is CellMappingNotFound
        assert caught.value.cell == NO_SUCH_CELL
    assert hostmap.revision() == 4


def wrong_calls(hostmap: HostMap, uuid: str) -> list[tuple[Callable[[], object], str]]:
    """Yield calls with an invalid value, and the field that the error must name."""
    hosts, cells, history = hostmap.hosts, hostmap.cells, hostmap.history
    wrong: Any
    calls: list[tuple[Callable[[], object], str]] = [
        (lambda: hosts.create("a", CELL0_UUID), "cell_uuid"),
        (lambda: hosts.move("a", CELL0_UUID.replace("-", "")), "cell_uuid"),
    ]
    for wrong in ("cell1", "", uuid[:-1], uuid + "0", None, 5, b"x", uuid + " ", uuid + "\x00"):
        calls += [
            (partial(hosts.create, "a", wrong), "cell_uuid"),
            (partial(hosts.move, "a", wrong), "cell_uuid"),
            (partial(hosts.move_all, wrong, uuid), "from_uuid"),
            (partial(hosts.move_all, uuid, wrong), "to_uuid"),
            (partial(cells.get, wrong), "uuid"),
            (partial(cells.update, wrong), "uuid"),
            (partial(cells.delete, wrong), "uuid"),
        ]
    for wrong in ("cell1", "", uuid[:-1], 5):
        calls += [
            (partial(hosts.move, "a", uuid, expected_cell_uuid=wrong), "expected_cell_uuid"),
            (partial(hosts.delete, "a", expected_cell_uuid=wrong), "expected_cell_uuid"),
            (partial(hosts.list, cell_uuid=wrong), "cell_uuid"),
            (partial(next, hosts.iterate(cell_uuid=wrong)), "cell_uuid"),
            (partial(cells.create, "b", uuid=wrong), "uuid"),
        ]
    for wrong in (-1, 1.0, "1", True, 1 << 63):
        calls += [
            (partial(hosts.move, "a", uuid, expected_revision=wrong), "expected_revision"),
            (partial(hosts.delete, "a", expected_revision=wrong), "expected_revision"),
            (partial(cells.update, uuid, expected_revision=wrong), "expected_revision"),
            (partial(cells.delete, uuid, expected_revision=wrong), "expected_revision"),
            (partial(history.since, wrong), "revision"),
            (partial(history.since, 0, limit=wrong), "limit"),
            (partial(history.prune, before=wrong), "before"),
        ]
    calls.append((lambda: history.since(0, limit=0), "limit"))
    for wrong in (0, 1, "yes", None):
        calls += [
            (partial(cells.create, "b", disabled=wrong), "disabled"),
            (partial(cells.update, uuid, disabled=wrong), "disabled"),
        ]
    long = "rabbit://" + "s3cret" * 3_000
    for wrong in ("", "u:s3cret@mq", "rabbit://u:s3cret@m q/", "x://s3cret\x00", 5, "1x://a", long):
        for field in ("transport_url", "database_connection"):
            calls += [
                (partial(cells.create, "b", **{field: wrong}), field),
                (partial(cells.update, uuid, **{field: wrong}), field),
            ]
    return calls


def test_invalid_values_are_named_and_secret_ones_never_quoted(
    hostmap: HostMap, cells: Cells
) -> None:
    hostmap.hosts.create("a", cells.one.uuid)

    for call, field in wrong_calls(hostmap, cells.one.uuid):
        with pytest.raises(InvalidValue) as caught:
            call()
        assert caught.type is InvalidValue
        assert caught.value.field == field
        assert "s3cret" not in f"{caught.value} {caught.value!r}"
    assert hostmap.revision() == 4


def test_wrong_arguments_of_connect_are_named() -> None:
    for url, arguments, field in (
        ("sqlite:///x.db", {"timeout": 0}, "timeout"),
        ("sqlite:///x.db", {"timeout": -1.5}, "timeout"),
        ("sqlite:///x.db", {"timeout": "5"}, "timeout"),
        ("sqlite:///x.db", {"timeout": True}, "timeout"),
        ("sqlite:///x.db", {"timeout": float("nan")}, "timeout"),
        ("sqlite:///x.db", {"timeout": float("inf")}, "timeout"),
        ("sqlite:///x.db", {"pool_size": 0}, "pool_size"),
        ("sqlite:///x.db", {"pool_size": "5"}, "pool_size"),
        ("sqlite:///x.db", {"author": ""}, "author"),
        ("oracle://u:s3cret@h/d", {}, "database URL"),
        ("u:s3cret@h/d", {}, "database URL"),
    ):
        with pytest.raises(InvalidValue) as caught:
            connect(url, **arguments)
        assert caught.value.field == field
        assert "s3cret" not in str(caught.value)


# --- errors of the database -----------------------------------------------------------------------


def test_a_refusal_of_the_database_names_code_and_statement(
    backend: Backend, hostmap: HostMap, cells: Cells
) -> None:
    # A constraint that the library does not know.
    backend.query("CREATE UNIQUE INDEX one_host_a_cell ON host_mapping (cell_uuid)")
    hostmap.hosts.create("a", cells.one.uuid)

    with pytest.raises(DatabaseError) as caught:
        hostmap.hosts.create("b", cells.one.uuid)

    error = caught.value
    assert caught.type is DatabaseError
    assert error.statement == "host_insert"
    assert error.code == backend.duplicate_code
    assert isinstance(error.__cause__, backend.driver.error)
    assert hostmap.revision() == 4


def test_messages_of_the_database_about_secrets_are_dropped(
    backend: Backend, hostmap: HostMap, cells: Cells
) -> None:
    backend.query(f"CREATE UNIQUE INDEX one_url ON cell_mapping ({backend.sql.indexed_url})")

    taken = cells.one.transport_url
    for call in (
        partial(hostmap.cells.create, "new", transport_url=taken),
        partial(hostmap.cells.update, cells.two.uuid, transport_url=taken),
    ):
        with pytest.raises(DatabaseError) as caught:
            call()
        assert caught.type is DatabaseError
        assert "s3cret" not in f"{caught.value} {caught.value!r}"
        assert caught.value.code == backend.duplicate_code


@pytest.mark.parametrize(
    "damage",
    [
        "DROP TABLE host_mapping_change",
        "ALTER TABLE mapping_changeset RENAME COLUMN reason TO motive",
        "DELETE FROM mapping_revision",
    ],
)
def test_a_missing_part_of_the_schema_is_reported(
    damage: str, backend: Backend, hostmap: HostMap, cells: Cells
) -> None:
    backend.query(damage)

    with pytest.raises(SchemaOutOfDate) as caught:
        hostmap.hosts.create("a", cells.one.uuid)

    assert caught.type is SchemaOutOfDate
    assert (caught.value.missing, caught.value.unknown) == ((), ())
    assert hostmap.hosts.list() == []


def test_reading_reports_a_missing_revision_row(backend: Backend, hostmap: HostMap) -> None:
    backend.query("DELETE FROM mapping_revision")

    for ask in (hostmap.revision, partial(hostmap.history.since, 0)):
        with pytest.raises(SchemaOutOfDate):
            ask()


def test_a_block_stays_usable_after_an_error_of_the_library(hostmap: HostMap, cells: Cells) -> None:
    hostmap.hosts.create("a", cells.one.uuid)

    with hostmap.transaction() as tx:
        with pytest.raises(HostMappingExists):
            tx.hosts.create("a", cells.two.uuid)
        with pytest.raises(CellMappingExists):
            tx.cells.create("cell1")
        with pytest.raises(InvalidValue):
            tx.hosts.create("", cells.two.uuid)
        with pytest.raises(CellMappingNotFound):
            tx.hosts.create("b", NO_SUCH_CELL)
        tx.hosts.create("c", cells.one.uuid)

    assert [mapping.host for mapping in hostmap.hosts.list()] == ["a", "c"]


def test_a_block_is_unusable_after_a_failed_statement(
    backend: Backend, hostmap: HostMap, cells: Cells
) -> None:
    backend.query("CREATE UNIQUE INDEX one_host_a_cell ON host_mapping (cell_uuid)")

    def work(tx: WriteTransaction) -> None:
        tx.hosts.create("a", cells.one.uuid)
        with pytest.raises(DatabaseError) as caught:
            tx.hosts.create("b", cells.one.uuid)
        assert caught.value.statement == "host_insert"
        with pytest.raises(DatabaseError, match="begin another one"):
            tx.hosts.get("a")

    with pytest.raises(DatabaseError, match="begin another one"):
        hostmap.run(work)

    assert hostmap.hosts.list() == []
    assert hostmap.revision() == 3
