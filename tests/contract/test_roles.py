"""Each role makes exactly its calls: all others raise `NotPermitted` and change nothing."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest

from hostmap_sql import (
    Cells,
    History,
    HostMap,
    HostMapError,
    InvalidValue,
    NotPermitted,
    Replica,
    WaitableHosts,
    connect,
    grants,
)
from hostmap_sql.sql.rights import TABLES
from tests.support.backends.base import new_name
from tests.support.pace import PATIENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.support.backends import Backend

ONE = "5f7ccc29-a9eb-417c-865e-b9bd78a72dcc"
TWO = "0b6a1f6e-4a5d-4c8e-9f0a-6f1c9f7b2e11"
EMPTY = "3c1f6b0a-5d7e-4f0c-8f5e-2b9d7a1c4e66"


@dataclass(frozen=True)
class Role:
    """A role, and how its accounts open the directory."""

    name: str
    has_urls: bool = True

    def connect(self, url: str) -> HostMap:
        return connect(url, timeout=PATIENT, author="tester", urls=self.has_urls)


LOOKUP = Role("lookup", has_urls=False)
LOOKUP_WITH_URLS = Role("lookup")
SERVICE, PRUNER, OWNER = Role("service"), Role("pruner"), Role("owner")
ROLES = {
    "lookup": LOOKUP,
    "lookup with URLs": LOOKUP_WITH_URLS,
    "service": SERVICE,
    "pruner": PRUNER,
    "owner": OWNER,
}
READERS = {LOOKUP, LOOKUP_WITH_URLS, SERVICE, OWNER}
WRITERS = {SERVICE, OWNER}
ALL = {*ROLES.values()}

Call = "Callable[[HostMap], object]"


def _in_transaction(hostmap: HostMap) -> None:
    with hostmap.transaction() as tx:
        tx.hosts.move("b", TWO)


def _follow(hostmap: HostMap) -> object:
    return [*islice(hostmap.history.follow(0), 1)]


def _timeout(hostmap: HostMap) -> object:
    with hostmap.timeout(PATIENT):
        return hostmap.revision()


def _replica(method: Callable[[Replica], object]) -> Callable[[HostMap], object]:
    def call(hostmap: HostMap) -> object:
        with hostmap.replica() as replica:
            return method(replica)

    return call


def _change_id(hostmap: HostMap) -> str:
    return hostmap.history.since(0)[0].change_id


# The order matters: the last calls delete everything.
CALLS: Mapping[str, tuple[set[Role], Callable[[HostMap], Any]]] = {
    "HostMap.revision": (ALL, lambda h: h.revision()),
    "HostMap.check": (ALL, lambda h: h.check()),
    "HostMap.fix_file_mode": (ALL, lambda h: h.fix_file_mode()),
    "grants": (ALL, lambda h: grants(h, "service")),
    "HostMap.migration_status": (ALL, lambda h: h.migration_status()),
    "HostMap.migrate": (ALL, lambda h: h.migrate()),
    "HostMap.timeout": (ALL, _timeout),
    "HostMap.with_author": (ALL, lambda h: h.with_author(author="other").revision()),
    "HostMap.replica": (READERS, lambda h: len(h.replica())),
    "HostMap.outcome": ({*WRITERS, PRUNER}, lambda h: h.outcome(_change_id(h))),
    "HostMap.run": (WRITERS, lambda h: h.run(lambda tx: tx.hosts.move("a", TWO))),
    "HostMap.transaction": (WRITERS, _in_transaction),
    "Hosts.get": (READERS, lambda h: h.hosts.get("a")),
    "Hosts.get_many": (READERS, lambda h: h.hosts.get_many(["a"])),
    "Hosts.list": (READERS, lambda h: h.hosts.list()),
    "Hosts.iterate": (READERS, lambda h: [*h.hosts.iterate()]),
    "Hosts.wait": (READERS, lambda h: h.hosts.wait(["a"])),
    "Hosts.create": (WRITERS, lambda h: h.hosts.create("new", ONE)),
    "Hosts.create_many": (WRITERS, lambda h: h.hosts.create_many([("x", ONE), ("y", ONE)])),
    "Hosts.move": (WRITERS, lambda h: h.hosts.move("a", ONE)),
    "Hosts.move_all": (WRITERS, lambda h: h.hosts.move_all(ONE, TWO)),
    "Hosts.delete": (WRITERS, lambda h: h.hosts.delete("a")),
    "Hosts.delete_many": (WRITERS, lambda h: h.hosts.delete_many(["b"])),
    "Cells.get": (READERS, lambda h: h.cells.get(ONE)),
    "Cells.get_by_name": (READERS, lambda h: h.cells.get_by_name("cell1")),
    "Cells.resolve": (READERS, lambda h: h.cells.resolve("cell1")),
    "Cells.list": (READERS, lambda h: h.cells.list()),
    "Cells.host_counts": (READERS, lambda h: h.cells.host_counts()),
    "Cells.create": (WRITERS, lambda h: h.cells.create("cell9")),
    "Cells.update": (WRITERS, lambda h: h.cells.update(ONE, disabled=True)),
    "Cells.update_many": (WRITERS, lambda h: h.cells.update_many({ONE: {"name": "renamed"}})),
    "Cells.delete": (WRITERS, lambda h: h.cells.delete(EMPTY)),
    "History.newest": (ALL, lambda h: h.history.newest()),
    "History.position": (ALL, lambda h: h.history.position(1)),
    "History.since": (ALL, lambda h: h.history.since(0)),
    "History.all_since": (ALL, lambda h: h.history.all_since(0)),
    "History.iterate": (ALL, lambda h: [*h.history.iterate(hosts=["a"])]),
    "History.follow": (ALL, _follow),
    "History.of_host": (ALL, lambda h: h.history.of_host("a")),
    "History.of_cell": (ALL, lambda h: h.history.of_cell(ONE)),
    "History.last_before": (
        ALL,
        lambda h: h.history.last_before(h.history.since(0)[0].created_at),
    ),
    "Replica.cell_of": (READERS, _replica(lambda r: r.cell_of("c"))),
    "Replica.cells_of": (READERS, _replica(lambda r: r.cells_of(["c", "none"]))),
    "Replica.known_cell_of": (READERS, _replica(lambda r: r.known_cell_of("c"))),
    "Replica.known_cells_of": (READERS, _replica(lambda r: r.known_cells_of(["c"]))),
    "Replica.hosts_of": (READERS, _replica(lambda r: r.hosts_of(ONE))),
    "Replica.refresh": (READERS, _replica(lambda r: r.refresh())),
    "Replica.wait_for": (READERS, _replica(lambda r: r.wait_for(1))),
    "Replica.subscribe": (READERS, _replica(lambda r: r.subscribe(print))),
    "Replica.start": (READERS, _replica(lambda r: r.start())),
    "History.prune": ({PRUNER, OWNER}, lambda h: h.history.prune(h.revision())),
    "HostMap.break_migration_lock": ({OWNER}, lambda h: h.break_migration_lock()),
    "HostMap.rollback_migrations": (
        {OWNER},
        lambda h: h.rollback_migrations("0007-cell-mapping-change"),
    ),
}
WRITES_OF_CELLS = {"Cells.create", "Cells.update", "Cells.update_many"}


def test_every_public_call_is_tried() -> None:
    kinds = {
        "HostMap": HostMap,
        "Hosts": WaitableHosts,
        "Cells": Cells,
        "History": History,
        "Replica": Replica,
    }
    public = {
        f"{name}.{member}"
        for name, kind in kinds.items()
        for member, value in inspect.getmembers(kind, inspect.isfunction)
        if not member.startswith("_") and member != "close"
    }
    assert public == CALLS.keys() - {"grants"}


def content(connection: Any) -> list[list[str]]:
    """Return all rows of all tables."""
    cursor = connection.cursor()
    found: list[list[str]] = []
    for table in TABLES:
        cursor.execute(f"SELECT * FROM {table}")
        found.append(sorted(map(repr, cursor.fetchall())))
    return found


@pytest.fixture
def directory(backend: Backend) -> Backend:
    cells = backend.hostmap.cells
    cells.create("cell1", uuid=ONE, transport_url="rabbit://nova:s3cret@mq1/")
    cells.create("cell2", uuid=TWO)
    cells.create("cell3", uuid=EMPTY)
    backend.hostmap.hosts.create_many((host, ONE) for host in "abc")
    return backend


@pytest.fixture(params=ROLES)
def role(request: pytest.FixtureRequest) -> Role:
    return ROLES[request.param]


@pytest.fixture
def account(directory: Backend, role: Role) -> Iterator[HostMap]:
    """The directory, as an account with the rights of a role."""
    name = new_name()
    url = directory.url_of_account(name)
    for statement in grants(directory.hostmap, role.name, user=name, urls=role == LOOKUP_WITH_URLS):
        directory.query(statement)
    with role.connect(url) as hostmap:
        yield hostmap
    directory.close()
    directory.drop_account(name)


def remedy_helps(error: HostMapError, role: Role, roles: set[Role]) -> bool:
    """Whether the error names one of these roles, a reader for a read, or the statement to run."""
    named = re.search(r"`hostmap grants --role (\w+)( --urls)?`", str(error))
    if named is None:
        return bool(re.search(r"\bGRANT\b|owner", str(error)))
    assert not named[2] or named[1] == "lookup"
    return named[1] in {"lookup", *(each.name for each in roles)} - {role.name}


@pytest.mark.needs("users")
def test_each_role_makes_exactly_its_calls(
    directory: Backend, role: Role, account: HostMap
) -> None:
    tables = directory.raw()
    before = None
    for name, (roles, call) in CALLS.items():
        if role in roles or (name == "HostMap.outcome" and not directory.locking_needs_update):
            call(account)
            before = None
            continue
        refusal: type[HostMapError] = NotPermitted
        if name in WRITES_OF_CELLS and not role.has_urls:
            refusal = InvalidValue  # before anything is sent
        before = content(tables) if before is None else before
        with pytest.raises(refusal) as caught:
            call(account)
        if refusal is NotPermitted:
            assert remedy_helps(caught.value, role, roles), f"{name}: {caught.value}"
        assert content(tables) == before, name
