"""URLs are sealed on their way into the table, and opened by `reveal`."""

from __future__ import annotations

import asyncio
import pickle
import traceback
from contextlib import closing
from copy import copy, deepcopy
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from hostmap_sql import HostMap, InvalidValue, KeyRing, SecretUnavailable, SecretUrl, aio
from hostmap_sql.masking import MAX_URL_LENGTH
from hostmap_sql.sealed_text import MAX_SEALED_LENGTH
from tests.sealing.conftest import KEY, Reversing
from tests.support.traces import traces

if TYPE_CHECKING:
    from collections.abc import Callable

    from hostmap_sql import CellMapping
    from tests.support.backends import Backend

OTHER_RING = KeyRing({"other": bytes(32)}, active="other")


def queue(canary: str) -> str:
    return f"rabbit://nova:{canary}@mq1:5672/"


def database(canary: str) -> str:
    return f"mysql+pymysql://nova:{canary}@db1/nova?charset=utf8"


@pytest.fixture
def cell(hostmap: HostMap, canary: str) -> CellMapping:
    """A cell with two sealed URLs and one host."""
    cell = hostmap.cells.create(
        "cell1", transport_url=queue(canary), database_connection=database(canary)
    )
    hostmap.hosts.create("compute-1", cell.uuid)
    return cell


def closing_connection(backend: Backend) -> closing[Any]:
    return closing(backend.open_raw())


def stored(backend: Backend) -> list[tuple[Any, ...]]:
    return backend.query(
        "SELECT name, transport_url, database_connection FROM cell_mapping ORDER BY name"
    )


def revealed(cell: CellMapping) -> tuple[str, str]:
    assert cell.transport_url
    assert cell.database_connection
    return cell.transport_url.reveal(), cell.database_connection.reveal()


def test_written_urls_show_nowhere(
    backend: Backend, hostmap: HostMap, cell: CellMapping, canary: str
) -> None:
    # While the session that wrote it is open.
    assert canary not in traces(backend)
    [(_, transport_url, database_connection)] = stored(backend)
    assert transport_url.startswith(f"sealed://{KEY}/")
    assert database_connection.startswith(f"sealed://{KEY}/")
    assert revealed(hostmap.cells.get(cell.uuid)) == (queue(canary), database(canary))
    assert hostmap.check(require_sealed=True) == ()


def test_a_dump_of_clear_texts_shows_them(backend: Backend, canary: str) -> None:
    backend.hostmap.cells.create("cell1", transport_url=queue(canary))
    assert canary in traces(backend)


def test_every_way_to_a_cell_opens_its_urls(
    backend: Backend, hostmap: HostMap, cell: CellMapping, ring: KeyRing, canary: str
) -> None:
    pool = partial(closing_connection, backend)
    other = HostMap(pool, backend.dialect_name, cipher=ring)
    with hostmap.transaction() as tx:
        in_transaction = tx.cells.get(cell.uuid)
    found = [
        cell,
        in_transaction,
        hostmap.cells.get_by_name("cell1"),
        hostmap.cells.list()[0],
        hostmap.hosts.get("compute-1").cell,
        hostmap.hosts.get_many(["compute-1"])["compute-1"].cell,
        hostmap.hosts.list()[0].cell,
        next(hostmap.hosts.iterate()).cell,
        hostmap.with_author(author="me").cells.get(cell.uuid),
        hostmap.replica().cell_of("compute-1"),
        other.hosts.get("compute-1").cell,
        hostmap.cells.update(cell.uuid, disabled=True),
    ]
    for one in found:
        assert revealed(one) == (queue(canary), database(canary))
        assert str(one.transport_url) == f"sealed://{KEY}/***"
        assert repr(one.transport_url) == f"SecretUrl('sealed://{KEY}/***')"
        assert canary not in f"{one} {one!r} {one.transport_url!s:>40}"


def test_asyncio_seals_and_opens(backend: Backend, ring: KeyRing, canary: str) -> None:
    async def main() -> None:
        async with aio.connect(backend.url, cipher=ring) as hostmap:
            cell = await hostmap.cells.create("cell1", transport_url=queue(canary))
            await hostmap.hosts.create("compute-1", cell.uuid)
            url = (await hostmap.hosts.get("compute-1")).cell.transport_url
            assert url
            assert url.reveal() == queue(canary)
            assert (await hostmap.secrets.status())[0].urls == 1
            assert (await hostmap.secrets.seal()).urls == 0
            assert (await hostmap.secrets.rotate()).urls == 0

    asyncio.run(main())
    assert canary not in traces(backend)


# --- without the key ------------------------------------------------------------------------------


@pytest.mark.one_database
@pytest.mark.parametrize("cipher", [None, OTHER_RING], ids=["no cipher", "another key"])
def test_without_the_key_lookups_work_and_reveal_names_the_key(
    backend: Backend, cell: CellMapping, canary: str, cipher: KeyRing | None
) -> None:
    reader = backend.connect(cipher=cipher)
    found = reader.hosts.get("compute-1").cell
    assert found.name == "cell1"
    assert found == reader.cells.get(cell.uuid)
    assert hash(found) == hash(reader.cells.get(cell.uuid))
    assert found.transport_url != found.database_connection
    assert str(found.transport_url) == f"sealed://{KEY}/***"
    for field in ("transport_url", "database_connection"):
        with pytest.raises(SecretUnavailable) as caught:
            getattr(found, field).reveal()
        error = caught.value
        assert (error.key, error.field, error.cell_uuid) == (KEY, field, cell.uuid)
        assert repr(KEY) in str(error)
        assert_hidden(error, canary)


def assert_hidden(error: BaseException, canary: str) -> None:
    found = traceback.TracebackException.from_exception(error, capture_locals=True)
    ours = [frame for frame in found.stack if "/tests/" not in frame.filename]
    assert canary not in f"{error} {error!r} {[frame.locals for frame in ours]}"
    assert error.__cause__ is None
    assert error.__context__ is None


def test_without_a_cipher_no_clear_text_is_stored(
    backend: Backend, cell: CellMapping, canary: str
) -> None:
    before = stored(backend)
    writer = backend.hostmap
    for call in (
        lambda: writer.cells.update(cell.uuid, transport_url=queue(canary)),
        lambda: writer.cells.update_many({cell.uuid: {"database_connection": "mysql://x/y"}}),
        lambda: writer.cells.create("cell2", transport_url=queue(canary)),
    ):
        with pytest.raises(SecretUnavailable, match="connect with a cipher") as caught:
            call()
        assert_hidden(caught.value, canary)
    assert writer.cells.update(cell.uuid, name="cell9").name == "cell9"
    assert [row[1:] for row in stored(backend)] == [row[1:] for row in before]


@pytest.mark.one_database
def test_with_another_key_a_url_whose_key_is_lost_is_replaced(
    backend: Backend, cell: CellMapping, canary: str
) -> None:
    writer = backend.connect(cipher=OTHER_RING)
    updated = writer.cells.update(cell.uuid, transport_url=queue(canary))
    assert updated.transport_url
    assert updated.transport_url.reveal() == queue(canary)
    with pytest.raises(SecretUnavailable):
        updated.database_connection.reveal()  # type: ignore[union-attr]


# --- comparing ------------------------------------------------------------------------------------


@pytest.mark.one_database
def test_writing_the_same_urls_changes_nothing(
    backend: Backend, hostmap: HostMap, cell: CellMapping, canary: str
) -> None:
    before, revision = stored(backend), hostmap.revision()
    for url in (queue(canary), SecretUrl(queue(canary)), cell.transport_url):
        assert hostmap.cells.update(cell.uuid, transport_url=url) == cell
        assert hostmap.cells.update_many({cell.uuid: {"transport_url": url}}) == []
    assert (stored(backend), hostmap.revision()) == (before, revision)


@pytest.mark.one_database
def test_urls_are_equal_by_their_clear_text(
    hostmap: HostMap, cell: CellMapping, canary: str
) -> None:
    other = hostmap.cells.create("cell2", transport_url=cell.transport_url)
    assert other.transport_url == cell.transport_url == SecretUrl(queue(canary))
    assert SecretUrl(queue(canary)) == cell.transport_url
    assert hash(other.transport_url) == hash(cell.transport_url) == hash(SecretUrl(queue(canary)))
    assert cell.transport_url != cell.database_connection
    assert cell.transport_url != queue(canary)


@pytest.mark.one_database
def test_copies_open_and_pickles_hold_no_secret(cell: CellMapping, canary: str) -> None:
    for twin in (copy(cell), deepcopy(cell)):
        assert twin == cell
        assert revealed(twin) == (queue(canary), database(canary))
    data = pickle.dumps(cell.transport_url)
    assert canary.encode() not in data
    with pytest.raises(SecretUnavailable):
        pickle.loads(data).reveal()  # noqa: S301


# --- what an attacker with write access can do ----------------------------------------------------


@pytest.mark.one_database
def test_a_sealed_url_opens_in_its_own_cell_and_column_only(
    backend: Backend, hostmap: HostMap, cell: CellMapping, canary: str
) -> None:
    other = hostmap.cells.create("cell2", transport_url="rabbit://nova:x@mq2/")
    [(_, transport_url, _), _] = stored(backend)
    for column, uuid in (("transport_url", other.uuid), ("database_connection", cell.uuid)):
        backend.execute(
            f"UPDATE cell_mapping SET {column} = '{transport_url}' WHERE uuid = '{uuid}'"
        )
        with pytest.raises(SecretUnavailable, match="altered, or copied from another") as caught:
            getattr(hostmap.cells.get(uuid), column).reveal()
        assert_hidden(caught.value, canary)


MALFORMED = [
    "sealed://",
    "sealed://k",
    "sealed://k/",
    "sealed:///x",
    "SEALED://k/x",
    "sealed://k/ä",
]


def test_malformed_sealed_urls_are_told_from_clear_text(backend: Backend, ring: KeyRing) -> None:
    hostmap = backend.hostmap
    good = hostmap.cells.create("cell0", transport_url="rabbit://mq/").uuid
    uuids = [hostmap.cells.create(f"cell{n}").uuid for n in range(1, 1 + len(MALFORMED))]
    backend.execute(
        *(
            f"UPDATE cell_mapping SET transport_url = '{text}' WHERE uuid = '{uuid}'"
            for uuid, text in zip(uuids, MALFORMED, strict=True)
        )
    )
    sealing = backend.connect(cipher=ring)

    found = sealing.check(require_sealed=True)
    assert {(one.kind, one.cell_uuid) for one in found} == {
        ("cell-unsealed", good),
        *(("cell-invalid", uuid) for uuid in uuids),
    }
    result = sealing.secrets.seal()
    assert ([cell.uuid for cell in result.cells], result.unchanged) == ([good], len(uuids))
    statuses = {use.kind: (use.urls, use.unreadable) for use in sealing.secrets.status()}
    assert statuses["malformed"] == (len(uuids), len(uuids))
    assert statuses["clear"] == (0, 0)
    with pytest.raises(SecretUnavailable, match=f"KEY/DATA.*{len(uuids) - 1} more"):
        sealing.secrets.rotate()
    for uuid in uuids:
        url = sealing.cells.get(uuid).transport_url
        assert url
        with pytest.raises(SecretUnavailable, match="is not of the form sealed://KEY/DATA"):
            url.reveal()
    sealing.cells.update_many({uuid: {"transport_url": "rabbit://mq/"} for uuid in uuids})
    assert sealing.check(require_sealed=True) == ()


@pytest.mark.one_database
@pytest.mark.parametrize("cipher", [None, OTHER_RING], ids=["no cipher", "a cipher"])
def test_a_text_that_is_sealed_already_is_refused(
    backend: Backend, hostmap: HostMap, cell: CellMapping, cipher: KeyRing | None
) -> None:
    [(_, transport_url, _)] = stored(backend)
    writer = backend.connect(cipher=cipher)
    for text in (transport_url, "SEALED://k/x", "Sealed://rabbit:5672", SecretUrl("sealed://k/x")):
        with pytest.raises(InvalidValue, match="sealed already"):
            writer.cells.create("cell2", transport_url=text)
        with pytest.raises(InvalidValue, match="sealed already"):
            hostmap.cells.update(cell.uuid, transport_url=text)


# --- sizes ----------------------------------------------------------------------------------------


def test_the_longest_urls_are_sealed(backend: Backend, hostmap: HostMap) -> None:
    longest = "rabbit://nova:" + "p" * (MAX_URL_LENGTH - 24) + "@mq1:5672/"
    assert len(longest) == MAX_URL_LENGTH
    cell = hostmap.cells.create("cell1", transport_url=longest)
    found = hostmap.cells.get(cell.uuid).transport_url
    assert found
    assert found.reveal() == longest
    assert len(stored(backend)[0][1]) < MAX_SEALED_LENGTH
    wide = "rabbit://nova:" + "\N{GRINNING FACE}" * (MAX_URL_LENGTH - 24) + "@mq1:5672/"
    with pytest.raises(InvalidValue, match="too long to be sealed"):
        hostmap.cells.update(cell.uuid, transport_url=wide)
    assert hostmap.check() == ()


# --- other ciphers --------------------------------------------------------------------------------


@pytest.mark.one_database
def test_any_object_that_seals_and_opens_is_a_cipher(backend: Backend, canary: str) -> None:
    hostmap = backend.connect(cipher=Reversing())
    cell = hostmap.cells.create("cell1", transport_url=queue(canary))
    assert cell.transport_url
    assert hostmap.cells.get(cell.uuid).transport_url == SecretUrl(queue(canary))
    assert str(cell.transport_url) == "sealed://kms-key/***"
    assert canary not in traces(backend)


class Failing(Reversing):
    """A cipher whose service is away, with an error that quotes the clear text."""

    def __init__(self, **results: Any) -> None:
        self.results = results

    def _result(self, name: str, text: str) -> str:
        result = self.results[name]
        if isinstance(result, type):
            raise result(f"cannot handle {text}")
        return result(text)  # type: ignore[no-any-return]

    def seal(self, text: str, context: str) -> str:
        return self._result("seal", text) if "seal" in self.results else super().seal(text, context)

    def open(self, sealed: str, context: str) -> str:
        opened = super().open(sealed, context)
        return self._result("open", opened) if "open" in self.results else opened


OUTCOMES: dict[str, Callable[[str], object] | type[Exception]] = {
    "timeout": TimeoutError,
    "lookup": KeyError,
    "value": ValueError,
    "any": RuntimeError,
    "bytes": str.encode,
    "none": lambda _: None,
    "unchanged": lambda text: text,
    "no key": lambda text: f"/{text}",
}


@pytest.mark.one_database
@pytest.mark.parametrize("name", OUTCOMES)
def test_a_cipher_that_cannot_seal_writes_nothing(backend: Backend, canary: str, name: str) -> None:
    hostmap = backend.connect(cipher=Failing(seal=OUTCOMES[name]))
    with pytest.raises(SecretUnavailable, match="transport_url of cell") as caught:
        hostmap.cells.create("cell1", transport_url=SecretUrl(queue(canary)))
    assert_hidden(caught.value, canary)
    assert hostmap.cells.list() == []


@pytest.mark.one_database
@pytest.mark.parametrize("name", ["timeout", "lookup", "value", "any", "bytes", "none"])
def test_a_cipher_that_cannot_open_raises_one_error(
    backend: Backend, canary: str, name: str
) -> None:
    hostmap = backend.connect(cipher=Failing(open=OUTCOMES[name]))
    url = hostmap.cells.create("cell1", transport_url=queue(canary)).transport_url
    assert url
    with pytest.raises(SecretUnavailable, match="kms-key") as caught:
        url.reveal()
    assert_hidden(caught.value, canary)


@pytest.mark.one_database
@pytest.mark.parametrize("cipher", ["hostmap.keys", b"key", object(), KeyRing])
def test_other_objects_than_ciphers_are_refused(backend: Backend, cipher: Any) -> None:
    if cipher is KeyRing:
        cipher = {"2026-11": bytes(32)}
    with pytest.raises(InvalidValue, match="cipher must be a KeyRing"):
        backend.connect(cipher=cipher)
