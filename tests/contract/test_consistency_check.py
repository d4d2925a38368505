"""The consistency check finds each kind of damage, and nothing else."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

import pytest

from hostmap_sql import CELL0_UUID, Finding, InvalidValue, sql
from hostmap_sql.batching import BULK_SIZE
from hostmap_sql.directory.finding import KINDS
from hostmap_sql.errors import SchemaOutOfDate
from hostmap_sql.validation import MAX_BIGINT
from tests.support.pace import SOON

if TYPE_CHECKING:
    from hostmap_sql import HostMap
    from tests.conftest import Cells
    from tests.support.backends import Backend

ONE = "5f7ccc29-a9eb-417c-865e-b9bd78a72dcc"
TWO = "0b6a1f6e-4a5d-4c8e-9f0a-6f1c9f7b2e11"
GONE = "11111111-2222-4333-8444-555555555555"
TIME = "'2026-01-01 00:00:00.000000'"
NEWEST = 8


@pytest.fixture
def directory(hostmap: HostMap, cells: Cells) -> HostMap:
    """A directory at revision 8: cells to revision 3, then hosts created, moved and deleted."""
    hostmap.hosts.create("compute-1", cells.one.uuid)
    hostmap.hosts.create("compute-2", cells.one.uuid)
    hostmap.hosts.move("compute-1", cells.two.uuid)
    hostmap.hosts.create("compute-3", cells.two.uuid)
    hostmap.hosts.delete("compute-3")
    assert hostmap.revision() == NEWEST
    assert hostmap.check() == ()
    return hostmap


def host(name: str, cell: str, revision: int) -> str:
    return (
        "INSERT INTO host_mapping (host, cell_uuid, revision, created_at)"
        f" VALUES ('{name}', '{cell}', {revision}, {TIME})"
    )


def cell(uuid: str, name: str, url: str = "rabbit://mq/") -> str:
    return (
        "INSERT INTO cell_mapping (uuid, name, transport_url, disabled, revision, created_at)"
        f" VALUES ('{uuid}', '{name}', '{url}', FALSE, 1, {TIME})"
    )


def change_of_cell(revision: int, uuid: str, action: str) -> str:
    return (
        "INSERT INTO cell_mapping_change (revision, cell_uuid, action)"
        f" VALUES ({revision}, '{uuid}', '{action}')"
    )


Damage = tuple[tuple[str, ...], set[tuple[str, str | None]]]

# Statements that damage the directory, and the kind and subject of each finding.
DAMAGES: dict[str, Damage] = {
    "no revision row": (("DELETE FROM mapping_revision",), {("revision-row", None)}),
    "two revision rows": (
        ("INSERT INTO mapping_revision (id, revision, pruned_revision) VALUES (2, 99, 0)",),
        {("revision-row", None)},
    ),
    "pruned past the newest": (
        ("UPDATE mapping_revision SET pruned_revision = 9",),
        {("revision-row", "revision 8")},
    ),
    "pruned below nothing": (
        ("UPDATE mapping_revision SET pruned_revision = -1",),
        {("revision-row", "revision 8")},
    ),
    "counter set back": (
        ("UPDATE mapping_revision SET revision = 7",),
        {("revision-behind", "revision 7")},
    ),
    "counter set forward": (
        ("UPDATE mapping_revision SET revision = 10",),
        {("revision-gap", "revision 9")},
    ),
    "changesets lost": (
        ("DELETE FROM mapping_changeset WHERE revision IN (1, 4, 5, 8)",),
        {
            *((("revision-gap", f"revision {number}")) for number in (1, 4, 8)),
            *((("change-without-changeset", f"revision {number}")) for number in (1, 4, 5, 8)),
        },
    ),
    "changes of hosts lost": (
        ("DELETE FROM host_mapping_change WHERE revision = 5",),
        {("changeset-empty", "revision 5"), ("host-unrecorded", "host 'compute-2'")},
    ),
    "changes of cells lost": (
        ("DELETE FROM cell_mapping_change WHERE revision = 2",),
        {("changeset-empty", "revision 2"), ("cell-unrecorded", f"cell {TWO}")},
    ),
    "cell deleted past the record": (
        (f"DELETE FROM cell_mapping WHERE uuid = '{ONE}'",),
        {("cell-missing", f"cell {ONE}"), ("host-without-cell", "host 'compute-2'")},
    ),
    "cell of a name that is none": (
        (f"UPDATE cell_mapping SET name = ' x' WHERE uuid = '{ONE}'",),
        {("cell-invalid", f"cell {ONE}")},
    ),
    "cell whose name is the UUID of another": (
        (f"UPDATE cell_mapping SET name = '{GONE}' WHERE uuid = '{ONE}'",),
        {("cell-invalid", f"cell {ONE}")},
    ),
    "cell with a URL that is none": (
        (f"UPDATE cell_mapping SET transport_url = 's3cret' WHERE uuid = '{ONE}'",),
        {("cell-invalid", f"cell {ONE}")},
    ),
    "cell of a UUID in capitals": (
        (cell(GONE.replace("1", "A"), "cell4"),),
        {
            ("cell-invalid", f"cell {GONE.replace('1', 'A')}"),
            ("cell-unrecorded", f"cell {GONE.replace('1', 'A')}"),
        },
    ),
    "cell without a record": ((cell(GONE, "cell4"),), {("cell-unrecorded", f"cell {GONE}")}),
    "cell deleted on record": (
        (f"UPDATE cell_mapping_change SET action = 'deleted' WHERE cell_uuid = '{ONE}'",),
        {("cell-unrecorded", f"cell {ONE}")},
    ),
    "cell changed later on record": (
        (change_of_cell(6, ONE, "updated"),),
        {("cell-outdated", f"cell {ONE}")},
    ),
    "host of cell0": (
        (f"UPDATE host_mapping SET cell_uuid = '{CELL0_UUID}' WHERE host = 'compute-2'",),
        {
            ("host-without-cell", "host 'compute-2'"),
            ("host-in-cell0", "host 'compute-2'"),
            ("host-differs", "host 'compute-2'"),
        },
    ),
    "hosts whose names are none": (
        tuple(host(name, ONE, 7) for name in ("\t", " web", "web ", "w\u200beb")),
        {
            (kind, f"host {name!r}")
            for kind in ("host-invalid", "host-unrecorded")
            for name in ("\t", " web", "web ", "w\u200beb")
        },
    ),
    "hosts written past the library": (
        (host("compute-7", ONE, 0), host("compute-8", ONE, 8), host("compute-9", ONE, 99)),
        {("host-unrecorded", f"host 'compute-{number}'") for number in (7, 8, 9)},
    ),
    "host moved past the record": (
        (f"UPDATE host_mapping SET cell_uuid = '{TWO}' WHERE host = 'compute-2'",),
        {("host-differs", "host 'compute-2'")},
    ),
    "host brought back": (
        (host("compute-3", TWO, 8),),
        {("host-differs", "host 'compute-3'")},
    ),
    "host brought back as it was": (
        (host("compute-3", TWO, 7),),
        {("host-outdated", "host 'compute-3'")},
    ),
    "host moved back": (
        (f"UPDATE host_mapping SET cell_uuid = '{ONE}', revision = 4 WHERE host = 'compute-1'",),
        {("host-outdated", "host 'compute-1'")},
    ),
    "host deleted past the record": (
        ("DELETE FROM host_mapping WHERE host = 'compute-1'",),
        {("host-missing", "host 'compute-1'")},
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_found(backend: Backend, directory: HostMap, name: str) -> None:
    statements, expected = DAMAGES[name]
    backend.damage(*statements)

    found = directory.check()

    assert {(finding.kind, finding.about) for finding in found} == expected
    assert len(found) == len(expected)
    assert [KINDS.index(f.kind) for f in found] == sorted(KINDS.index(f.kind) for f in found)
    for finding in found:
        assert "s3cret" not in finding.problem
        assert ":" in finding.problem  # the fault, then the remedy
        assert "\n" not in finding.problem


def test_every_kind_of_finding_is_provoked() -> None:
    elsewhere = {"file-mode", "schema-open", "not-permitted", "cell-unsealed"}
    found = {kind for _, kinds in DAMAGES.values() for kind, _ in kinds}
    assert found == {*KINDS} - {"schema", *elsewhere}


# --- following the remedies -----------------------------------------------------------------------


def test_the_remedies_for_hosts_work(backend: Backend, directory: HostMap) -> None:
    backend.damage(
        host("compute-9", TWO, 5),
        host("compute-3", TWO, 7),
        f"UPDATE host_mapping SET cell_uuid = '{TWO}' WHERE host = 'compute-2'",
        "DELETE FROM host_mapping WHERE host = 'compute-1'",
    )
    assert len(directory.check()) == 4
    for name in ("compute-9", "compute-3", "compute-2"):
        directory.hosts.delete(name)
        directory.hosts.create(name, TWO)
    directory.hosts.create("compute-1", ONE)
    assert directory.check() == ()


def test_the_remedy_for_a_host_without_a_cell_works(backend: Backend, directory: HostMap) -> None:
    backend.damage(f"DELETE FROM cell_mapping WHERE uuid = '{ONE}'")
    directory.cells.create("cell1", uuid=ONE)
    directory.hosts.move("compute-2", TWO)
    directory.cells.delete(ONE)
    assert directory.check() == ()


def test_the_remedies_for_cells_work(backend: Backend, directory: HostMap) -> None:
    backend.damage("DELETE FROM cell_mapping_change", cell(GONE, "cell4"))
    assert {finding.kind for finding in directory.check()} == {"cell-unrecorded", "changeset-empty"}
    for found in directory.cells.list():
        directory.cells.update(found.uuid, disabled=not found.disabled)
    directory.history.prune(before=4)
    assert directory.check() == ()


def test_the_remedies_for_the_record_work(backend: Backend, directory: HostMap) -> None:
    backend.damage(
        "DELETE FROM mapping_changeset WHERE revision IN (2, 8)",
        "DELETE FROM host_mapping_change WHERE revision = 8",
        "UPDATE mapping_revision SET revision = 9",
    )
    problems = [finding.problem for finding in directory.check() if finding.kind == "revision-gap"]
    assert "revision 2 has no changeset" in problems[0]
    assert "or prune the history before revision 3" in problems[0]
    assert "revisions 8 to 9 have no changeset" in problems[1]
    assert "or after the next change, prune the history before revision 10" in problems[1]
    directory.hosts.create("compute-9", TWO)
    directory.history.prune(before=10)
    backend.query("DELETE FROM cell_mapping_change WHERE revision = 2")
    # The state at revision 8 is lost, so the remedy prunes the history.
    assert {finding.kind for finding in directory.check()} <= {"host-missing"}


def test_the_remedy_for_the_revision_row_works(backend: Backend, directory: HostMap) -> None:
    directory.history.prune(before=4)
    backend.damage("DELETE FROM mapping_revision")
    [finding] = directory.check()
    assert "id 1, revision 8 and pruned_revision 3" in finding.problem
    backend.query("INSERT INTO mapping_revision VALUES (1, 8, 3)")
    assert directory.check() == ()
    directory.hosts.delete("compute-1")


# --- no findings ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("directory")
def test_an_empty_directory_has_no_findings(backend: Backend) -> None:
    backend.empty()
    assert backend.hostmap.check() == ()


@pytest.mark.parametrize("before", range(1, NEWEST + 2))
def test_a_pruned_directory_has_no_findings(directory: HostMap, before: int) -> None:
    directory.history.prune(before=before)
    assert directory.check() == ()


def test_an_interrupted_pruning_has_no_findings(backend: Backend, directory: HostMap) -> None:
    """The history is marked as pruned up to revision 6, but only three revisions are deleted."""
    directory.history.prune(before=4)
    backend.query("UPDATE mapping_revision SET pruned_revision = 6")
    assert directory.check() == ()


def test_damage_is_found_in_a_pruned_directory(backend: Backend, directory: HostMap) -> None:
    directory.history.prune(before=6)
    backend.damage(
        "DELETE FROM mapping_changeset WHERE revision = 6",
        host("compute-7", ONE, 0),
        host("compute-8", ONE, 7),
        f"UPDATE host_mapping SET cell_uuid = '{ONE}' WHERE host = 'compute-1'",
    )
    assert [(finding.kind, finding.about) for finding in directory.check()] == [
        ("revision-gap", "revision 6"),
        ("change-without-changeset", "revision 6"),
        ("host-unrecorded", "host 'compute-7'"),
        ("host-unrecorded", "host 'compute-8'"),
        ("host-differs", "host 'compute-1'"),
    ]


# --- limits ---------------------------------------------------------------------------------------


def test_findings_of_a_kind_are_limited(backend: Backend, directory: HostMap) -> None:
    backend.damage(
        *(host(f"x{number}", ONE, 7) for number in range(3)),
        *(cell(f"{number:08}-2222-4333-8444-555555555555", f"x{number}") for number in range(2)),
    )
    assert [(finding.kind, finding.host) for finding in directory.check(limit=2)] == [
        ("cell-unrecorded", None),
        ("cell-unrecorded", None),
        ("host-unrecorded", "x0"),
        ("host-unrecorded", "x1"),
        ("host-unrecorded", None),
    ]
    last = directory.check(limit=2)[-1]
    assert (last.about, "more than these 2" in last.problem) == (None, True)
    assert len(directory.check(limit=3)) == len(directory.check(limit=MAX_BIGINT)) == 5


def test_all_pages_of_names_are_checked(backend: Backend, directory: HostMap) -> None:
    names = (f"h{number:06}" for number in range(2 * BULK_SIZE))
    directory.hosts.create_many((name, ONE) for name in names)
    backend.query("UPDATE host_mapping SET host = 'z ' WHERE host = 'h009999'")
    kinds = {"host-invalid", "host-unrecorded", "host-missing"}
    assert {finding.kind for finding in directory.check()} == kinds


@pytest.mark.parametrize("limit", [0, -1, None])
def test_an_invalid_limit_is_refused(directory: HostMap, limit: int) -> None:
    with pytest.raises(InvalidValue, match="limit"):
        directory.check(limit=limit)


def test_about_names_the_faulty_host_cell_or_revision() -> None:
    assert Finding("schema", "x").about is None
    assert Finding("revision-gap", "x", revision=3).about == "revision 3"
    assert Finding("cell-missing", "x", None, ONE, 3).about == f"cell {ONE}"
    assert Finding("host-missing", "x", "web1", ONE, 3).about == "host 'web1'"


# --- the schema ---------------------------------------------------------------------------------


def test_a_database_without_tables_raises_schema_out_of_date(bare_backend: Backend) -> None:
    with pytest.raises(SchemaOutOfDate, match="hostmap migrate"):
        bare_backend.hostmap.check()


def test_a_missing_migration_is_found(bare_backend: Backend) -> None:
    hostmap = bare_backend.hostmap
    hostmap.migrate()
    hostmap.check()
    hostmap.rollback_migrations("0007-cell-mapping-change")
    [finding] = hostmap.check()
    assert finding.kind == "schema"
    assert "0007-cell-mapping-change" in finding.problem


def test_a_migration_of_a_newer_version_is_found(bare_backend: Backend) -> None:
    hostmap = bare_backend.hostmap
    hostmap.migrate()
    bare_backend.query(
        "UPDATE _yoyo_migration SET migration_id = '0008-mapping-of-tomorrow'"
        " WHERE migration_id = '0007-cell-mapping-change'"
    )
    [finding] = hostmap.check()
    assert finding.kind == "schema"
    assert "0008-mapping-of-tomorrow" in finding.problem


def test_a_missing_table_is_found(bare_backend: Backend) -> None:
    hostmap = bare_backend.hostmap
    hostmap.migrate()
    for table in ("cell_mapping_change", "host_mapping_change"):
        bare_backend.query(f"DROP TABLE {table}")
    assert [finding.kind for finding in hostmap.check()] == ["schema", "schema"]
    assert "host_mapping_change" in hostmap.check()[0].problem


def test_a_host_with_a_long_history_is_checked_quickly(
    backend: Backend, cells: Cells, hostmap: HostMap
) -> None:
    changes = 20_000
    marks = {"sqlite": "?, ?, ?, ?"}.get(backend.kind, "%s, %s, %s, %s")
    columns = "revision, host, old_cell_uuid, new_cell_uuid"
    places = [cells.one.uuid, None]
    rows = [(10 + n, "busy", places[n % 2], places[1 - n % 2]) for n in range(changes)]
    connection = backend.open_raw()
    cursor = connection.cursor()
    cursor.execute(backend.sql.begin)
    cursor.executemany(f"INSERT INTO host_mapping_change ({columns}) VALUES ({marks})", rows)
    connection.commit()
    connection.close()

    began = monotonic()
    found = hostmap._database.all(sql.HOST_MISSING, {"limit": 10})
    assert monotonic() - began < SOON, "20,000 times 20,000 are too many"
    assert [(row[0], row[2]) for row in found] == [("busy", 10 + changes - 1)]
