"""`nova.discover`: mapping the hosts of the cells."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from hostmap_sql import CellMappingNotFound, Conflict, HostMap, InvalidValue
from hostmap_sql.directory.hosts import Hosts
from hostmap_sql.nova import CellAccess, discover, import_mappings
from tests.support.nova import nova_url

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.support.backends.base import Backend
    from tests.support.nova import Nova

CLAIMED = "compute-003.rack3.example.org"
BOTH = ["cell1", "cell2"]
FAST = CellAccess(timeout=5)


@pytest.fixture
def imported(nova: Nova, hostmap: HostMap) -> HostMap:
    """A directory with all cells and hosts of Nova's API database."""
    import_mappings(hostmap, nova.url)
    return hostmap


def unmarked(cell: Backend) -> int:
    """Count the live compute nodes of a cell that are not marked as mapped."""
    condition = "deleted = 0 AND COALESCE(mapped, 0) = 0"
    return int(cell.query(f"SELECT COUNT(*) FROM compute_nodes WHERE {condition}")[0][0])


def test_hosts_of_enabled_cells_are_mapped(nova: Nova, imported: HostMap) -> None:
    found = discover(imported)

    assert [one.cell.name for one in found.cells] == ["cell1"]
    [cell1] = found.cells
    assert len(cell1.created) == 15
    assert cell1.conflicts == ()
    assert cell1.unusable == ()
    assert (cell1.error, cell1.marked) == (None, 0)
    assert cell1.unchanged + len(cell1.created) == cell1.live
    for host in cell1.created:
        assert imported.hosts.get(host).cell_uuid == nova.cell_uuid("cell1")
    [changeset] = imported.history.since(2)
    assert {change.host for change in changeset.hosts} == {*cell1.created}


def test_a_host_that_another_cell_has_is_a_conflict(nova: Nova, imported: HostMap) -> None:
    found = discover(imported, BOTH)

    assert [len(one.created) for one in found.cells] == [15, 1]
    assert found.conflicts == (Conflict(CLAIMED, nova.cell_uuid("cell2"), nova.cell_uuid("cell1")),)
    assert imported.hosts.get(CLAIMED).cell_uuid == nova.cell_uuid("cell1")
    assert imported.hosts.get("KVM-Upper").cell_uuid == nova.cell_uuid("cell2")


def test_a_second_discovery_changes_nothing(imported: HostMap) -> None:
    discover(imported, BOTH)
    revision = imported.revision()

    again = discover(imported, BOTH)

    assert [one.created for one in again.cells] == [(), ()]
    assert len(again.conflicts) == 1
    assert imported.revision() == revision


def test_by_service_finds_hosts_without_compute_nodes(imported: HostMap) -> None:
    by_node = discover(imported, BOTH)
    assert "service-only-1" not in by_node.cells[0].created

    by_service = discover(imported, BOTH, by_service=True)

    assert by_service.cells[0].created == ("service-only-1",)


def test_a_dry_run_returns_the_same_result_and_writes_nothing(
    nova: Nova, imported: HostMap
) -> None:
    revision, before = imported.revision(), unmarked(nova.cell1)

    planned = discover(imported, BOTH, dry_run=True, mark=True, force=True)

    assert imported.revision() == revision
    assert unmarked(nova.cell1) == before
    done = discover(imported, BOTH, mark=True, force=True)
    assert planned == done


def test_a_host_of_two_cells_is_mapped_to_the_first(imported: HostMap) -> None:
    imported.hosts.delete(CLAIMED)

    planned = discover(imported, BOTH, dry_run=True)
    found = discover(imported, BOTH)

    assert found == planned
    assert CLAIMED in found.cells[0].created
    assert [conflict.host for conflict in found.conflicts] == [CLAIMED]


def test_mark_marks_all_nodes_of_hosts_mapped_to_their_cell(nova: Nova, imported: HostMap) -> None:
    nova.cell1.query("UPDATE compute_nodes SET mapped = 0 WHERE host = 'ironic-1' AND id % 2 = 0")
    nova.cell1.query(
        "UPDATE compute_nodes SET mapped = NULL WHERE host = 'ironic-1' AND id % 2 = 1"
    )
    before = unmarked(nova.cell1)
    assert before > 12

    found = discover(imported, BOTH, mark=True, force=True)

    assert found.cells[0].marked == before
    assert unmarked(nova.cell1) == 0
    conflicting = "SELECT mapped FROM compute_nodes WHERE host = '" + CLAIMED + "'"
    assert nova.cell2.query(conflicting) == [(0,)]
    assert [one.marked for one in discover(imported, BOTH, mark=True, force=True).cells] == [0, 0]


def test_mark_skips_hosts_that_novas_own_table_lacks(nova: Nova, imported: HostMap) -> None:
    """Nova never maps a host whose nodes are marked."""
    nova.api.query("UPDATE host_mappings SET cell_id = 3 WHERE host = 'ironic-1'")
    nova.cell1.query("UPDATE compute_nodes SET mapped = 0 WHERE host = 'ironic-1'")

    with pytest.raises(InvalidValue, match="strands hosts"):
        discover(imported, BOTH, mark=True)
    assert imported.revision() == 2
    planned = discover(imported, BOTH, mark=True, nova_api=nova.url, dry_run=True)
    found = discover(imported, BOTH, mark=True, nova_api=nova.url)

    assert [one.unmarked for one in planned.cells] == [one.unmarked for one in found.cells]
    cell1, cell2 = found.cells
    assert {*cell1.unmarked} == {*cell1.created, "ironic-1"}
    assert {*cell2.unmarked} == {*cell2.created}
    nova.api.query("UPDATE host_mappings SET cell_id = 2 WHERE host = 'ironic-1'")
    again = discover(imported, BOTH, mark=True, nova_api=nova.url)
    assert again.cells[0].marked == 12
    assert again.cells[0].unmarked == tuple(sorted(cell1.created))
    # Only hosts that Nova has not mapped yet, and in cell2 the host in conflict.
    assert unmarked(nova.cell1) == len(cell1.created)
    assert unmarked(nova.cell2) == len(cell2.created) + 1
    with pytest.raises(InvalidValue, match="not the right Nova database"):
        discover(imported, BOTH, mark=True, nova_api=nova_url(nova.cell1))


def test_mark_ignores_the_case_of_uuids(nova: Nova, imported: HostMap) -> None:
    nova.cell1.query("UPDATE compute_nodes SET mapped = 0 WHERE host = 'ironic-1'")
    nova.api.query("UPDATE cell_mappings SET uuid = UPPER(uuid)")

    [found] = discover(imported, ["cell1"], mark=True, nova_api=nova.url).cells

    assert found.marked
    assert found.unmarked == found.created


def test_mark_skips_a_host_deleted_during_the_discovery(
    nova: Nova, imported: HostMap, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_many, before = Hosts.create_many, unmarked(nova.cell2)
    [new] = discover(imported, ["cell2"], dry_run=True).cells[0].created

    def create_and_delete(hosts: Hosts, pairs: Iterable[tuple[str, str]]) -> Any:
        imported.hosts.create(new, nova.cell_uuid("cell2"))
        result = create_many(hosts, pairs)
        imported.hosts.delete(new)
        return result

    monkeypatch.setattr(Hosts, "create_many", create_and_delete)
    found = discover(imported, ["cell2"], mark=True, force=True).cells[0]

    assert (found.created, found.marked) == ((), 0)
    assert found.unchanged == found.live - len(found.conflicts) - 1
    assert unmarked(nova.cell2) == before > 0


def test_an_unreadable_cell_is_reported_and_stops_no_other(nova: Nova, imported: HostMap) -> None:
    uuid = nova.cell_uuid("cell2")
    for url, problem in [
        (None, "is not set"),
        ("mysql+pymysql://nova:s3cret@127.0.0.1:9/nova", "127.0.0.1"),
        ("{scheme}://{username}:{password}@{hostname}/nova", "--template-url"),
        ("postgresql://nova:s3cret@127.0.0.1/nova?no_such_option=s3cret", "no_such_option"),
        (nova.url, "not the right Nova database"),
    ]:
        imported.cells.update(uuid, database_connection=url)

        found = discover(imported, BOTH, access=FAST)

        assert [one.cell.name for one in found.unreachable] == ["cell2"]
        error = found.unreachable[0].error
        assert error
        assert problem in error
        assert "s3cret" not in error


def test_a_cell_that_never_answers_times_out(imported: HostMap, nova: Nova) -> None:
    import socket  # noqa: PLC0415
    from time import monotonic  # noqa: PLC0415

    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        scheme = imported.cells.get_by_name("cell1").database_connection
        assert scheme
        prefix = scheme.reveal().partition("://")[0]
        url = f"{prefix}://nova:s3cret@127.0.0.1:{port}/nova"
        imported.cells.update(nova.cell_uuid("cell2"), database_connection=url)
        started = monotonic()

        found = discover(imported, BOTH, access=CellAccess(timeout=2, parallel=1))

    assert monotonic() - started < 6
    assert [one.cell.name for one in found.unreachable] == ["cell2"]
    assert len(found.cells[0].created) == 15


def test_options_are_added_to_the_urls_of_all_cells(imported: HostMap) -> None:
    found = discover(imported, BOTH, access=CellAccess("no_such_option=1"))

    assert len(found.unreachable) == 2
    for one in found.cells:
        assert one.error
        assert "no_such_option" in one.error
    assert not discover(imported, BOTH, access=CellAccess("connect_timeout=9")).unreachable
    for wrong in ("sslmode", "=", "a=1&", "", "a=1&&b=2"):
        with pytest.raises(InvalidValue, match="option=value"):
            CellAccess(wrong)


def test_a_template_is_filled(nova: Nova, imported: HostMap) -> None:
    base = nova.url
    name = nova.cell1.url.rpartition("/")[2]
    template = f"{{scheme}}://{{username}}:{{password}}@{{hostname}}:{{port}}/{name}"
    imported.cells.update(nova.cell_uuid("cell1"), database_connection=template)

    found = discover(imported, ["cell1"], access=replace(FAST, template_url=base))

    assert len(found.cells[0].created) == 15


def test_unusable_names_are_reported(nova: Nova, imported: HostMap) -> None:
    nova.cell1.query("UPDATE compute_nodes SET host = '' WHERE host = 'ironic-1' AND id % 2 = 0")

    found = discover(imported, BOTH)

    assert found.cells[0].unusable == ("is empty",)
    assert len(found.cells[0].created) == 15


def test_nothing_is_mapped_to_cell0(imported: HostMap) -> None:
    cell0 = imported.cells.get_by_name("cell0")
    url = imported.cells.get_by_name("cell2").database_connection
    imported.cells.update(cell0.uuid, database_connection=url)
    revision = imported.revision()

    found = discover(imported, ["cell0"], mark=True, force=True)

    assert (found.cells[0].created, found.cells[0].marked) == ((), 0)
    assert len(found.cells[0].unusable) == found.cells[0].live > 0
    assert imported.revision() == revision


def test_trusted_hosts_cannot_be_a_string() -> None:
    with pytest.raises(ValueError, match=r"^trusted_hosts must be many names"):
        CellAccess(trusted_hosts="db.example.org.backup")  # type: ignore[arg-type]


@pytest.mark.parametrize("timeout", [0, -1, "10", None, math.inf])
def test_an_unusable_timeout_is_refused(timeout: Any) -> None:
    with pytest.raises(ValueError, match=r"^timeout must be a number of seconds from above 0"):
        CellAccess(timeout=timeout)


def test_an_unknown_cell_is_an_error(imported: HostMap) -> None:
    with pytest.raises(CellMappingNotFound):
        discover(imported, ["cell1", "cell9"])


def test_concurrent_discoveries_agree(nova: Nova, imported: HostMap) -> None:
    nodes = unmarked(nova.cell1)
    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(lambda _: discover(imported, BOTH, mark=True, force=True), range(4)))

    assert sum(len(run.cells[0].created) for run in runs) == 15
    assert sum(len(run.cells[1].created) for run in runs) == 1
    assert sum(run.cells[0].marked for run in runs) == nodes
    assert {run.conflicts for run in runs} == {runs[0].conflicts}
    assert [run.unreachable for run in runs] == [()] * 4


def test_names_that_differ_by_case_are_two_hosts(nova: Nova, imported: HostMap) -> None:
    nova.cell2.query("UPDATE compute_nodes SET host = 'kvm-upper' WHERE host = 'KVM-Upper'")

    found = discover(imported, ["cell2"])

    assert "kvm-upper" in found.cells[0].created
    assert len(imported.hosts.get_many(["kvm-upper", "KVM-Upper"])) == 2


def test_progress_counts_items(imported: HostMap) -> None:
    counts: list[tuple[int, int | None]] = []

    discover(imported, BOTH, progress=lambda done, total: counts.append((done, total)))

    assert counts == [(1, 2), (2, 2)]
