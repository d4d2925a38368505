"""`nova.export_mappings`: writing the directory into Nova's API database."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Literal

import pytest

from hostmap_sql import CELL0_UUID, DatabaseUnavailable, HostMap, InvalidValue
from hostmap_sql.nova import (
    ExportedCell,
    ExportedHost,
    ExportRefusal,
    discover,
    export_comparison,
    export_mappings,
    import_mappings,
)
from tests.support.nova import nova_url

if TYPE_CHECKING:
    from tests.support.nova import Nova

FIRST = "compute-000.rack0.example.org"
SECOND = "compute-001.rack1.example.org"
URLS: dict[str, Any] = {
    "transport_url": "rabbit://nova:s3cret@mq3/",
    "database_connection": "mysql://nova:s3cret@db3/nova_cell3",
}


@pytest.fixture
def imported(nova: Nova, hostmap: HostMap) -> HostMap:
    """A directory with all cells and hosts of Nova's API database."""
    import_mappings(hostmap, nova.url)
    return hostmap


def rows(nova: Nova) -> dict[str, tuple[int, str]]:
    """Return the id and the cell UUID of each host in Nova's table."""
    found = nova.api.query(
        "SELECT h.host, h.id, c.uuid FROM host_mappings h JOIN cell_mappings c ON c.id = h.cell_id"
    )
    return {host: (number, uuid) for host, number, uuid in found}


def cell_rows(nova: Nova) -> list[tuple[Any, ...]]:
    """Return the rows of Nova's cells, without their times."""
    columns = "id, uuid, name, transport_url, database_connection, disabled"
    return [*nova.api.query(f"SELECT {columns} FROM cell_mappings ORDER BY id")]


def problems(refused: tuple[ExportRefusal, ...]) -> dict[str, str]:
    return {one.name: one.problem for one in refused}


def test_an_export_after_an_import_changes_nothing(nova: Nova, imported: HostMap) -> None:
    before = rows(nova), cell_rows(nova)

    result = export_mappings(imported, nova.url)

    assert [cell.action for cell in result.cells] == ["unchanged"] * 3
    assert (result.created, result.unchanged, result.moved, result.deleted) == (0, 202, 0, 0)
    assert result.refused == ()
    assert (rows(nova), cell_rows(nova)) == before


def test_creates_moves_and_deletes_are_written_to_nova(nova: Nova, imported: HostMap) -> None:
    before = rows(nova)
    new = imported.cells.create("cell3", **URLS)
    cell2 = nova.cell_uuid("cell2")
    imported.hosts.create_many([("new-1", new.uuid), ("new-ω", cell2)])
    imported.hosts.move(FIRST, new.uuid)
    imported.hosts.delete(SECOND)
    imported.cells.update(cell2, disabled=False, name="zelle2", **URLS)

    planned = export_mappings(imported, nova.url, dry_run=True)
    assert rows(nova) == before
    result = export_mappings(imported, nova.url)

    assert (result.created, result.unchanged, result.moved, result.deleted) == (2, 200, 1, 1)
    assert result.refused == ()
    assert (planned.created, planned.moved, planned.deleted) == (2, 1, 1)
    assert {*planned.planned} == {
        ExportedHost("new-1", "create", None, new.uuid),
        ExportedHost("new-ω", "create", None, cell2),
        ExportedHost(FIRST, "move", nova.cell_uuid("cell1"), new.uuid),
        ExportedHost(SECOND, "delete", nova.cell_uuid("cell1"), None),
    }
    assert planned.cells == result.cells
    assert ExportedCell(new.uuid, "cell3", "created") in result.cells
    fields = ("name", *URLS, "disabled")
    assert ExportedCell(cell2, "zelle2", "updated", fields) in result.cells
    after = rows(nova)
    assert {host: cell for host, (_, cell) in after.items()} == {
        mapping.host: mapping.cell_uuid for mapping in imported.hosts.iterate()
    }
    assert after[FIRST] == (before[FIRST][0], new.uuid)  # its id stays
    assert {host: after[host] for host in before if host not in (FIRST, SECOND)} == {
        host: row for host, row in before.items() if host not in (FIRST, SECOND)
    }
    assert [row[:1] + row[2:] for row in cell_rows(nova)[2:]] == [
        (3, "zelle2", *URLS.values(), 0),
        (4, "cell3", *URLS.values(), 0),
    ]
    again = export_mappings(imported, nova.url)
    assert (again.created, again.unchanged, again.moved, again.deleted) == (0, 203, 0, 0)
    assert {cell.action for cell in again.cells} == {"unchanged"}


def test_rows_have_the_time_of_the_export(nova: Nova, imported: HostMap) -> None:
    imported.hosts.move(FIRST, nova.cell_uuid("cell2"))
    imported.hosts.create("new-1", nova.cell_uuid("cell2"))

    export_mappings(imported, nova.url)

    query = "SELECT created_at, updated_at FROM host_mappings WHERE host = '{}'"
    [(created, updated)] = nova.api.query(query.format(FIRST))
    assert updated > created
    now = imported.hosts.get("new-1").created_at.replace(tzinfo=None)
    assert abs((updated - now).total_seconds()) < 600  # UTC, in any time zone of the test
    [(created, updated)] = nova.api.query(query.format("new-1"))
    assert abs((created - now).total_seconds()) < 600
    assert updated is None


def test_exported_hosts_can_be_marked(nova: Nova, imported: HostMap) -> None:
    """Hosts that were skipped because Nova's table lacked them are marked after an export."""
    found = discover(imported, ["cell1"], mark=True, nova_api=nova.url)
    assert len(found.cells[0].created) == len(found.cells[0].unmarked) == 15

    export_mappings(imported, nova.url)

    again = discover(imported, ["cell1"], mark=True, nova_api=nova.url)
    assert again.cells[0].unmarked == ()
    assert again.cells[0].marked >= 15
    assert {*found.cells[0].created} <= {*rows(nova)}


def test_hosts_that_the_directory_never_had_are_refused(nova: Nova, imported: HostMap) -> None:
    nova.api.query("INSERT INTO host_mappings (cell_id, host) VALUES (2, 'theirs')")

    result = export_mappings(imported, nova.url)

    [refused] = result.refused
    assert (refused.kind, refused.name, refused.cell_uuid) == ("host", "theirs", None)
    assert refused.nova_cell_uuid == nova.cell_uuid("cell1")
    assert "nova import" in refused.problem
    assert "theirs" in rows(nova)
    assert export_mappings(imported, nova.url, delete=True).deleted == 1
    assert "theirs" not in rows(nova)


def test_rows_changed_in_nova_later_are_refused(nova: Nova, imported: HostMap) -> None:
    cell1, cell2 = nova.cell_uuid("cell1"), nova.cell_uuid("cell2")
    imported.hosts.delete(SECOND)
    nova.api.query(
        "UPDATE host_mappings SET cell_id = 3, updated_at = '2038-01-01 00:00:00'"
        f" WHERE host IN ('{FIRST}', '{SECOND}')"
    )
    nova.api.query(
        "UPDATE cell_mappings SET updated_at = '2038-01-01 00:00:00', name = 'other' WHERE id = 2"
    )

    result = export_mappings(imported, nova.url)

    assert result.refused == (
        ExportRefusal("cell", "cell1", cell1, cell1, "was changed in Nova later than here"),
        ExportRefusal("host", FIRST, cell1, cell2, "was mapped in Nova later than here"),
        ExportRefusal(
            "host",
            SECOND,
            None,
            cell2,
            "was deleted here, and mapped in Nova later: import it, or --delete it there",
        ),
    )
    assert (result.moved, result.deleted) == (0, 0)
    forced = export_mappings(imported, nova.url, on_conflict="move", delete=True)
    assert (forced.moved, forced.deleted, forced.refused) == (1, 1, ())
    assert rows(nova)[FIRST][1] == cell1
    assert cell_rows(nova)[1][2] == "cell1"


def test_rows_changed_in_nova_during_the_export_are_refused(
    nova: Nova, imported: HostMap, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell1, cell2 = nova.cell_uuid("cell1"), nova.cell_uuid("cell2")
    imported.hosts.move(FIRST, cell2)
    imported.hosts.delete(SECOND)
    imported.hosts.create("late", cell2)
    imported.cells.update(cell1, name="ours")
    imported.cells.create("cell3", **URLS, uuid="0b6a1f6e-4a5d-4c8e-9f0a-6f1c9f7b2e11")

    def plan_and_change(*args: Any, **kwargs: Any) -> object:
        plan = export_comparison.make_plan(*args, **kwargs)
        nova.api.query("UPDATE cell_mappings SET name = 'theirs' WHERE id = 2")
        nova.api.query(
            "INSERT INTO cell_mappings (id, uuid, transport_url, database_connection)"
            " VALUES (77, '0b6a1f6e-4a5d-4c8e-9f0a-6f1c9f7b2e11', 'a://', 'b://')"
        )
        nova.api.query(f"DELETE FROM host_mappings WHERE host = '{FIRST}'")
        nova.api.query(f"UPDATE host_mappings SET cell_id = 3 WHERE host = '{SECOND}'")
        nova.api.query("INSERT INTO host_mappings (cell_id, host) VALUES (2, 'late')")
        return plan

    monkeypatch.setattr("hostmap_sql.nova.exporting.make_plan", plan_and_change)
    result = export_mappings(imported, nova.url)

    assert {one.name for one in result.refused} == {FIRST, SECOND, "late", "ours", "cell3"}
    assert all("changed in Nova's table during the export" in one.problem for one in result.refused)
    assert (result.created, result.moved, result.deleted) == (0, 0, 0)
    assert rows(nova)[SECOND][1] == cell2
    assert FIRST not in rows(nova)


def test_changes_made_here_during_the_export_are_written_by_the_next(
    nova: Nova, imported: HostMap, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell1, cell2 = nova.cell_uuid("cell1"), nova.cell_uuid("cell2")
    imported.hosts.move(FIRST, cell2)

    def plan_and_change(*args: Any, **kwargs: Any) -> object:
        plan = export_comparison.make_plan(*args, **kwargs)
        imported.hosts.move(FIRST, cell1)
        time.sleep(1.1)  # Nova's times are whole seconds
        return plan

    with monkeypatch.context() as patch:
        patch.setattr("hostmap_sql.nova.exporting.make_plan", plan_and_change)
        assert export_mappings(imported, nova.url).moved == 1
    result = export_mappings(imported, nova.url)

    assert (result.moved, result.refused) == (1, ())
    assert rows(nova)[FIRST][1] == cell1


def test_hosts_that_nova_treats_as_equal_are_refused(nova: Nova, imported: HostMap) -> None:
    cell2 = nova.cell_uuid("cell2")
    names = ["NEW-1", "new-1", FIRST.upper(), "new-2", "web-😀"]
    imported.hosts.create_many((name, cell2) for name in names)
    are_distinct = [*nova.api.query("SELECT 'a' = 'A'")] == [(False,)]  # as PostgreSQL has it

    planned = export_mappings(imported, nova.url, dry_run=True)
    result = export_mappings(imported, nova.url)

    refused = problems(result.refused)
    assert problems(planned.refused) == refused
    assert (planned.created, result.created) == ((5, 5) if are_distinct else (1, 1))
    assert {*refused} == ({*()} if are_distinct else {*names} - {"new-2"})
    assert {host for host, (_, cell) in rows(nova).items() if cell == cell2} >= (
        {*names} if are_distinct else {"new-2"}
    )
    assert [host for host in rows(nova) if host.lower() == FIRST] == (
        [FIRST, FIRST.upper()] if are_distinct else [FIRST]
    )
    if not are_distinct:
        assert f"the same as {FIRST!r}" in refused[FIRST.upper()]
        assert "'NEW-1'" in refused["new-1"]
        assert "utf8mb3" in refused["web-😀"]


def test_equal_names_that_folding_misses_are_refused_when_writing(
    nova: Nova, imported: HostMap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hostmap_sql.nova.export_limits._fold", lambda host: host)
    cell2 = nova.cell_uuid("cell2")
    imported.hosts.create_many((name, cell2) for name in ("NEW-1", "new-1", FIRST.upper(), "new-2"))
    are_distinct = [*nova.api.query("SELECT 'a' = 'A'")] == [(False,)]

    result = export_mappings(imported, nova.url)

    assert result.created == (4 if are_distinct else 2)
    assert {*problems(result.refused)} == ({*()} if are_distinct else {"new-1", FIRST.upper()})


def test_a_host_renamed_by_case_replaces_the_deleted_one(nova: Nova, imported: HostMap) -> None:
    imported.hosts.delete(FIRST)
    imported.hosts.create(FIRST.upper(), nova.cell_uuid("cell1"))

    result = export_mappings(imported, nova.url)

    assert (result.created, result.deleted, result.refused) == (1, 1, ())
    assert FIRST.upper() in rows(nova)


def test_equivalent_values_keep_novas_form(nova: Nova, hostmap: HostMap) -> None:
    nova.set_cell("cell2", "disabled", None)
    nova.api.query("UPDATE cell_mappings SET name = 'cell1' WHERE id = 3")
    nova.api.query("UPDATE cell_mappings SET name = NULL, uuid = UPPER(uuid) WHERE id = 2")
    import_mappings(hostmap, nova.url)
    before = cell_rows(nova)

    result = export_mappings(hostmap, nova.url)

    assert {cell.action for cell in result.cells} == {"unchanged"}
    assert result.refused == ()
    assert cell_rows(nova) == before


def test_a_template_of_nova_is_not_overwritten(nova: Nova, imported: HostMap) -> None:
    template = "{scheme}://{username}:{password}@{hostname}/nova_cell1"
    nova.set_cell("cell1", "database_connection", template)
    cell1 = nova.cell_uuid("cell1")

    modes: list[Literal["report", "move"]] = ["report", "move"]
    for on_conflict in modes:
        result = export_mappings(imported, nova.url, on_conflict=on_conflict)
        assert "a template as database_connection" in problems(result.refused)["cell1"]
        assert cell_rows(nova)[1][4] == template
    imported.cells.update(cell1, database_connection=template + "?x=1")
    assert export_mappings(imported, nova.url).refused == ()
    assert cell_rows(nova)[1][4] == template + "?x=1"


def test_a_cell_without_a_url_is_refused_with_its_hosts(nova: Nova, imported: HostMap) -> None:
    cell = imported.cells.create("bare", database_connection="mysql://db/nova")
    imported.hosts.create("new-1", cell.uuid)
    imported.hosts.move(FIRST, cell.uuid)
    imported.cells.update(nova.cell_uuid("cell2"), transport_url=None)

    result = export_mappings(imported, nova.url)

    refused = problems(result.refused)
    assert "has no transport_url" in refused["bare"]
    assert "has no transport_url" in refused["cell2"]
    assert "in a cell that Nova's table does not have" in refused["new-1"]
    assert "in a cell that Nova's table does not have" in refused[FIRST]
    assert len(cell_rows(nova)) == 3


def test_delete_removes_only_unused_cells(nova: Nova, hostmap: HostMap) -> None:
    """cell0 and a cell with instances stay."""
    nova.api.query("UPDATE host_mappings SET cell_id = 2")
    nova.api.query("CREATE TABLE instance_mappings (id int PRIMARY KEY, cell_id int)")
    nova.api.query(
        "INSERT INTO cell_mappings (id, uuid, name, transport_url, database_connection)"
        " VALUES (77, '0b6a1f6e-4a5d-4c8e-9f0a-6f1c9f7b2e11', 'empty', 'a://', 'b://')"
    )
    nova.api.query("INSERT INTO instance_mappings VALUES (1, 3), (2, 3), (3, NULL)")

    reported = export_mappings(hostmap, nova.url)
    assert len(reported.refused) == 202 + 3
    assert "--delete deletes it" in problems(reported.refused)["empty"]
    planned = export_mappings(hostmap, nova.url, delete=True, dry_run=True)
    result = export_mappings(hostmap, nova.url, delete=True)

    assert (planned.cells, planned.refused) == (result.cells, result.refused)
    assert result.deleted == 202
    assert {cell.name: cell.action for cell in result.cells} == {
        "cell0": "unchanged",
        "cell1": "deleted",
        "empty": "deleted",
    }
    assert problems(result.refused) == {
        "cell2": "is not deleted: Nova's table instance_mappings has 2 of its instances"
    }
    assert [row[1] for row in cell_rows(nova)] == [CELL0_UUID, nova.cell_uuid("cell2")]


def test_hosts_are_written_in_several_transactions(
    nova: Nova, imported: HostMap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hostmap_sql.nova.exporting.LOOKUP_SIZE", 80)
    imported.hosts.move_all(nova.cell_uuid("cell1"), nova.cell_uuid("cell2"))
    imported.hosts.create_many((f"new-{n}", nova.cell_uuid("cell2")) for n in range(100))
    counts: list[tuple[int, int]] = []

    result = export_mappings(imported, nova.url, progress=lambda *done: counts.append(done))

    assert (result.created, result.created + result.moved) == (100, counts[-1][0])
    assert counts[-1][0] == counts[-1][1] > 200
    assert {cell for _, cell in rows(nova).values()} == {nova.cell_uuid("cell2")}


def test_a_wrong_or_unreachable_database_is_refused(nova: Nova, imported: HostMap) -> None:
    with pytest.raises(InvalidValue, match="not the right Nova database"):
        export_mappings(imported, nova_url(nova.cell1))
    with pytest.raises(DatabaseUnavailable) as caught:
        export_mappings(imported, "mysql+pymysql://nova:s3cret@127.0.0.1:9/nova_api", timeout=2)
    assert "s3cret" not in str(caught.value)
    with pytest.raises(InvalidValue, match="report, move"):
        export_mappings(imported, nova.url, on_conflict="fail")  # type: ignore[arg-type]
