"""Pools of a caller's own in processes that fork: what they lend there is often the parent's."""

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


def said(hostmap: HostMap) -> list[str]:
    """What is said of each host, in order."""
    found = []
    for host in HOSTS:
        try:
            mapping = hostmap.hosts.get(host)
        except Exception as error:  # noqa: BLE001 - the test looks at it
            found.append(f"{type(error).__name__}: {error}")
        else:
            found.append(f"{mapping.host} {mapping.cell.name}")
    return found


def test_a_child_answers_rightly_or_says_that_the_pool_is_its_parents(
    backend: Backend, cells: Cells
) -> None:
    pairs = [(host, (cells.one, cells.two)[n % 2].uuid) for n, host in enumerate(HOSTS)]
    backend.hostmap.hosts.create_many(pairs)
    right = [f"{host} {('cell1', 'cell2')[n % 2]}" for n, host in enumerate(HOSTS)]
    for name, lend in pools(backend):
        hostmap = HostMap(lend, backend.dialect_name, timeout=60)
        assert said(hostmap) == right, name
        children = [Child(lambda hostmap=hostmap: said(hostmap)) for _ in range(2)]  # type: ignore[misc]
        assert said(hostmap) == right, name
        for child in children:
            answers = child.result()
            assert all(is_ in (REFUSAL, should) for is_, should in zip(answers, right, strict=True))
            # DBUtils has found the first by asking, and connected again.
            assert REFUSAL in answers or name == "DBUtils", (name, answers)


def test_what_a_childs_pool_does_to_a_connection_does_not_reach_its_parent(
    backend: Backend, cells: Cells
) -> None:
    """SQLAlchemy's and DBUtils' roll back what comes back: half of the parent's transaction."""
    for name, lend in pools(backend):
        hostmap = HostMap(lend, backend.dialect_name, timeout=60)
        assert hostmap.hosts.get_many(["a", "b"]) == {}
        begun, tell = os.pipe()

        def work(hostmap: HostMap = hostmap, begun: int = begun) -> None:
            os.read(begun, 1)
            said(hostmap)

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
def test_a_child_that_may_not_look_at_its_parent_knows_what_that_one_used(
    backend: Backend, cells: Cells
) -> None:
    """As servers do it that were started by root, and let their workers be somebody else."""

    def work() -> str:
        os.setuid(NOBODY)
        return refused(lambda: hostmap.cells.get(cells.one.uuid))

    with closing(backend.open_raw()) as connection:
        hostmap = HostMap(lambda: nullcontext(connection), backend.dialect_name)
        assert hostmap.cells.get(cells.one.uuid) == cells.one
        assert in_child(work) == REFUSAL
        assert hostmap.cells.get(cells.one.uuid) == cells.one


def test_a_pool_that_is_made_in_the_child_works(backend: Backend, cells: Cells) -> None:
    def work() -> None:
        for name, lend in pools(backend):
            hostmap = HostMap(lend, backend.dialect_name, timeout=60)
            assert hostmap.cells.get(cells.one.uuid) == cells.one, name

    in_child(work)
