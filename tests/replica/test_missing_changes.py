"""A replica whose node lags, whose database was restored, or whose changes were pruned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hostmap_sql import DatabaseUnavailable
from tests.replica.test_replica import assert_equals_the_table
from tests.support.pace import SLOWNESS

if TYPE_CHECKING:
    from hostmap_sql import HostMap
    from tests.conftest import Cells
    from tests.support.backends import Backend


@pytest.mark.parametrize("later_writes", [1, 2, 5])
def test_a_restored_database_is_loaded_again(
    later_writes: int, backend: Backend, cells: Cells
) -> None:
    hostmap = backend.hostmap
    hostmap.hosts.create("lost", cells.one.uuid)
    hostmap.hosts.create("lost as well", cells.one.uuid)
    replica = hostmap.replica(read_through=False)
    events: list[object] = []
    replica.subscribe(events.append, reloaded=lambda: events.append("reloaded"))

    backend.reset(3)  # has the effect of restoring a backup
    for number in range(later_writes):
        hostmap.hosts.create(f"new{number}", cells.two.uuid)
    replica.refresh()

    assert "lost" not in replica
    assert_equals_the_table(replica, hostmap)
    assert events == ["reloaded"]


def test_a_node_that_lags_takes_nothing_back(backend: Backend, cells: Cells) -> None:
    hostmap = backend.connect(author="tester")
    for host in "ab":
        hostmap.hosts.create(host, cells.one.uuid)
    replica = hostmap.replica(read_through=False)
    events: list[object] = []
    replica.subscribe(events.append, reloaded=lambda: events.append("reloaded"))
    ages = [replica.age]

    last = ("mapping_changeset", "host_mapping_change", "host_mapping")
    for table in last:
        backend.query(f"CREATE TABLE late_{table} AS SELECT * FROM {table} WHERE revision = 5")
    backend.reset(4)  # the change is late on this node
    for _ in range(2):
        with hostmap.timeout(0.1 * SLOWNESS), pytest.raises(DatabaseUnavailable):
            replica.refresh()
        ages.append(replica.age)

    assert replica.revision == 5
    assert "b" in replica
    assert ages == sorted(ages)

    for table in last:
        backend.query(f"INSERT INTO {table} SELECT * FROM late_{table}")
    backend.query("UPDATE mapping_revision SET revision = 5")
    replica.refresh()

    assert replica.age < ages[-1]
    assert_equals_the_table(replica, hostmap)
    assert events == []


def test_a_history_pruned_past_the_replica_causes_a_reload(hostmap: HostMap, cells: Cells) -> None:
    hostmap.hosts.create("a", cells.one.uuid)
    replicas = [hostmap.replica()]
    for host in "bcd":
        hostmap.hosts.create(host, cells.two.uuid)
        replicas.append(hostmap.replica())
    hostmap.history.prune(before=6)

    for replica in replicas:
        replica.refresh()
        assert_equals_the_table(replica, hostmap)
