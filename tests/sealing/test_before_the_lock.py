"""Ciphers and references are called without the lock of all writers: they may use the network."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import pytest

from hostmap_sql import KeyRing, References, SecretUnavailable
from hostmap_sql.nova import CellAccess, import_mappings
from tests.sealing.conftest import Reversing
from tests.support.nova import Nova, drop, load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hostmap_sql import HostMap
    from tests.conftest import Servers
    from tests.support.backends import Backend

pytestmark = pytest.mark.one_database

URL, OTHER = "rabbit://nova:s3cret@mq/", "rabbit://nova:s3cret@other/"


@pytest.fixture(scope="module")
def nova(servers: Servers) -> Iterator[Nova]:
    """Nova's databases, which no test here changes."""
    factory = servers.factory("postgresql")
    nova = load(factory)
    yield nova
    drop(factory, nova)


class Writing(Reversing):
    """A cipher that writes to the directory in each call, which fails under the lock."""

    def __init__(self, backend: Backend) -> None:
        self.hostmap = backend.connect(timeout=0.5)
        self.calls: list[str] = []
        self.numbers = count()

    def write(self, method: str) -> None:
        self.calls.append(method)
        cell = self.hostmap.cells.get_by_name("free")
        self.hostmap.hosts.create(f"host-{next(self.numbers)}", cell.uuid)

    def seal(self, text: str, context: str) -> str:
        self.write("seal")
        return super().seal(text, context)

    def open(self, sealed: str, context: str) -> str:
        self.write("open")
        return super().open(sealed, context)


@pytest.fixture
def cipher(backend: Backend) -> Writing:
    backend.hostmap.cells.create("free")
    return Writing(backend)


@pytest.fixture
def hostmap(backend: Backend, cipher: Writing) -> HostMap:
    return backend.connect(cipher=cipher)


def test_calls_that_write_cells_open_and_seal_before_the_lock(
    hostmap: HostMap, cipher: Writing
) -> None:
    both = {"transport_url": URL, "database_connection": OTHER}
    cell = hostmap.cells.create("cell1", **both)  # type: ignore[arg-type]
    assert hostmap.cells.update(cell.uuid, transport_url=URL) == cell
    assert hostmap.cells.update_many({cell.uuid: both}) == []
    assert hostmap.cells.update(cell.uuid, transport_url=OTHER).transport_url
    assert len(hostmap.cells.update_many({cell.uuid: {**both, "disabled": True}})) == 1
    assert hostmap.secrets.seal().urls == hostmap.secrets.rotate().urls == 0
    cipher.calls.clear()
    hostmap.cells.update(cell.uuid, name="renamed", disabled=False)
    with hostmap.transaction() as tx:
        tx.cells.update(cell.uuid, disabled=True)
        tx.hosts.create("compute-x", cell.uuid)
        tx.hosts.move("compute-x", tx.cells.get_by_name("free").uuid)
    assert cipher.calls == []


def test_an_import_opens_and_seals_before_the_lock(
    hostmap: HostMap, cipher: Writing, nova: Nova
) -> None:
    created = import_mappings(hostmap, nova.url)
    assert {cell.action for cell in created.cells} == {"created"}
    assert {"seal"} == {*cipher.calls}
    uuid = nova.cell_uuid("cell1")
    hostmap.cells.update(uuid, transport_url=URL)
    cipher.calls.clear()
    moved = import_mappings(hostmap, nova.url, on_conflict="move")
    assert [cell.name for cell in moved.cells if cell.action == "updated"] == ["cell1"]
    assert {"open", "seal"} == {*cipher.calls}
    access = CellAccess()
    cipher.calls.clear()
    with access.open(hostmap.cells.get(uuid)):
        assert cipher.calls == ["open"]


def test_an_import_is_planned_again_if_cells_change(
    backend: Backend, hostmap: HostMap, cipher: Writing, nova: Nova, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rename(method: str) -> None:
        if not cipher.calls:
            backend.hostmap.cells.create("cell1")
        cipher.calls.append(method)

    monkeypatch.setattr(cipher, "write", rename)
    result = import_mappings(hostmap, nova.url)
    names = {cell.nova_name: cell.name for cell in result.cells}
    assert names["cell1"] == f"cell1-{nova.cell_uuid('cell1')[:8]}"
    assert {cell.name for cell in hostmap.cells.list()} >= {*names.values(), "cell1"}
    assert hostmap.check(require_sealed=True) == ()


def test_a_url_that_is_rotated_during_an_update_keeps_no_old_key(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The update found the URL to be equal, but its sealed text is another one now."""
    old, new = bytes(32), bytes(range(32))
    before = backend.connect(cipher=KeyRing({"old": old}, active="old"))
    uuid = before.cells.create("cell1", transport_url=URL).uuid
    ring = KeyRing({"old": old, "new": new}, active="new")
    hostmap, other = backend.connect(cipher=ring), backend.connect(cipher=ring)
    opened = ring.open

    def rotating(sealed: str, context: str) -> str:
        monkeypatch.setattr(ring, "open", opened)
        other.secrets.rotate()
        return opened(sealed, context)

    monkeypatch.setattr(ring, "open", rotating)
    hostmap.cells.update(uuid, transport_url=URL)
    after = backend.connect(cipher=KeyRing({"new": new}, active="new")).cells.get(uuid)
    assert after.transport_url
    assert after.transport_url.reveal() == URL


def test_a_cipher_that_is_down_is_reported_as_such(
    hostmap: HostMap, cipher: Writing, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostmap.cells.create("cell1", transport_url=URL)

    def down(*_: str) -> str:
        raise ConnectionRefusedError(URL)

    monkeypatch.setattr(cipher, "seal", down)
    for call in (hostmap.secrets.status, hostmap.secrets.seal, hostmap.secrets.rotate):
        with pytest.raises(SecretUnavailable) as caught:
            call()
        expected = "no URL can be sealed: the cipher raised ConnectionRefusedError in seal()"
        assert str(caught.value) == expected


def test_an_import_follows_references_before_the_lock(
    backend: Backend, cipher: Writing, nova: Nova
) -> None:
    import_mappings(backend.hostmap, nova.url)
    uuid = nova.cell_uuid("cell1")
    url = backend.hostmap.cells.get(uuid).transport_url
    assert url
    backend.hostmap.cells.update(uuid, transport_url="vault://cell1", disabled=True)

    def fetch(_: str) -> str:
        cipher.write("fetch")
        return url.reveal()

    hostmap = backend.connect(references=References(functions={"vault": fetch}))
    moved = import_mappings(hostmap, nova.url, on_conflict="move")
    assert {cell.name: cell.differs for cell in moved.cells}["cell1"] == ("disabled",)
    assert cipher.calls == ["fetch"]
