"""Both faces have the same methods, with the same arguments; what may wait is a coroutine."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from hostmap_sql import Changes, HostMap, aio, connect
from hostmap_sql.aio import (
    AsyncCells,
    AsyncChanges,
    AsyncHistory,
    AsyncHostMap,
    AsyncHosts,
    AsyncReplica,
    AsyncWatchedHosts,
)
from hostmap_sql.cells import Cells
from hostmap_sql.history import History
from hostmap_sql.hosts import Hosts
from hostmap_sql.replica import Replica
from hostmap_sql.waiting import WatchedHosts

FACES: dict[type, type] = {
    Cells: AsyncCells,
    Changes: AsyncChanges,
    History: AsyncHistory,
    HostMap: AsyncHostMap,
    Hosts: AsyncHosts,
    Replica: AsyncReplica,
    WatchedHosts: AsyncWatchedHosts,
}

# What never waits, so that there is nothing to await: it is as in the other face.
AT_ONCE = {
    "HostMap.signed",
    "HostMap.timeout",
    "HostMap.transaction",
    "Replica.hosts_of",
    "Replica.known_cell_of",
    "Replica.known_cells_of",
}
ITERATORS = {"Hosts.iterate", "WatchedHosts.iterate", "History.follow", "History.iterate"}


def public(kind: type) -> dict[str, Any]:
    """What a class has that has a name of its own, and what `len` and the like ask for."""
    dunders = {"__contains__", "__len__", "__bool__"}
    return {
        name: inspect.getattr_static(kind, name)
        for name in dir(kind)
        if (not name.startswith("_") or (name in dunders and name in vars(kind)))
        and type(inspect.getattr_static(kind, name)).__name__ != "member_descriptor"
    }


def arguments(function: Any) -> list[tuple[str, Any, Any]]:
    """The names, kinds and defaults of what it takes."""
    parameters = inspect.signature(function).parameters.values()
    return [(p.name, p.kind, p.default) for p in parameters]


METHODS = [
    pytest.param(sync, name, id=f"{sync.__name__}.{name}")
    for sync in FACES
    for name, value in public(sync).items()
    if inspect.isfunction(value)
]


@pytest.mark.parametrize(("sync", "name"), METHODS)
def test_a_method_takes_the_same_and_is_awaited(sync: type, name: str) -> None:
    here, there = getattr(sync, name), getattr(FACES[sync], name)
    full_name = f"{sync.__name__}.{name}"

    assert arguments(there) == arguments(here)
    assert inspect.isasyncgenfunction(there) == (full_name in ITERATORS)
    at_once = full_name in AT_ONCE | ITERATORS or name.startswith("__")
    assert inspect.iscoroutinefunction(there) != at_once


@pytest.mark.parametrize("sync", FACES)
def test_neither_face_has_more_than_the_other(sync: type) -> None:
    there = {*public(FACES[sync])}
    # An attribute there, since it is never changed, may be a property here.
    assert there - {"read_through"} == {*public(sync)}


def test_the_attributes_are_the_same() -> None:
    with connect("sqlite:///none.db") as hostmap:
        wrapped = AsyncHostMap(hostmap)
        assert [n for n in vars(wrapped) if n[0] != "_"] == [
            n for n in vars(hostmap) if n[0] != "_"
        ]


def test_both_are_connected_alike() -> None:
    assert arguments(aio.connect) == arguments(connect)
    assert issubclass(AsyncWatchedHosts, AsyncHosts) == issubclass(WatchedHosts, Hosts)


def test_help_tells_what_a_coroutine_does() -> None:
    assert AsyncHosts.get.__doc__ == Hosts.get.__doc__
    assert AsyncHosts.get.__name__ == "get"
