"""A program without a cipher in a directory whose URLs are sealed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hostmap_sql import InvalidValue, References, SecretUnavailable
from hostmap_sql.nova import import_mappings
from tests.sealing.conftest import KEY

if TYPE_CHECKING:
    from collections.abc import Callable

    from hostmap_sql import HostMap, KeyRing
    from tests.support.backends import Backend

# The statements are those of other tests.
pytestmark = pytest.mark.one_database

CLEAR, SEALED, EMPTY = (f"0000000{n}-7e2f-4b6d-8a5c-2d4e6f8a0b1c" for n in (1, 2, 3))
URL = "rabbit://nova:s3cret@mq/"


@pytest.fixture
def program(backend: Backend, hostmap: HostMap) -> HostMap:
    """A program without a cipher; one cell is in clear text, one is sealed, one has no URLs."""
    program = backend.connect(references=References(env_prefix="CELL_"))
    program.cells.create("clear", uuid=CLEAR, transport_url=URL, database_connection=URL)
    program.cells.create("empty", uuid=EMPTY)
    hostmap.cells.create("sealed", uuid=SEALED, transport_url=URL)
    return program


def stored(backend: Backend) -> list[tuple[Any, ...]]:
    return backend.query("SELECT * FROM cell_mapping ORDER BY name")


def in_transaction(hostmap: HostMap) -> None:
    with hostmap.transaction() as tx:
        tx.cells.update(EMPTY, name="renamed")
        tx.cells.create("new", database_connection=URL)


NEW: dict[str, Any] = {"transport_url": "rabbit://new/"}
REFUSED: dict[str, Callable[[HostMap], object]] = {
    "create": lambda h: h.cells.create("new", transport_url=URL),
    "create in a transaction": in_transaction,
    "create a template": lambda h: h.cells.create("new", transport_url="{scheme}://{hostname}/"),
    "add": lambda h: h.cells.update(EMPTY, database_connection=URL),
    "change": lambda h: h.cells.update(CLEAR, **NEW),
    "replace": lambda h: h.cells.update(SEALED, **NEW),
    "replace by the same": lambda h: h.cells.update(SEALED, transport_url=URL),
    "replace by a reference": lambda h: h.cells.update(SEALED, transport_url="env://CELL_MQ"),
    "remove": lambda h: h.cells.update(SEALED, transport_url=None),
    "add beside": lambda h: h.cells.update(SEALED, database_connection=URL),
    "change many": lambda h: h.cells.update_many({EMPTY: {"disabled": True}, CLEAR: NEW}),
    "remove many": lambda h: h.cells.update_many({CLEAR: NEW, SEALED: {"transport_url": None}}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_neither_adds_clear_text_nor_changes_sealed_urls(
    backend: Backend, program: HostMap, name: str
) -> None:
    before, revision = stored(backend), program.revision()
    with pytest.raises(SecretUnavailable, match=r"connect with a cipher \(cipher=") as caught:
        REFUSED[name](program)
    assert "s3cret" not in str(caught.value)
    assert (stored(backend), program.revision()) == (before, revision)


def test_it_makes_all_other_changes(backend: Backend, program: HostMap) -> None:
    cells = program.cells
    cells.create("new", transport_url="env://CELL_MQ")
    cells.create("newer", disabled=True)
    unchanged = cells.update(CLEAR, transport_url=URL)
    assert unchanged.updated_at is None
    assert cells.update(CLEAR, name="renamed", transport_url=URL).name == "renamed"
    assert cells.update(CLEAR, transport_url=None).transport_url is None
    assert cells.update(EMPTY, transport_url="env://CELL_MQ").transport_url
    assert cells.update(SEALED, name="other", disabled=True).disabled
    cells.delete(SEALED)
    # Nothing is sealed any more.
    assert cells.update(CLEAR, transport_url=URL).transport_url
    assert stored(backend)


def test_with_a_cipher_every_change_is_made(hostmap: HostMap, program: HostMap) -> None:
    hostmap.cells.update_many(dict.fromkeys((CLEAR, SEALED, EMPTY), NEW))
    hostmap.cells.create("new", **NEW)
    assert {str(cell.transport_url) for cell in program.cells.list()} == {f"sealed://{KEY}/***"}
    # Only the other URL of the cell "clear" is still in clear text.
    assert [finding.cell_uuid for finding in hostmap.check(require_sealed=True)] == [CLEAR]
    assert hostmap.cells.update(SEALED, transport_url=None).transport_url is None


def test_without_urls_a_call_that_needs_them_is_refused_at_once(
    backend: Backend, program: HostMap, ring: KeyRing
) -> None:
    hostmap = backend.connect(urls=False, cipher=ring)
    for call in (
        hostmap.secrets.status,
        hostmap.secrets.seal,
        hostmap.secrets.rotate,
        lambda: hostmap.check(require_sealed=True),
        lambda: import_mappings(hostmap, "mysql://nova:s3cret@nowhere.invalid/nova_api"),
    ):
        with pytest.raises(InvalidValue, match="urls is False"):
            call()
    assert program.check() == hostmap.check() == ()


def test_a_check_of_other_tables_finds_their_schema_only(backend: Backend) -> None:
    backend.execute("DROP TABLE cell_mapping")
    [finding] = backend.hostmap.check(require_sealed=True)
    assert finding.kind == "schema"
