"""Both APIs have the same methods with the same arguments; those that may wait are coroutines."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from hostmap_sql import HostMap, WriteTransaction, aio, connect
from hostmap_sql.aio import (
    AsyncCells,
    AsyncHistory,
    AsyncHostMap,
    AsyncHosts,
    AsyncReplica,
    AsyncSecrets,
    AsyncWaitableHosts,
    AsyncWriteTransaction,
)
from hostmap_sql.directory.cells import Cells
from hostmap_sql.directory.history import History
from hostmap_sql.directory.hosts import Hosts
from hostmap_sql.directory.secrets import Secrets
from hostmap_sql.directory.wait_for_hosts import WaitableHosts
from hostmap_sql.replica.replica import Replica

PROXIES: dict[type, type] = {
    Cells: AsyncCells,
    WriteTransaction: AsyncWriteTransaction,
    History: AsyncHistory,
    Secrets: AsyncSecrets,
    HostMap: AsyncHostMap,
    Hosts: AsyncHosts,
    Replica: AsyncReplica,
    WaitableHosts: AsyncWaitableHosts,
}

# Methods that never wait, and so are no coroutines.
NEVER_WAITING = {
    "HostMap.with_author",
    "HostMap.timeout",
    "HostMap.transaction",
    "Replica.hosts_of",
    "Replica.known_cell_of",
    "Replica.known_cells_of",
}
ITERATORS = {"Hosts.iterate", "WaitableHosts.iterate", "History.follow", "History.iterate"}


def public(kind: type) -> dict[str, Any]:
    """Return the public names of a class, with the methods behind `len` and the like."""
    dunders = {"__contains__", "__len__", "__bool__"}
    return {
        name: inspect.getattr_static(kind, name)
        for name in dir(kind)
        if (not name.startswith("_") or (name in dunders and name in vars(kind)))
        and type(inspect.getattr_static(kind, name)).__name__ != "member_descriptor"
    }


def arguments(function: Any) -> list[tuple[str, Any, Any]]:
    """Return the names, kinds and defaults of the parameters."""
    parameters = inspect.signature(function).parameters.values()
    return [(p.name, p.kind, p.default) for p in parameters]


METHODS = [
    pytest.param(sync, name, id=f"{sync.__name__}.{name}")
    for sync in PROXIES
    for name, value in public(sync).items()
    if inspect.isfunction(value)
]


@pytest.mark.parametrize(("sync", "name"), METHODS)
def test_methods_have_the_same_arguments_and_are_awaited(sync: type, name: str) -> None:
    here, there = getattr(sync, name), getattr(PROXIES[sync], name)
    full_name = f"{sync.__name__}.{name}"

    assert arguments(there) == arguments(here)
    assert inspect.isasyncgenfunction(there) == (full_name in ITERATORS)
    never_waits = full_name in NEVER_WAITING | ITERATORS or name.startswith("__")
    assert inspect.iscoroutinefunction(there) != never_waits


@pytest.mark.parametrize("sync", PROXIES)
def test_both_apis_have_the_same_public_names(sync: type) -> None:
    there = {*public(PROXIES[sync])}
    assert there == {*public(sync)}


def test_connect_has_the_same_arguments() -> None:
    assert arguments(aio.connect) == arguments(connect)
    assert issubclass(AsyncWaitableHosts, AsyncHosts) == issubclass(WaitableHosts, Hosts)


def test_coroutines_keep_their_docstrings() -> None:
    assert AsyncHosts.get.__doc__ == Hosts.get.__doc__
    assert AsyncHosts.get.__name__ == "get"
