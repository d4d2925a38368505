"""Lists of hosts: order, pages, prefixes, cells, and paging under concurrent writes."""

from __future__ import annotations

from enum import IntEnum
from string import printable
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostmap_sql import CELL0_UUID, InvalidValue, sql
from hostmap_sql.directory.pagination import prefix_lower_bound, prefix_upper_bound
from hostmap_sql.engine.database import Database

if TYPE_CHECKING:
    from hostmap_sql import HostMap
    from hostmap_sql.sql.statement import Statement
    from tests.conftest import Cells

E_ACUTE = "\N{LATIN SMALL LETTER E WITH ACUTE}"
WIDE_A = "\N{FULLWIDTH LATIN SMALL LETTER A}"
NAMES = [
    *("A", "B", "Z", "a", "a b", "a!", "a%", "a%b", "a-", "a-1", "a-10", "a-2", "a.b", "a\\", "a_"),
    *(
        "a_b",
        "ab",
        "b",
        "rack",
        "rack 9",
        "rack!",
        "rack-9",
        "z",
        "\N{LATIN SMALL LETTER E WITH ACUTE}",
    ),
    *(WIDE_A, "\uffee", "\U0001f600", "\U0001f600x", "\U0001f601"),
]
PREFIXES = ["", "a", "A", "a-1", "a%", "a_", "a\\", "a\\%", "%", "_", "rack", "rack ", "no", WIDE_A]
PREFIXES += [E_ACUTE, "\U0001f600", "\uf900", "a" * 255]


@pytest.fixture
def names(hostmap: HostMap, cells: Cells) -> list[str]:
    """Map many names, alternately to the first and the second cell."""
    names = sorted(name for name in NAMES if name.isprintable())
    hostmap.hosts.create_many(
        (name, (cells.one, cells.two)[number % 2].uuid) for number, name in enumerate(names)
    )
    return names


def listed(hostmap: HostMap, **arguments: object) -> list[str]:
    return [mapping.host for mapping in hostmap.hosts.list(**arguments)]  # type: ignore[arg-type]


def test_hosts_are_in_the_order_of_their_code_points(hostmap: HostMap, names: list[str]) -> None:
    assert listed(hostmap) == names
    assert [mapping.host for mapping in hostmap.hosts.iterate()] == names


def test_list_and_get_return_equal_mappings(hostmap: HostMap, names: list[str]) -> None:
    assert hostmap.hosts.list() == [hostmap.hosts.get(name) for name in names]


def test_prefixes_are_compared_exactly(hostmap: HostMap, names: list[str]) -> None:
    for prefix in PREFIXES:
        expected = [name for name in names if name.startswith(prefix)]
        assert listed(hostmap, prefix=prefix) == expected, repr(prefix)
        assert [m.host for m in hostmap.hosts.iterate(prefix=prefix)] == expected


def test_all_filters_together(hostmap: HostMap, cells: Cells, names: list[str]) -> None:
    of_one = names[::2]
    for prefix in PREFIXES:
        for after in ("A", "a-1", "a_", "no such host", "\U0001f600"):
            expected = [n for n in of_one if n.startswith(prefix) and n > after][:2]
            arguments = {"cell_uuid": cells.one.uuid, "prefix": prefix, "after": after, "limit": 2}
            assert listed(hostmap, **arguments) == expected, (prefix, after)


def test_empty_and_unknown_cells_have_no_hosts(
    hostmap: HostMap, cells: Cells, names: list[str]
) -> None:
    assert names
    for uuid in (cells.off.uuid, CELL0_UUID, "99999999-9999-4999-8999-999999999999"):
        assert listed(hostmap, cell_uuid=uuid) == []
        assert list(hostmap.hosts.iterate(cell_uuid=uuid)) == []


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_pages_add_up_to_the_whole_list(size: int, hostmap: HostMap, names: list[str]) -> None:
    found = listed(hostmap, limit=size)
    while page := listed(hostmap, after=found[-1], limit=size):
        assert len(page) <= size
        found += page

    assert found == names


class Sizes(IntEnum):
    SMALL = 2


def test_a_limit_can_be_an_int_enum(hostmap: HostMap, names: list[str]) -> None:
    assert listed(hostmap, limit=Sizes.SMALL) == sorted(names)[:2]


def test_a_limit_of_zero_returns_nothing(hostmap: HostMap, names: list[str]) -> None:
    assert names
    assert listed(hostmap, limit=0) == []


def test_paging_returns_unchanged_hosts_once_under_concurrent_writes(
    hostmap: HostMap, cells: Cells
) -> None:
    stay = [f"m-{n:03}" for n in range(0, 100, 2)]
    go = [f"m-{n:03}" for n in range(1, 100, 2)]
    hostmap.hosts.create_many((name, cells.one.uuid) for name in stay + go)

    found: list[str] = []
    while page := hostmap.hosts.list(after=found[-1] if found else None, limit=7):
        found += [mapping.host for mapping in page]
        hostmap.hosts.delete_many(go[:7])  # before, at and after the position of the reader
        del go[:7]
        hostmap.hosts.create_many(
            (f"{found[0][0]}-{number}-new", cells.two.uuid) for number in (0, len(found), 99)
        )
        hostmap.hosts.move_all(cells.one.uuid, cells.two.uuid)

    assert [name for name in found if name in stay] == stay
    assert found == sorted(set(found))


def test_iterating_reads_pages_of_a_thousand(hostmap: HostMap, cells: Cells) -> None:
    names = [f"c-{n:04}" for n in range(2_000)]
    hostmap.hosts.create_many((name, cells.one.uuid) for name in names)

    mappings = hostmap.hosts.iterate(prefix="c-")
    first = next(mappings)
    hostmap.hosts.delete_many(names[1500:1600])
    hostmap.hosts.create("c-zzz", cells.two.uuid)

    assert [first.host, *(m.host for m in mappings)] == names[:1500] + names[1600:] + ["c-zzz"]


def test_invalid_arguments_of_list_are_named(hostmap: HostMap) -> None:
    for arguments, field in (
        ({"limit": -1}, "limit"),
        ({"limit": 1.5}, "limit"),
        ({"limit": True}, "limit"),
        ({"limit": 1 << 63}, "limit"),
        ({"after": ""}, "host"),
        ({"after": "a "}, "host"),
        ({"cell_uuid": "cell1"}, "cell_uuid"),
        ({"cell_uuid": 5}, "cell_uuid"),
        ({"prefix": " a"}, "prefix"),
        ({"prefix": "a\x00"}, "prefix"),
        ({"prefix": "a" * 256}, "prefix"),
        ({"prefix": 5}, "prefix"),
    ):
        with pytest.raises(InvalidValue) as caught:
            listed(hostmap, **arguments)
        assert caught.value.field == field


# --- the bounds of prefixes, without a database ---------------------------------------------------

printable_text = st.text(
    st.sampled_from(printable) | st.characters(exclude_categories=["Cs"]), max_size=4
).filter(str.isprintable)
host_names = printable_text.filter(lambda text: bool(text) and text == text.strip())
prefixes = printable_text.filter(lambda text: not text.startswith(" "))


@given(prefixes, host_names, printable_text)
def test_exactly_the_names_with_a_prefix_lie_between_its_bounds(
    prefix: str, name: str, more: str
) -> None:
    for candidate in (name, (prefix + name + more).strip(), (prefix + more).strip() or name):
        is_between = prefix_lower_bound(prefix) < candidate < prefix_upper_bound(prefix)
        assert is_between is candidate.startswith(prefix), (prefix, candidate)


@given(prefixes)
def test_the_bounds_are_valid_text_for_databases(prefix: str) -> None:
    for bound in (prefix_lower_bound(prefix), prefix_upper_bound(prefix)):
        bound.encode("utf-8")
        assert "\x00" not in bound
        assert len(bound) <= len(prefix) + 1


def test_a_cell_deleted_between_the_statements_of_a_page(
    hostmap: HostMap, cells: Cells, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostmap.hosts.create("a", cells.one.uuid)
    hostmap.hosts.create("b", cells.two.uuid)
    read = Database.all

    def interrupted(self: Database, statement: Statement, *arguments: Any) -> object:
        rows = read(self, statement, *arguments)
        if statement is sql.HOST_PAGE:
            hostmap.hosts.move("b", cells.one.uuid)
            hostmap.cells.delete(cells.two.uuid)
        return rows

    monkeypatch.setattr(Database, "all", interrupted)

    listed = [(mapping.host, mapping.cell_uuid) for mapping in hostmap.hosts.iterate()]

    assert listed == [("a", cells.one.uuid), ("b", cells.one.uuid)]
