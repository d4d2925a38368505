"""A missing right fails at once, names the statement, and changes nothing."""

from __future__ import annotations

from contextlib import closing
from time import monotonic
from typing import TYPE_CHECKING

import pytest

from hostmap_sql import DatabaseError, HostMap, HostMapError, NotPermitted, connect, grants
from tests.support.accounts import account
from tests.support.pace import PATIENT, SOON

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Servers
    from tests.support.accounts import Account
    from tests.support.backends import Backend

pytestmark = pytest.mark.needs("users")


@pytest.fixture(scope="module")
def shared(servers: Servers) -> Iterator[dict[str, Backend]]:
    """One database of each kind for all tests."""
    backends: dict[str, Backend] = {}
    yield backends
    for kind, backend in backends.items():
        backend.close()
        servers.factory(kind).drop(backend)


@pytest.fixture
def backend(backend_kind: str, servers: Servers, shared: dict[str, Backend]) -> Backend:
    """An empty database, on each kind of database in turn."""
    if backend_kind not in shared:
        shared[backend_kind] = servers.factory(backend_kind).fresh()
    shared[backend_kind].empty()
    return shared[backend_kind]


@pytest.fixture
def lookup(backend: Backend) -> Iterator[Account]:
    """An account with the role "lookup"."""
    with account(backend, "lookup") as made:
        yield made


@pytest.fixture
def reader(lookup: Account) -> Iterator[HostMap]:
    with connect(lookup.url, timeout=PATIENT) as hostmap:
        yield hostmap


def test_a_missing_right_is_reported_at_once_with_the_statement_and_the_role(
    backend: Backend, reader: HostMap
) -> None:
    cell = backend.hostmap.cells.create("cell1")
    refused: dict[str, tuple[Callable[[], object], str]] = {
        "host_get": (lambda: reader.hosts.get("a"), "lookup --urls"),
        "cell_list": (reader.cells.list, "lookup --urls"),
        "revision_take": (lambda: reader.hosts.create("a", cell.uuid), "service"),
    }
    began = monotonic()
    for statement, (call, role) in refused.items():
        with pytest.raises(NotPermitted) as caught:
            call()
        error = caught.value
        assert error.statement == statement
        assert f"`hostmap grants --role {role}` prints the statements to run" in str(error)
        assert error.code in ("42501", "1142", "1143")
        assert "\n" not in str(error)
    assert monotonic() - began < SOON
    assert isinstance(error, DatabaseError)
    assert backend.hostmap.revision() == 1


def test_a_right_that_is_granted_counts_for_open_connections(
    backend: Backend, reader: HostMap, lookup: Account
) -> None:
    backend.hostmap.cells.create("cell1")
    with pytest.raises(NotPermitted):
        reader.cells.list()
    backend.execute(*grants(backend.hostmap, "lookup", user=lookup.name, urls=True))
    assert [cell.name for cell in reader.cells.list()] == ["cell1"]


def test_no_table_is_reported_missing_to_an_account_without_any_right(
    backend: Backend,
) -> None:
    calls: tuple[Callable[[HostMap], object], ...] = (
        lambda hostmap: hostmap.hosts.get("a"),
        HostMap.check,
        HostMap.migrate,
    )
    with account(backend, None) as stranger:
        for call in calls:
            with connect(stranger.url, timeout=PATIENT) as hostmap:
                began = monotonic()
                with pytest.raises(NotPermitted, match=r"hostmap grants|denied"):
                    call(hostmap)
                assert monotonic() - began < SOON


def test_a_check_reports_tables_that_it_may_not_read(backend: Backend, reader: HostMap) -> None:
    cell = backend.hostmap.cells.create("cell1")
    backend.hostmap.hosts.create("a", cell.uuid)
    [finding] = reader.check()
    assert finding.kind == "not-permitted"
    assert "transport_url, database_connection of table cell_mapping" in finding.problem

    # The rest is checked.
    backend.damage("UPDATE host_mapping SET revision = 99 WHERE host = 'a'")
    assert [f.kind for f in reader.check()] == ["not-permitted", "host-unrecorded"]


def test_a_check_without_urls_misses_nothing(backend: Backend, lookup: Account) -> None:
    backend.hostmap.cells.create("cell1")
    with connect(lookup.url, urls=False) as hostmap:
        assert hostmap.check() == ()


def test_a_check_of_a_pruner_reports_the_tables_of_hosts_and_cells(backend: Backend) -> None:
    backend.hostmap.cells.create("cell1")
    with (
        account(backend, "pruner") as pruner,
        connect(pruner.url, timeout=PATIENT) as hostmap,
    ):
        problems = [(f.kind, f.problem) for f in hostmap.check()]
    assert [kind for kind, _ in problems] == ["not-permitted"] * 2
    assert "may not read table cell_mapping" in problems[0][1]
    assert "may not read table host_mapping" in problems[1][1]


def test_a_right_that_is_lost_in_a_transaction_rolls_it_back(backend: Backend) -> None:
    cell = backend.hostmap.cells.create("cell1")
    with account(backend, "service") as service, connect(service.url, timeout=PATIENT) as hostmap:
        hostmap.hosts.create("a", cell.uuid)
        granted = grants(backend.hostmap, "service", user=service.name)
        [of_changesets] = [s for s in granted if "mapping_changeset" in s]
        backend.query(of_changesets.replace("GRANT", "REVOKE").replace(" TO ", " FROM "))
        with pytest.raises(HostMapError) as caught:
            hostmap.hosts.create("b", cell.uuid)
        assert caught.type is NotPermitted
    assert [mapping.host for mapping in backend.hostmap.hosts.list()] == ["a"]
    assert backend.hostmap.check() == ()


def test_the_record_cannot_be_changed_by_a_service(backend: Backend) -> None:
    cell = backend.hostmap.cells.create("cell1")
    backend.hostmap.hosts.create("a", cell.uuid)
    forgeries = (
        "UPDATE mapping_changeset SET author = 'somebody else'",
        "DELETE FROM mapping_changeset",
        "UPDATE host_mapping_change SET host = 'b'",
        "DELETE FROM host_mapping_change",
        "UPDATE cell_mapping_change SET action = 'updated'",
        "DELETE FROM cell_mapping_change",
        "UPDATE mapping_revision SET pruned_revision = 1",
        "DELETE FROM mapping_revision",
        "INSERT INTO mapping_revision (id, revision, pruned_revision) VALUES (2, 0, 0)",
        "DELETE FROM _yoyo_migration",
        "DROP TABLE mapping_changeset",
    )
    login = {"password": backend.account_password}
    with (
        account(backend, "service") as service,
        closing(backend.open_raw(user=service.name, **login)) as connection,
    ):
        for forgery in forgeries:
            with pytest.raises(backend.driver.error) as caught:
                connection.cursor().execute(forgery)
            # A DROP needs to own the table on PostgreSQL, which is the same code.
            assert backend.dialect.code(caught.value) in ("42501", "1142", "1143"), forgery
