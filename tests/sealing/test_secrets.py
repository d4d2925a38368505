"""`hostmap.secrets`: sealing the URLs of all cells, and replacing keys."""

from __future__ import annotations

from threading import Event, Thread
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import pytest

from hostmap_sql import HostMap, InvalidValue, KeyRing, References, SecretUnavailable
from hostmap_sql.directory import secrets as secrets_module
from tests.support.pace import PATIENT
from tests.support.traces import traces

if TYPE_CHECKING:
    from tests.support.backends import Backend

A, B, C = bytes(range(32)), bytes(range(1, 33)), bytes(range(2, 34))
RING_A = KeyRing({"a": A}, active="a")
RING_AB = KeyRing({"a": A, "b": B}, active="b")
RING_B = KeyRing({"b": B}, active="b")


def url(canary: str, number: int) -> str:
    return f"rabbit://nova:{canary}@mq{number}:5672/"


@pytest.fixture
def uuids(backend: Backend, canary: str) -> list[str]:
    """Five cells with URLs in clear text: two URLs each, the last with a reference and none."""
    directory = backend.connect(references=References(env_prefix="CELL_"))
    with directory.transaction() as tx:
        for number in range(4):
            both: dict[str, Any] = {
                "transport_url": url(canary, number),
                "database_connection": f"mysql://{canary}/x",
            }
            tx.cells.create(f"cell{number}", **both)
        tx.cells.create("cell4", transport_url="env://CELL_MQ")
    uuids = [cell.uuid for cell in directory.cells.list()]
    directory.hosts.create_many([(f"compute-{n}", uuid) for n, uuid in enumerate(uuids)])
    directory.close()
    return uuids


def counts(hostmap: HostMap) -> dict[str | None, int]:
    return {use.key or use.kind: use.urls for use in hostmap.secrets.status()}


def test_seal_leaves_no_clear_text(backend: Backend, uuids: list[str], canary: str) -> None:
    assert canary in traces(backend)
    hostmap = backend.connect(cipher=RING_A)
    before = hostmap.revision()

    result = hostmap.with_author(author="me", reason="seal").secrets.seal()

    assert (len(result.cells), result.urls, result.unchanged, result.skipped) == (4, 8, 1, 0)
    assert result.revision == hostmap.revision() == before + 1
    assert counts(hostmap) == {"a": 8, "reference": 1, "clear": 0}
    # The server forgets the statements of a session some time after its end.
    deadline = monotonic() + PATIENT
    while canary in traces(backend):
        assert monotonic() < deadline
        sleep(0.05)
    [changeset] = hostmap.history.since(before)
    assert (changeset.author, changeset.reason) == ("me", "seal")
    assert {change.cell_uuid for change in changeset.cells} == {*uuids[:4]}
    for number, cell in enumerate(hostmap.cells.list()[:4]):
        assert cell.transport_url
        assert cell.transport_url.reveal() == url(canary, number)
    assert hostmap.check(require_sealed=True) == ()


@pytest.mark.one_database
def test_sealing_again_changes_nothing(backend: Backend, uuids: list[str]) -> None:
    hostmap = backend.connect(cipher=RING_A)
    hostmap.secrets.seal()
    revision = hostmap.revision()
    for result in (hostmap.secrets.seal(), hostmap.secrets.rotate()):
        assert (result.urls, result.unchanged, result.revision) == (0, 2 * len(uuids) - 1, None)
    assert hostmap.revision() == revision


@pytest.mark.one_database
@pytest.mark.usefixtures("uuids")
def test_a_dry_run_seals_nothing(backend: Backend) -> None:
    hostmap = backend.connect(cipher=RING_A)
    before = hostmap.revision()
    planned = hostmap.secrets.seal(dry_run=True)
    assert (planned.urls, planned.revision, hostmap.revision()) == (8, None, before)
    done = hostmap.secrets.seal()
    assert (done.cells, done.unchanged) == (planned.cells, planned.unchanged)


@pytest.mark.one_database
@pytest.mark.usefixtures("uuids")
def test_many_cells_are_sealed_in_parts(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets_module, "_CELLS_PER_CHANGESET", 3)
    hostmap = backend.connect(cipher=RING_A)
    before = hostmap.revision()
    assert hostmap.secrets.seal().revision == before + 2
    assert [len(one.cells) for one in hostmap.history.since(before)] == [3, 1]


@pytest.mark.one_database
@pytest.mark.usefixtures("uuids")
def test_a_cipher_is_required(backend: Backend) -> None:
    for call in (backend.hostmap.secrets.seal, backend.hostmap.secrets.rotate):
        with pytest.raises(InvalidValue, match="cipher is missing"):
            call()
    assert counts(backend.hostmap) == {"reference": 1, "clear": 8}


@pytest.mark.one_database
def test_unsealed_urls_are_findings(backend: Backend, uuids: list[str], canary: str) -> None:
    assert backend.hostmap.check() == ()
    found = backend.hostmap.check(require_sealed=True)
    assert [one.kind for one in found] == ["cell-unsealed"] * 8
    assert {one.cell_uuid for one in found} == {*uuids[:4]}
    assert canary not in str(found)
    limited = backend.hostmap.check(require_sealed=True, limit=3)
    assert len(limited) == 4
    assert "more than these 3" in limited[-1].problem


# --- rotating -------------------------------------------------------------------------------------


@pytest.fixture
def sealed(backend: Backend, uuids: list[str]) -> list[str]:
    """The same cells, sealed with key a."""
    backend.connect(cipher=RING_A).secrets.seal()
    return uuids


def test_rotate_replaces_the_key(backend: Backend, sealed: list[str], canary: str) -> None:
    hostmap = backend.connect(cipher=RING_AB)
    assert counts(hostmap) == {"a": 8, "b": 0, "reference": 1, "clear": 0}
    planned = hostmap.secrets.rotate(dry_run=True)
    assert counts(hostmap)["a"] == planned.urls == 8

    assert hostmap.secrets.rotate().cells == planned.cells
    assert counts(hostmap) == {"b": 8, "reference": 1, "clear": 0}
    assert hostmap.secrets.rotate().urls == 0
    found = backend.connect(cipher=RING_B).cells.get(sealed[0]).transport_url
    assert found
    assert found.reveal() == url(canary, 0)


@pytest.mark.one_database
@pytest.mark.usefixtures("sealed")
def test_a_lost_key_is_reported_before_anything_is_written(backend: Backend) -> None:
    mixed = backend.connect(cipher=RING_AB)
    mixed.cells.create("cell9", transport_url="rabbit://mq/")  # sealed with b
    hostmap = backend.connect(cipher=KeyRing({"b": B, "c": C}, active="c"))
    revision = hostmap.revision()
    for dry_run in (True, False):
        with pytest.raises(SecretUnavailable, match="7 more cannot be opened") as caught:
            hostmap.secrets.rotate(dry_run=dry_run)
        assert caught.value.key == "a"
    assert hostmap.revision() == revision
    unreadable = {use.key: use.unreadable for use in hostmap.secrets.status()}
    assert unreadable == {"a": 8, "b": 0, "c": 0, None: 0}
    assert {use.key: use.is_active for use in hostmap.secrets.status()}["c"]


@pytest.mark.one_database
def test_a_url_that_changes_during_the_call_is_left_alone(
    backend: Backend, sealed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hostmap, other = backend.connect(cipher=RING_AB), backend.connect(cipher=RING_AB)
    sealed_before = secrets_module.Secrets._sealed

    def changing(self: Any, cell: Any, names: Any) -> Any:
        urls = sealed_before(self, cell, names)
        if cell.uuid == sealed[0]:
            other.cells.update(sealed[0], transport_url="rabbit://changed/", name="renamed")
        if cell.uuid == sealed[1]:
            other.hosts.move("compute-1", sealed[0])
            other.cells.delete(sealed[1])
        return urls

    monkeypatch.setattr(secrets_module.Secrets, "_sealed", changing)
    result = hostmap.secrets.rotate()

    assert (result.urls, result.skipped) == (5, 3)
    cell = hostmap.cells.get(sealed[0])
    assert cell.name == "renamed"
    assert cell.transport_url
    assert cell.transport_url.reveal() == "rabbit://changed/"
    assert hostmap.check() == ()


def test_rotating_disturbs_no_reader(backend: Backend, sealed: list[str], canary: str) -> None:
    """Readers, one of them a replica, look up and open URLs while the keys are exchanged."""
    stop, failures, reads = Event(), [], [0, 0]

    def read(number: int, cell_of: Any) -> None:
        try:
            while not stop.is_set():
                for n in range(4):
                    found = cell_of(f"compute-{n}").transport_url.reveal()
                    assert found == url(canary, n)
                    reads[number] += 1
        except Exception as error:  # noqa: BLE001 - shown below
            failures.append(error)

    reader = backend.connect(cipher=RING_AB)
    with reader.replica().start(interval=0.01) as replica:
        ways = (lambda host: reader.hosts.get(host).cell, replica.cell_of)
        threads = [Thread(target=read, args=(n, way)) for n, way in enumerate(ways)]
        for thread in threads:
            thread.start()
        for ring in (RING_AB, KeyRing({"a": A, "b": B}, active="a"), RING_AB):
            seen = [*reads]
            assert backend.connect(cipher=ring).secrets.rotate().urls == 8
            while not failures and any(now <= old for now, old in zip(reads, seen, strict=True)):
                sleep(0.001)
        stop.set()
        for thread in threads:
            thread.join(PATIENT)
    assert failures == []
    assert len(sealed) == 5
