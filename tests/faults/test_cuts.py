"""Connections cut at each byte of each write: the result matches the directory, once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from random import choice, randrange
from typing import TYPE_CHECKING, NamedTuple

import pytest

from hostmap_sql import DatabaseUnavailable
from tests.support.faults.proxied import connected_through, in_front_of
from tests.support.faults.proxy import Cut, Direction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hostmap_sql import HostMap, WriteTransaction
    from tests.conftest import Cells
    from tests.support.backends import Backend
    from tests.support.faults.proxy import Proxy

pytestmark = [pytest.mark.proof, pytest.mark.needs("networks")]

ROUNDS = 30
"""The approximate number of cuts of each operation without --full, besides those of COMMIT."""
ENDS = [Cut.RESET, Cut.CLOSE]
LONG_REVISION = 100_000
NEW_CELL = "7b0c2f6e-31f1-4f0e-8a55-9d6a3c1e2b44"


# --- the operations -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Operation:
    """One write, and the call that undoes it."""

    plan: Callable[[HostMap, Cells], Callable[[HostMap], object]]
    undo: Callable[[HostMap, Cells], object]
    is_repeated: bool = True
    """Whether the library retries it until it succeeds."""


def moving(directory: HostMap, cells: Cells) -> Callable[[HostMap], object]:
    revision = directory.hosts.get("a").revision
    return lambda hostmap: hostmap.hosts.move("a", cells.two.uuid, expected_revision=revision)


def creating_cell(_: HostMap, cells: Cells) -> Callable[[HostMap], object]:
    return lambda hostmap: hostmap.cells.create(
        "new", uuid=NEW_CELL, transport_url="rabbit://u:s3cret@mq/", disabled=cells.off.disabled
    )


def updating_cell(directory: HostMap, cells: Cells) -> Callable[[HostMap], object]:
    revision = directory.cells.get(cells.two.uuid).revision
    return lambda hostmap: hostmap.cells.update(
        cells.two.uuid, name="renamed", disabled=True, expected_revision=revision
    )


def restoring_cell(directory: HostMap, cells: Cells) -> None:
    directory.cells.create(cells.off.name, uuid=cells.off.uuid, disabled=True)


def several(tx: WriteTransaction, cells: Cells) -> str:
    tx.hosts.create("new", cells.one.uuid)
    tx.hosts.move("a", tx.cells.get(cells.two.uuid).uuid)
    tx.cells.update(cells.one.uuid, disabled=True)
    return tx.hosts.get("new").host


def block(hostmap: HostMap, cells: Cells) -> str:
    with hostmap.transaction(reason="a block") as tx:
        return several(tx, cells)


def undo_several(directory: HostMap, cells: Cells) -> None:
    directory.hosts.delete("new")
    directory.hosts.move("a", cells.one.uuid)
    directory.cells.update(cells.one.uuid, disabled=False)


OPERATIONS = {
    "hosts.create": Operation(
        lambda _, cells: lambda hostmap: hostmap.hosts.create("new", cells.one.uuid),
        lambda directory, _: directory.hosts.delete("new"),
    ),
    "hosts.move": Operation(
        moving,
        lambda directory, cells: directory.hosts.move("a", cells.one.uuid),
    ),
    "hosts.delete": Operation(
        lambda _, cells: (
            lambda hostmap: hostmap.hosts.delete("a", expected_cell_uuid=cells.one.uuid)
        ),
        lambda directory, cells: directory.hosts.create("a", cells.one.uuid),
    ),
    "hosts.create_many": Operation(
        lambda _, cells: (
            lambda hostmap: hostmap.hosts.create_many(
                [("new", cells.two.uuid), ("newer", cells.one.uuid), ("a", cells.one.uuid)]
            )
        ),
        lambda directory, _: directory.hosts.delete_many(["new", "newer"]),
    ),
    "hosts.delete_many": Operation(
        lambda _, __: lambda hostmap: hostmap.hosts.delete_many(["a", "b", "missing"]),
        lambda directory, cells: directory.hosts.create_many(
            [("a", cells.one.uuid), ("b", cells.one.uuid)]
        ),
    ),
    "hosts.move_all": Operation(
        lambda _, cells: lambda hostmap: hostmap.hosts.move_all(cells.one.uuid, cells.two.uuid),
        lambda directory, cells: directory.hosts.move_all(cells.two.uuid, cells.one.uuid),
    ),
    "cells.create": Operation(
        creating_cell,
        lambda directory, _: directory.cells.delete(NEW_CELL),
    ),
    "cells.update": Operation(
        updating_cell,
        lambda directory, cells: directory.cells.update(
            cells.two.uuid, name=cells.two.name, disabled=False
        ),
    ),
    "cells.delete": Operation(
        lambda _, cells: lambda hostmap: hostmap.cells.delete(cells.off.uuid),
        restoring_cell,
    ),
    "run": Operation(
        lambda _, cells: lambda hostmap: hostmap.run(partial(several, cells=cells)),
        undo_several,
    ),
    "transaction": Operation(
        lambda _, cells: lambda hostmap: block(hostmap, cells),
        undo_several,
        is_repeated=False,
    ),
}


# --- the state of the directory -------------------------------------------------------------------


class Contents(NamedTuple):
    """Return the content of the directory, without values that differ with each write."""

    hosts: dict[str, str]
    cells: dict[str, tuple[object, ...]]


def contents(directory: HostMap) -> Contents:
    cells = directory.cells.list()
    return Contents(
        {mapping.host: mapping.cell_uuid for mapping in directory.hosts.list()},
        {cell.uuid: (cell.name, cell.disabled, bool(cell.transport_url)) for cell in cells},
    )


def recorded(directory: HostMap, revision: int) -> list[tuple[object, ...]]:
    """Return the history after a revision, without values that differ each time."""
    return [
        (
            changeset.revision - revision,
            changeset.reason,
            [
                (change.host, change.old_cell_uuid, change.new_cell_uuid)
                for change in changeset.hosts
            ],
            [(cell.cell_uuid, cell.action) for cell in changeset.cells],
        )
        for changeset in directory.history.since(revision)
    ]


def plain(result: object, directory: HostMap) -> object:
    """Return a result with its revision relative to the newest, and without times."""
    revision = getattr(result, "revision", None)
    if revision is None:
        return result
    fields = {name: getattr(result, name, None) for name in ("host", "cell_uuid", "uuid", "name")}
    return type(result), directory.revision() - revision, fields


# --- the rounds -----------------------------------------------------------------------------------


class Round(NamedTuple):
    direction: Direction
    offset: int
    how: Cut


class Bench:
    """Repeats an operation on one directory, and restores the content after each round."""

    def __init__(self, name: str, backend: Backend, cells: Cells) -> None:
        self.operation = OPERATIONS[name]
        self.directory = directory = backend.hostmap
        n = LONG_REVISION
        # The next revisions must be as long as this one, as numbers and as text.
        backend.query(f"UPDATE mapping_revision SET revision = {n}, pruned_revision = {n}")
        self.cells = cells
        directory.hosts.create_many([(host, cells.one.uuid) for host in "abc"])
        directory.cells.update(cells.off.uuid, transport_url=None, database_connection=None)
        self.before = contents(directory)
        # The result without a fault, which every other round must match.
        revision = directory.revision()
        result = self.operation.plan(directory, cells)(directory)
        self.result = plain(result, directory)
        self.after = contents(directory)
        self.record = recorded(directory, revision)
        assert self.after != self.before
        assert len(self.record) == 1
        self.operation.undo(directory, cells)
        assert contents(directory) == self.before

    def try_once(self, hostmap: HostMap, disturb: Callable[[], object]) -> bool:
        """Run the operation under a fault, compare its result with the directory, and undo it."""
        act = self.operation.plan(self.directory, self.cells)
        revision = self.directory.revision()
        disturb()
        try:
            result = act(hostmap)
        except DatabaseUnavailable:
            assert not self.operation.is_repeated
            assert contents(self.directory) == self.before
            assert recorded(self.directory, revision) == []
            return False
        assert contents(self.directory) == self.after
        assert recorded(self.directory, revision) == self.record
        assert plain(result, self.directory) == self.result
        self.operation.undo(self.directory, self.cells)
        return True


@pytest.fixture
def proxy(backend: Backend) -> Iterator[Proxy]:
    with in_front_of(backend) as proxy:
        yield proxy


def rounds(turns: list[tuple[Direction, int]], *, full: bool) -> Iterator[Round]:
    """Return where to cut: each byte of the last request and answer, and some others."""
    last = dict(turns[-2:])
    assert [*last] == [*Direction]
    total = sum(size for _, size in turns)
    step = 1 if full else max(1, total // ROUNDS)
    for direction in Direction:
        size = sum(turn[1] for turn in turns if turn[0] is direction)
        commit = range(size - last[direction], size + 1)
        rest = range(0 if full else randrange(step), commit.start, step)
        for offset in rest:
            yield Round(direction, offset, choice(ENDS))
        for offset in commit:
            for how in ENDS if full else [choice(ENDS)]:
                yield Round(direction, offset, how)


def cut_everywhere(
    bench: Bench, proxy: Proxy, backend: Backend, *, full: bool, warm: bool
) -> list[bool]:
    """Run one round for each cut, on a new connection; return which of them succeeded."""

    def one_round(disturb: Callable[[], object]) -> tuple[bool, bool]:
        """Return whether it succeeded, and whether it was cut."""
        with connected_through(proxy, backend) as hostmap:
            if warm:
                hostmap.revision()
            told = bench.try_once(hostmap, disturb)
            cut = proxy.has_cut()
            turns[:] = turns or proxy.turns()
            proxy.resume()
        return told, cut

    turns: list[tuple[Direction, int]] = []
    assert one_round(proxy.mark)[0]
    done = [one_round(partial(proxy.cut_after, *where)) for where in rounds(turns, full=full)]
    # A time that ends in zeros is shorter, so the last offsets are not always reached.
    assert sum(cut for _, cut in done) >= 0.95 * len(done)
    return [told for told, _ in done]


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_result_of_a_write_that_is_cut_is_correct(
    name: str,
    backend: Backend,
    cells: Cells,
    proxy: Proxy,
    full: bool,  # noqa: FBT001 - a fixture
) -> None:
    bench = Bench(name, backend, cells)
    told = cut_everywhere(bench, proxy, backend, full=full, warm=True)
    assert True in told
    assert all(told) or not bench.operation.is_repeated
    assert backend.hostmap.check() == ()


def test_the_result_of_a_write_that_is_cut_after_connecting_is_correct(
    backend: Backend,
    cells: Cells,
    proxy: Proxy,
    full: bool,  # noqa: FBT001 - a fixture
) -> None:
    bench = Bench("hosts.create", backend, cells)
    assert all(cut_everywhere(bench, proxy, backend, full=full, warm=False))
    assert backend.hostmap.check() == ()
