"""External pools in processes that fork: a child is often given its parent's connections."""

from __future__ import annotations

import os
from contextlib import closing, nullcontext
from typing import TYPE_CHECKING

import pytest

from hostmap_sql import HostMap
from tests.support.forks import Child, in_child, refused
from tests.surroundings.test_pools import pools

if TYPE_CHECKING:
    from tests.conftest import Cells
    from tests.support.backends import Backend

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")

HOSTS = [f"web-{number}" for number in range(20)]
REFUSAL = (
    "DatabaseError: the pool lent a connection of the process that this one was forked from: "
    "make the pool, and all of its connections, after the fork"
)
NOBODY = 65534


def look_up(hostmap: HostMap) -> list[str]:
    """Return the answer or the error for each host, in order."""
    found = []
    for host in HOSTS:
        try:
            mapping = hostmap.hosts.get(host)
        except Exception as error:  # noqa: BLE001 - the test looks at it
            found.append(f"{type(error).__name__}: {error}")
        else:
            found.append(f"{mapping.host} {mapping.cell.name}")
    return found


def test_a_child_answers_correctly_or_refuses_the_connections_of_its_parent(
    backend: Backend, cells: Cells
) -> None:
    pairs = [(host, (cells.one, cells.two)[n % 2].uuid) for n, host in enumerate(HOSTS)]
    backend.hostmap.hosts.create_many(pairs)
    right = [f"{host} {('cell1', 'cell2')[n % 2]}" for n, host in enumerate(HOSTS)]
    for name, lend in pools(backend):
        hostmap = HostMap(lend, backend.dialect_name, timeout=60)
        assert look_up(hostmap) == right, name
        children = [Child(lambda hostmap=hostmap: look_up(hostmap)) for _ in range(2)]  # type: ignore[misc]
        assert look_up(hostmap) == right, name
        for child in children:
            answers = child.result()
            assert all(a in (REFUSAL, r) for a, r in zip(answers, right, strict=True))
            # DBUtils pings the connection, finds it unusable, and opens another.
            assert REFUSAL in answers or name == "DBUtils", (name, answers)


def test_a_pool_in_a_child_does_not_affect_a_transaction_of_its_parent(
    backend: Backend, cells: Cells
) -> None:
    """SQLAlchemy and DBUtils roll back returned connections: half of the parent's transaction."""
    for name, lend in pools(backend):
        hostmap = HostMap(lend, backend.dialect_name, timeout=60)
        assert hostmap.hosts.get_many(["a", "b"]) == {}
        begun, tell = os.pipe()

        def work(hostmap: HostMap = hostmap, begun: int = begun) -> None:
            os.read(begun, 1)
            look_up(hostmap)

        child = Child(work)
        with hostmap.transaction() as tx:
            tx.hosts.create("a", cells.one.uuid)
            os.write(tell, b"x")
            child.result()
            tx.hosts.create("b", cells.two.uuid)
        assert sorted(hostmap.hosts.get_many(["a", "b"])) == ["a", "b"], name
        assert hostmap.check() == ()
        hostmap.hosts.delete_many(["a", "b"])
        os.close(begun)
        os.close(tell)


@pytest.mark.needs("sessions")
def test_a_child_of_another_user_refuses_the_connections_of_its_parent(
    backend: Backend, cells: Cells
) -> None:
    """Servers started by root run their workers as another user."""

    def work() -> str:
        os.setuid(NOBODY)
        return refused(lambda: hostmap.cells.get(cells.one.uuid))

    with closing(backend.open_raw()) as connection:
        hostmap = HostMap(lambda: nullcontext(connection), backend.dialect_name)
        assert hostmap.cells.get(cells.one.uuid) == cells.one
        assert in_child(work) == REFUSAL
        assert hostmap.cells.get(cells.one.uuid) == cells.one


def test_a_pool_made_in_the_child_works(backend: Backend, cells: Cells) -> None:
    def work() -> None:
        for name, lend in pools(backend):
            hostmap = HostMap(lend, backend.dialect_name, timeout=60)
            assert hostmap.cells.get(cells.one.uuid) == cells.one, name

    in_child(work)
