"""`nova.check`: comparing the directory with the cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hostmap_sql import CellMappingNotFound, HostMap
from hostmap_sql.nova import KINDS, CellAccess, check, discover, import_mappings

if TYPE_CHECKING:
    from hostmap_sql.nova import Disagreement
    from tests.support.nova import Nova

CLAIMED = "compute-003.rack3.example.org"
BOTH = ["cell1", "cell2"]


@pytest.fixture
def discovered(nova: Nova, hostmap: HostMap) -> HostMap:
    """A directory with all cells and hosts of Nova."""
    import_mappings(hostmap, nova.url)
    discover(hostmap, BOTH)
    return hostmap


def without_problems(found: tuple[Disagreement, ...]) -> list[tuple[str, str, str | None]]:
    """Return the findings without their sentences."""
    assert all(one.kind in KINDS and one.problem for one in found)
    return [(one.kind, one.cell.name, one.host) for one in found]


def deleted_host(nova: Nova) -> str:
    """Return the host of cell1 that has a mapping in Nova and no live compute node."""
    mapped = {
        row[0]
        for row in nova.api.query(
            "SELECT h.host FROM host_mappings h JOIN cell_mappings c ON c.id = h.cell_id"
            " WHERE c.name = 'cell1'"
        )
    }
    live = {row[0] for row in nova.cell1.query("SELECT host FROM compute_nodes WHERE deleted = 0")}
    [host] = mapped - live
    return str(host)


def test_it_finds_a_deleted_host_and_a_host_of_two_cells(nova: Nova, discovered: HostMap) -> None:
    assert without_problems(check(discovered)) == [
        ("mapping-without-node", "cell1", deleted_host(nova))
    ]
    assert without_problems(check(discovered, BOTH)) == [
        ("claimed-twice", "cell1", CLAIMED),
        ("mapping-without-node", "cell1", deleted_host(nova)),
        ("claimed-twice", "cell2", CLAIMED),
    ]
    assert without_problems(check(discovered, ["cell2"])) == [
        ("mapped-elsewhere", "cell2", CLAIMED)
    ]


def test_it_finds_hosts_that_are_not_mapped(nova: Nova, hostmap: HostMap) -> None:
    import_mappings(hostmap, nova.url)

    found = without_problems(check(hostmap))

    unmapped = [host for kind, _, host in found if kind == "node-without-mapping"]
    assert len(unmapped) == 15
    assert tuple(unmapped) == discover(hostmap).cells[0].created


def test_it_finds_nothing_when_all_agree(nova: Nova, discovered: HostMap) -> None:
    discovered.hosts.delete(deleted_host(nova))

    assert check(discovered) == ()


def test_it_finds_names_that_differ_by_case(nova: Nova, discovered: HostMap) -> None:
    discovered.hosts.create("kvm-upper", nova.cell_uuid("cell1"))

    found = without_problems(check(discovered, BOTH))

    assert ("differs-by-case", "cell2", "KVM-Upper") in found
    assert ("mapping-without-node", "cell1", "kvm-upper") in found


def test_it_finds_cells_that_share_a_url(nova: Nova, discovered: HostMap) -> None:
    one = discovered.cells.get(nova.cell_uuid("cell1"))
    discovered.cells.update(
        nova.cell_uuid("cell2"),
        transport_url=one.transport_url,
        database_connection=one.database_connection,
    )

    found = [one for one in check(discovered) if one.kind == "shared-url"]

    assert [(one.cell.name, one.host) for one in found] == [("cell2", None)] * 2
    assert "database_connection as cell 'cell1'" in found[0].problem
    assert "transport_url as cell 'cell1'" in found[1].problem


def test_it_finds_unreachable_cells(nova: Nova, discovered: HostMap) -> None:
    url = "mysql+pymysql://nova:s3cret@127.0.0.1:9/nova"
    discovered.cells.update(nova.cell_uuid("cell2"), database_connection=url)

    first, *rest = check(discovered, BOTH, access=CellAccess(timeout=3))

    assert (first.kind, first.cell.name, first.host) == ("unreachable-cell", "cell2", None)
    assert "s3cret" not in first.problem
    assert [one.cell.name for one in rest] == ["cell1"]


def test_it_finds_unusable_names(nova: Nova, discovered: HostMap) -> None:
    nova.cell1.query("UPDATE compute_nodes SET host = ' x' WHERE host = 'ironic-1' AND id % 2 = 0")

    assert ("unusable-name", "cell1", " x") in without_problems(check(discovered))


def test_an_unknown_cell_is_an_error(discovered: HostMap) -> None:
    with pytest.raises(CellMappingNotFound):
        check(discovered, ["cell9"])
