"""Names are compared exactly and stored unchanged."""

from __future__ import annotations

import unicodedata
from functools import partial
from itertools import product
from typing import TYPE_CHECKING

import pytest

from hostmap_sql import CellMappingNotFound, HostMappingNotFound, InvalidValue
from hostmap_sql.validation import valid_name

if TYPE_CHECKING:
    from hostmap_sql import HostMap
    from tests.conftest import Cells
    from tests.support.backends import Backend

E_ACUTE = "\N{LATIN SMALL LETTER E WITH ACUTE}"
WIDE_W = "\N{FULLWIDTH LATIN SMALL LETTER W}"
SHARP_S = "\N{LATIN SMALL LETTER SHARP S}"
DOTLESS_I = "\N{LATIN SMALL LETTER DOTLESS I}"

ALIKE = [
    *("web1", "WEB1", "Web1", f"w{E_ACUTE}b1", f"{WIDE_W}eb1", "web\N{SUPERSCRIPT ONE}"),
    *("strasse", f"stra{SHARP_S}e", f"stra{SHARP_S.upper()}e", "\N{LATIN CAPITAL LETTER SHARP S}"),
    *("i", "I", DOTLESS_I, "\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}"),
    *(f"caf{E_ACUTE}", unicodedata.normalize("NFD", f"caf{E_ACUTE}"), "cafe"),
    *("a b", "a  b", "a-b", "a_b", "ab"),
    *("1", "01", "1.0", "1e0", "+1", "0x1", "true", "True", "null", "NULL", "None"),
    *("\N{GREEK SMALL LETTER SIGMA}", "\N{GREEK SMALL LETTER FINAL SIGMA}"),
    *("\N{HIRAGANA LETTER KA}", "\N{KATAKANA LETTER KA}", "\N{HIRAGANA LETTER GA}"),
    *("\U0001f600", "\U0001f601", "\U0001f600\U0001f600", "\U0002070e"),
]
HOSTILE = [
    *("'", '"', "`", "\\", "\\'", "''", "\\\\", "\\n", "\\0", "%", "%%", "%s", "%(host)s", "?"),
    *(":host", "$1", "{}", "{host}", "{0.__class__}", ";", "--", "/*", "#", "\\x00", "\\u0000"),
    *("'; DROP TABLE host_mapping; --", "x' OR '1'='1", "\\'; DROP TABLE host_mapping; --"),
    *("a,b", '["a"]', "[1]", "null", "{\\N}", "\\N", "\\.", "a\\tb", "$$", "../../etc/passwd"),
]
LONGEST = ["x" * 255, E_ACUTE * 255, "\U0001f600" * 255, "'" * 255, "\\" * 255]
WRONG = [
    *("", " ", "a ", " a", "a\t", "\ta", "a\n", "a\r\n", "a\x00", "\x00", "a\x00b", "a\x7f"),
    *("a\u00a0", "a\u00a0b", "a\u2028b", "a\u200b", "a\ufeff", "a\u3000", "a\u202eb", "\ud800"),
    *("a\U000e0001", "\ue000", "x" * 256, "\U0001f600" * 256, " " * 255),
]


def names() -> list[str]:
    return list(dict.fromkeys(ALIKE + HOSTILE + LONGEST))


def test_similar_names_are_different_hosts(hostmap: HostMap, cells: Cells) -> None:
    cell_of = {name: cells[number % 3] for number, name in enumerate(names())}

    for name, cell in cell_of.items():
        assert hostmap.hosts.create(name, cell.uuid).host == name

    for name, cell in cell_of.items():
        found = hostmap.hosts.get(name)
        assert (found.host, found.cell) == (name, cell)
        [change] = hostmap.history.of_host(name)
        assert (change.host, change.new_cell_uuid) == (name, cell.uuid)
    assert [mapping.host for mapping in hostmap.hosts.list()] == sorted(cell_of)


def test_similar_names_are_different_hosts_in_bulk(hostmap: HostMap, cells: Cells) -> None:
    cell_of = {name: cells[number % 3].uuid for number, name in enumerate(names())}

    assert hostmap.hosts.create_many(cell_of.items()).created == len(cell_of)
    found = hostmap.hosts.get_many(cell_of)
    assert {host: mapping.cell_uuid for host, mapping in found.items()} == cell_of
    assert {change.host for change in hostmap.history.since(3)[0].hosts} == set(cell_of)

    half = names()[::2]
    assert hostmap.hosts.delete_many(half).deleted == len(half)
    assert set(hostmap.hosts.get_many(cell_of)) == set(cell_of) - set(half)


def test_a_move_or_deletion_leaves_similar_names_alone(hostmap: HostMap, cells: Cells) -> None:
    hostmap.hosts.create_many((name, cells.one.uuid) for name in ALIKE)

    hostmap.hosts.move("Web1", cells.two.uuid)
    hostmap.hosts.delete("WEB1")

    others = hostmap.hosts.get_many(set(ALIKE) - {"Web1", "WEB1"})
    assert {mapping.cell for mapping in others.values()} == {cells.one}
    assert len(others) == len(ALIKE) - 2
    assert hostmap.hosts.get("Web1").cell == cells.two


def test_a_similar_name_is_not_found(hostmap: HostMap, cells: Cells) -> None:
    hostmap.hosts.create("web1", cells.one.uuid)

    for name in ("WEB1", f"w{E_ACUTE}b1", f"{WIDE_W}eb1", "web", "web11", "web_", "web%", "%"):
        with pytest.raises(HostMappingNotFound) as caught:
            hostmap.hosts.get(name)
        assert caught.value.host == name


def test_names_are_stored_unchanged(backend: Backend, hostmap: HostMap, cells: Cells) -> None:
    hostmap.hosts.create_many((name, cells.one.uuid) for name in names())

    stored = backend.query("SELECT host FROM host_mapping ORDER BY host")
    recorded = backend.query("SELECT host FROM host_mapping_change ORDER BY host")

    assert [row[0] for row in stored] == [row[0] for row in recorded] == sorted(names())


def test_cell_names_are_compared_exactly(hostmap: HostMap) -> None:
    uuids = {name: hostmap.cells.create(name).uuid for name in names()}

    for name, uuid in uuids.items():
        assert hostmap.cells.get_by_name(name).uuid == uuid
    assert [cell.name for cell in hostmap.cells.list()] == sorted(uuids)
    with pytest.raises(CellMappingNotFound):
        hostmap.cells.get_by_name("wEB1")


URL = "rabbit://nova:s3cret@mq1:5672/"


def test_a_url_is_refused_as_a_new_name(hostmap: HostMap, cells: Cells) -> None:
    before = hostmap.revision()
    uuid = cells.one.uuid
    for url in (URL, f"x {URL}", f"{URL}{'x' * 300}", "://"):
        for write in (
            partial(hostmap.cells.create, url),
            partial(hostmap.cells.update, uuid, name=url),
            partial(hostmap.cells.update_many, {uuid: {"name": url}}),
            partial(hostmap.hosts.create, url, uuid),
            partial(hostmap.hosts.create_many, [("web1", uuid), (url, uuid)]),
        ):
            with pytest.raises(InvalidValue, match="holds ://, as a URL does: give the") as caught:
                write()
            assert "s3cret" not in repr(caught.value)
    assert hostmap.revision() == before


def test_a_url_that_is_a_name_already_can_be_read_and_removed(
    backend: Backend, hostmap: HostMap, cells: Cells
) -> None:
    hostmap.hosts.create_many([("web1", cells.one.uuid), ("web2", cells.one.uuid)])
    backend.query(f"UPDATE host_mapping SET host = '{URL}' WHERE host = 'web1'")
    backend.query(f"UPDATE cell_mapping SET name = '{URL}' WHERE uuid = '{cells.one.uuid}'")

    findings = hostmap.check()
    assert {"cell-invalid", "host-invalid"} < {finding.kind for finding in findings}
    assert "s3cret" not in " ".join(f"{finding} {finding.about}" for finding in findings)

    assert hostmap.hosts.get(URL).cell == hostmap.cells.get_by_name(URL)
    assert [*hostmap.hosts.get_many([URL])] == [URL]
    assert hostmap.cells.update(cells.one.uuid, disabled=True).name == URL
    assert hostmap.hosts.move(URL, cells.two.uuid).cell == cells.two
    assert hostmap.hosts.move_all(cells.two.uuid, cells.off.uuid).moved == 1
    assert hostmap.history.of_host(URL)[-1].new_cell_uuid == cells.off.uuid
    assert hostmap.hosts.delete(URL).new_cell_uuid is None
    assert hostmap.cells.update(cells.one.uuid, name="cell1").name == "cell1"


def test_authors_and_reasons_are_stored_unchanged(hostmap: HostMap) -> None:
    for number, note in enumerate(names()):
        with hostmap.transaction(author=note, reason=note) as tx:
            tx.cells.create(f"cell{number}")

    reported = [(change.author, change.reason) for change in hostmap.history.since(0)]
    assert reported == [(name, name) for name in names()]


@pytest.mark.parametrize("wrong", [*WRONG, None, 5, b"a", ["a"]], ids=ascii)
def test_an_invalid_name_is_refused_everywhere(hostmap: HostMap, cells: Cells, wrong: str) -> None:
    uuid = cells.one.uuid
    for ask, field in (
        (lambda: hostmap.hosts.create(wrong, uuid), "host"),
        (lambda: hostmap.hosts.get(wrong), "host"),
        (lambda: hostmap.hosts.get_many(["a", wrong]), "host"),
        (lambda: hostmap.hosts.move(wrong, uuid), "host"),
        (lambda: hostmap.hosts.delete(wrong), "host"),
        (lambda: hostmap.hosts.delete_many([wrong]), "host"),
        (lambda: hostmap.hosts.create_many([(wrong, uuid)]), "pair 1: host"),
        (lambda: hostmap.history.of_host(wrong), "host"),
        (lambda: hostmap.cells.create(wrong), "name"),
        (lambda: hostmap.cells.update(uuid, name=wrong), "name"),
        (lambda: hostmap.cells.get_by_name(wrong), "name"),
        (lambda: hostmap.cells.resolve(wrong), "name"),
    ):
        with pytest.raises(InvalidValue) as caught:
            ask()
        assert caught.type is InvalidValue
        assert caught.value.field == field
        assert str(caught.value).startswith(field)
    assert hostmap.revision() == 3


@pytest.mark.parametrize("wrong", [*WRONG, 5], ids=ascii)
def test_an_invalid_author_or_reason_is_refused(backend: Backend, wrong: str) -> None:
    hostmap = backend.hostmap
    for ask, field in (
        (lambda: backend.connect(author=wrong), "author"),
        (lambda: hostmap.with_author(author=wrong), "author"),
        (lambda: hostmap.with_author(reason=wrong), "reason"),
        (lambda: hostmap.transaction(author=wrong).__enter__(), "author"),
        (lambda: hostmap.run(lambda tx: tx.revision, reason=wrong), "reason"),
    ):
        with pytest.raises(InvalidValue) as caught:
            ask()
        assert caught.value.field == field


def test_a_cell_name_cannot_be_the_uuid_of_another_cell(hostmap: HostMap, cells: Cells) -> None:
    for name in (cells.one.uuid, cells.one.uuid.upper(), f"{{{cells.one.uuid}}}"):
        with pytest.raises(InvalidValue) as caught:
            hostmap.cells.create(name)
        assert caught.value.field == "name"
        with pytest.raises(InvalidValue):
            hostmap.cells.update(cells.two.uuid, name=name)
    assert hostmap.cells.update(cells.one.uuid, name=cells.one.uuid.upper()).revision == 4


def test_the_error_says_why_a_name_is_invalid() -> None:
    for wrong, said in (
        ("", "is empty"),
        ("x" * 256, "256 characters"),
        ("a ", "white space"),
        ("a\x00b", r"'\x00'"),
        (5, "not int"),
    ):
        with pytest.raises(InvalidValue, match=said.replace("\\", "\\\\")) as caught:
            valid_name(wrong, "host")
        assert len(str(caught.value)) < 100


def test_the_similar_names_are_all_different() -> None:
    assert len(set(names())) == len(names())
    assert all(valid_name(name, "host") == name for name in names())
    folded = [unicodedata.normalize("NFKC", name).casefold() for name in ALIKE]
    pairs = [(a, b) for a, b in product(folded, folded) if a == b]
    assert len(pairs) > len(folded), "some of them are the same to a database that folds"
