"""Each role makes exactly its calls: all others raise `NotPermitted` and change nothing."""

from __future__ import annotations

import dataclasses
import inspect
import re
from dataclasses import dataclass
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any

import pytest

import hostmap_sql
from hostmap_sql import (
    HostMap,
    HostMapError,
    InvalidValue,
    NotPermitted,
    Replica,
    connect,
    grants,
)
from hostmap_sql.sql.rights import TABLES
from tests.support.accounts import account
from tests.support.pace import PATIENT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.support.backends import Backend

ONE = "5f7ccc29-a9eb-417c-865e-b9bd78a72dcc"
TWO = "0b6a1f6e-4a5d-4c8e-9f0a-6f1c9f7b2e11"
EMPTY = "3c1f6b0a-5d7e-4f0c-8f5e-2b9d7a1c4e66"


@dataclass(frozen=True)
class Role:
    """A role, and how its accounts open the directory."""

    name: str
    has_urls: bool = True

    def may(self, name: str) -> bool:
        """Whether it may make a call of `CALLS`."""
        return self in CALLS[name][0]

    def connect(self, url: str) -> HostMap:
        return connect(url, timeout=PATIENT, author="tester", urls=self.has_urls)


LOOKUP = Role("lookup", has_urls=False)
LOOKUP_WITH_URLS = Role("lookup")
SERVICE, PRUNER, OWNER = Role("service"), Role("pruner"), Role("owner")
ROLES = (LOOKUP, LOOKUP_WITH_URLS, PRUNER, SERVICE, OWNER)
"""The last one drops tables."""
READERS = {LOOKUP, LOOKUP_WITH_URLS, SERVICE, OWNER}
WRITERS = {SERVICE, OWNER}
ALL = {*ROLES}

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
    "HostMap.outcome": (WRITERS, lambda h: h.outcome(_change_id(h))),
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

WITHOUT_RIGHTS = {
    "connect",
    "fill_url",
    "generate_key",
    "HostMap.close",
    "Replica.close",
    *(f"{kind}.*" for kind in ("Cipher", "KeyRing", "References", "SecretUrl")),
}
"""The public calls that send no statement."""
TRIED_ELSEWHERE = {"Secrets.*"}


def _public_calls() -> set[str]:
    """Return the names of all functions, and of all methods of classes that are not values."""
    found = set()
    for name in hostmap_sql.__all__:
        value = getattr(hostmap_sql, name)
        if not isinstance(value, type):
            found |= {name} if callable(value) else set()
        elif not (issubclass(value, Exception) or dataclasses.is_dataclass(value)):
            # "Hosts.wait" is a method of the subclass that HostMap has.
            kind = name.replace("WaitableHosts", "Hosts")
            found |= {
                f"{kind}.{member}"
                for member, _ in inspect.getmembers(value, callable)
                if not member.startswith("_")
            }
    return found


def test_every_public_call_is_tried() -> None:
    """Add a new one to `CALLS`, with its roles."""
    skipped = WITHOUT_RIGHTS | TRIED_ELSEWHERE
    needing = {
        call for call in _public_calls() if not {call, f"{call.partition('.')[0]}.*"} & skipped
    }
    assert needing == CALLS.keys()
    assert {"Hosts.wait", "Secrets.seal", "KeyRing.from_file"} <= _public_calls()


def content(connection: Any) -> list[list[str]]:
    """Return all rows of all tables."""
    cursor = connection.cursor()
    found: list[list[str]] = []
    for table in TABLES:
        cursor.execute(f"SELECT * FROM {table}")
        found.append(sorted(map(repr, cursor.fetchall())))
    return found


def fill(backend: Backend) -> None:
    backend.empty()
    with backend.hostmap.transaction() as tx:
        tx.cells.create("cell1", uuid=ONE, transport_url="rabbit://nova:s3cret@mq1/")
        tx.cells.create("cell2", uuid=TWO)
        tx.cells.create("cell3", uuid=EMPTY)
    backend.hostmap.hosts.create_many((host, ONE) for host in "abc")


def remedy_helps(error: HostMapError, role: Role, roles: set[Role]) -> bool:
    """Whether the error names one of these roles, a reader for a read, or the statement to run."""
    named = re.search(r"`hostmap grants --role (\w+)( --urls)?`", str(error))
    if named is None:
        return bool(re.search(r"\bGRANT\b|owner", str(error)))
    assert not named[2] or named[1] == "lookup"
    return named[1] in {"lookup", *(each.name for each in roles)} - {role.name}


def problem_of(name: str, role: Role, hostmap: HostMap) -> str:
    """Make a call; return what is wrong with its result, or nothing."""
    roles, call = CALLS[name]
    may = role.may(name)
    # Before anything is sent.
    is_invalid = name in WRITES_OF_CELLS and not role.has_urls
    try:
        call(hostmap)
    except HostMapError as error:
        refusal = InvalidValue if is_invalid else NotPermitted
        if may or type(error) is not refusal:
            return repr(error)
        helps = is_invalid or remedy_helps(error, role, roles)
        return "" if helps else f"no remedy: {error}"
    return "" if may else "it succeeded"


@pytest.mark.needs("users")
def test_each_role_makes_exactly_its_calls(backend: Backend) -> None:
    tables = backend.raw()
    problems = {}
    for role in ROLES:
        fill(backend)
        with (
            account(backend, role.name, urls=role == LOOKUP_WITH_URLS) as opened,
            role.connect(opened.url) as hostmap,
        ):
            for may, names in groupby(CALLS, role.may):
                before = None if may else content(tables)
                for name in names:
                    problems[role, name] = problem_of(name, role, hostmap)
                if before is not None and content(tables) != before:
                    problems[role, name] += "; it, or a refused call before it, changed something"
    assert {key: problem for key, problem in problems.items() if problem} == {}
    assert len(problems) == len(ROLES) * len(CALLS)
