"""`nova.import_mappings`: importing Nova's API database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hostmap_sql import (
    CELL0_UUID,
    DatabaseError,
    DatabaseUnavailable,
    HostMap,
    HostMapError,
    InvalidValue,
)
from hostmap_sql.nova import ImportedCell, PlannedHost, import_mappings
from tests.support.nova import nova_url

if TYPE_CHECKING:
    from tests.support.nova import Nova


def test_all_cells_and_hosts_are_imported(nova: Nova, hostmap: HostMap) -> None:
    result = import_mappings(hostmap, nova.url)

    assert [(cell.name, cell.action) for cell in result.cells] == [
        ("cell0", "created"),
        ("cell1", "created"),
        ("cell2", "created"),
    ]
    assert (result.hosts.created, result.hosts.unchanged, result.hosts.moved) == (202, 0, 0)
    assert not result.has_conflicts
    assert result.planned == ()
    cells = {cell.name: cell for cell in hostmap.cells.list()}
    assert cells["cell0"].uuid == CELL0_UUID
    assert cells["cell1"].uuid == nova.cell_uuid("cell1")
    assert (cells["cell1"].disabled, cells["cell2"].disabled) == (False, True)
    assert cells["cell1"].transport_url
    assert cells["cell1"].transport_url.reveal() == "rabbit://nova:s3cret@mq-cell1:5672/"
    assert cells["cell1"].database_connection
    assert cells["cell1"].database_connection.reveal() == nova_url(nova.cell1)
    theirs = nova.api.query(
        "SELECT h.host, c.uuid FROM host_mappings h JOIN cell_mappings c ON c.id = h.cell_id"
    )
    ours = {mapping.host: mapping.cell_uuid for mapping in hostmap.hosts.iterate()}
    assert len(ours) == 202
    assert ours == dict(theirs)


def test_cells_and_hosts_are_two_changesets(nova: Nova, hostmap: HostMap) -> None:
    import_mappings(hostmap.with_author(author="operator", reason="first import"), nova.url)

    first, second = hostmap.history.since(0)
    assert (len(first.cells), len(first.hosts)) == (3, 0)
    assert (len(second.cells), len(second.hosts)) == (0, 202)
    assert (second.author, second.reason) == ("operator", "first import")


def test_a_second_import_changes_nothing(nova: Nova, hostmap: HostMap) -> None:
    import_mappings(hostmap, nova.url)
    revision = hostmap.revision()

    again = import_mappings(hostmap, nova.url, on_conflict="move")

    assert {cell.action for cell in again.cells} == {"unchanged"}
    assert (again.hosts.created, again.hosts.unchanged) == (0, 202)
    assert hostmap.revision() == revision


def test_differences_are_reported_as_conflicts(nova: Nova, hostmap: HostMap) -> None:
    import_mappings(hostmap, nova.url)
    cell1, cell2 = nova.cell_uuid("cell1"), nova.cell_uuid("cell2")
    hostmap.hosts.move("compute-001.rack1.example.org", cell2)
    hostmap.cells.update(cell1, disabled=True, transport_url="rabbit://nova:other@mq-cell1:5672/")
    revision = hostmap.revision()

    result = import_mappings(hostmap, nova.url)

    assert result.has_conflicts
    assert result.cells[1] == ImportedCell(
        cell1, "cell1", "cell1", "conflict", ("transport_url", "disabled")
    )
    [conflict] = result.hosts.conflicts
    assert (conflict.host, conflict.wanted_cell_uuid, conflict.actual_cell_uuid) == (
        "compute-001.rack1.example.org",
        cell1,
        cell2,
    )
    assert hostmap.revision() == revision


def test_on_conflict_move_overwrites_differences(nova: Nova, hostmap: HostMap) -> None:
    import_mappings(hostmap, nova.url)
    cell1, cell2 = nova.cell_uuid("cell1"), nova.cell_uuid("cell2")
    hostmap.hosts.move("compute-001.rack1.example.org", cell2)
    hostmap.cells.update(cell1, disabled=True, name="other")

    result = import_mappings(hostmap, nova.url, on_conflict="move")

    assert result.cells[1] == ImportedCell(cell1, "cell1", "cell1", "updated", ("name", "disabled"))
    assert result.hosts.moved == 1
    assert not result.has_conflicts
    assert hostmap.hosts.get("compute-001.rack1.example.org").cell_uuid == cell1
    assert (hostmap.cells.get(cell1).name, hostmap.cells.get(cell1).disabled) == ("cell1", False)


def test_a_dry_run_returns_the_plan_and_writes_nothing(nova: Nova, hostmap: HostMap) -> None:
    empty = import_mappings(hostmap, nova.url, dry_run=True)

    assert [cell.action for cell in empty.cells] == ["created"] * 3
    assert empty.hosts.created == len(empty.planned) == 202
    assert hostmap.revision() == 0

    import_mappings(hostmap, nova.url)
    cell1, cell2 = nova.cell_uuid("cell1"), nova.cell_uuid("cell2")
    hostmap.hosts.move("compute-001.rack1.example.org", cell2)
    hostmap.hosts.delete("compute-002.rack2.example.org")
    revision = hostmap.revision()

    again = import_mappings(hostmap, nova.url, on_conflict="move", dry_run=True)

    assert sorted(again.planned, key=lambda planned: planned.host) == [
        PlannedHost("compute-001.rack1.example.org", "move", cell2, cell1),
        PlannedHost("compute-002.rack2.example.org", "create", None, cell1),
    ]
    reported = import_mappings(hostmap, nova.url, dry_run=True)
    assert [conflict.host for conflict in reported.hosts.conflicts] == [
        "compute-001.rack1.example.org"
    ]
    assert hostmap.revision() == revision


def test_url_templates_are_kept(nova: Nova, hostmap: HostMap) -> None:
    template = "{scheme}://{username}:{password}@{hostname}:{port}/nova_cell1?{query}"
    nova.set_cell("cell1", "database_connection", template)

    import_mappings(hostmap, nova.url)

    kept = hostmap.cells.get_by_name("cell1").database_connection
    assert kept
    assert kept.reveal() == template


# The last one is the UUID of another cell.
@pytest.mark.parametrize("name", [None, "", " cell1", "0b6a1f6e-4a5d-4c8e-9f0a-6f1c9f7b2e11"])
def test_a_cell_without_a_usable_name_gets_its_uuid_as_name(
    name: str | None, nova: Nova, hostmap: HostMap
) -> None:
    uuid = nova.cell_uuid("cell1")
    nova.set_cell("cell1", "name", name)

    result = import_mappings(hostmap, nova.url)

    assert result.cells[1] == ImportedCell(uuid, uuid, name, "created")
    assert hostmap.cells.get(uuid).name == uuid
    assert import_mappings(hostmap, nova.url).cells[1].action == "unchanged"


def test_the_first_of_two_cells_with_one_name_keeps_it(nova: Nova, hostmap: HostMap) -> None:
    uuid = nova.cell_uuid("cell2")
    nova.set_cell("cell2", "name", "cell1")

    result = import_mappings(hostmap, nova.url)

    assert [cell.name for cell in result.cells] == ["cell0", "cell1", f"cell1-{uuid[:8]}"]
    assert result.cells[2].nova_name == "cell1"
    again = import_mappings(hostmap, nova.url)
    assert {cell.action for cell in again.cells} == {"unchanged"}


def test_a_name_that_another_cell_has_here_is_changed(nova: Nova, hostmap: HostMap) -> None:
    hostmap.cells.create("cell1")

    result = import_mappings(hostmap, nova.url)

    uuid = nova.cell_uuid("cell1")
    assert result.cells[1] == ImportedCell(uuid, f"cell1-{uuid[:8]}", "cell1", "created")
    assert import_mappings(hostmap, nova.url).cells[1].action == "unchanged"


def test_a_cell_without_urls_or_state_is_imported(nova: Nova, hostmap: HostMap) -> None:
    for column in ("transport_url", "database_connection", "disabled"):
        nova.set_cell("cell2", column, None)

    import_mappings(hostmap, nova.url)

    cell = hostmap.cells.get_by_name("cell2")
    assert (cell.transport_url, cell.database_connection, cell.disabled) == (None, None, False)


@pytest.mark.parametrize(
    ("statement", "place", "problem"),
    [
        (
            "UPDATE cell_mappings SET transport_url = 's3cret is no URL' WHERE name = 'cell1'",
            "transport_url of Nova's cell",
            "is not a URL",
        ),
        (
            "UPDATE cell_mappings SET uuid = 's3cret' WHERE name = 'cell1'",
            "uuid of Nova's cell",
            "must be a UUID",
        ),
        (
            "UPDATE host_mappings SET host = ' compute-000' WHERE id = 1",
            "a row of host_mappings",
            "leading or trailing white space",
        ),
        (
            "UPDATE host_mappings SET cell_id = 1 WHERE id = 1",
            "a row of host_mappings",
            "cell0",
        ),
    ],
)
def test_an_unusable_row_refuses_the_whole_import(
    statement: str, place: str, problem: str, nova: Nova, hostmap: HostMap
) -> None:
    nova.api.query(statement)

    with pytest.raises(InvalidValue, match=problem) as caught:
        import_mappings(hostmap, nova.url)

    assert caught.value.field.startswith(place)
    assert hostmap.revision() == 0


def test_a_database_that_is_not_novas_is_refused(nova: Nova, hostmap: HostMap) -> None:
    with pytest.raises(InvalidValue, match="not the right Nova database"):
        import_mappings(hostmap, nova_url(nova.cell1))
    assert hostmap.revision() == 0


def test_errors_about_a_wrong_url_hide_its_password(nova: Nova, hostmap: HostMap) -> None:
    for url, kind in [
        ("no-url-s3cret", InvalidValue),
        ("oracle://nova:s3cret@db/nova_api", InvalidValue),
        (nova.url + "&no_such_option=s3cret", InvalidValue),
        (nova.url.replace("?", "_missing?"), DatabaseError),
        ("mysql+pymysql://nova:s3cret@127.0.0.1:9/nova_api", DatabaseUnavailable),
    ]:
        with pytest.raises(HostMapError) as caught:
            import_mappings(hostmap, url, timeout=2)
        assert type(caught.value) is kind
        assert "s3cret" not in str(caught.value)
    with pytest.raises(InvalidValue, match="report, move"):
        import_mappings(hostmap, nova.url, on_conflict="fail")  # type: ignore[arg-type]
    assert hostmap.revision() == 0


def test_it_reads_one_snapshot(
    nova: Nova, hostmap: HostMap, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cell and its host that are inserted between the two statements are not imported."""
    from hostmap_sql.nova import nova_sql  # noqa: PLC0415
    from hostmap_sql.nova.database import NovaDatabase  # noqa: PLC0415

    read = NovaDatabase.fetch_all
    uuid = "0b6a1f6e-4a5d-4c8e-9f0a-6f1c9f7b2e11"

    def read_and_insert(self: NovaDatabase, statement: Any) -> object:
        rows = read(self, statement)
        if statement is nova_sql.CELLS:
            nova.api.query(f"INSERT INTO cell_mappings (id, uuid) VALUES (77, '{uuid}')")
            nova.api.query("INSERT INTO host_mappings (cell_id, host) VALUES (77, 'late')")
        return rows

    monkeypatch.setattr(NovaDatabase, "fetch_all", read_and_insert)

    assert import_mappings(hostmap, nova.url).hosts.created == 202
    assert len(hostmap.cells.list()) == 3


def test_progress_counts_items(
    nova: Nova, hostmap: HostMap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hostmap_sql.nova.importing.BULK_SIZE", 100)
    counts: list[tuple[int, int | None]] = []

    result = import_mappings(
        hostmap, nova.url, progress=lambda done, total: counts.append((done, total))
    )

    assert counts == [(100, 202), (200, 202), (202, 202)]
    assert result.hosts.created == 202
