"""Commits that wait for standbys which do not answer: a local commit is no success."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from hostmap_sql import DatabaseUnavailable, HostMappingExists, OutcomeUnknown
from tests.support.pace import SLOWNESS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.backends import Backend

WAITING = """
SELECT pg_{end}_backend(pid) FROM pg_stat_activity
 WHERE datname = current_database() AND wait_event = 'SyncRep'"""


@contextmanager
def without_standbys(backend: Backend) -> Iterator[None]:
    """Let commits wait, for a block, for a standby that does not exist."""
    set_standbys(backend, "gone")
    try:
        yield
    finally:
        set_standbys(backend, "")


def set_standbys(backend: Backend, names: str) -> None:
    backend.query(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
    backend.query("SELECT pg_reload_conf()")
    while backend.query("SHOW synchronous_standby_names") != [(names,)]:
        time.sleep(0.01)


@pytest.mark.parametrize("own_kind", ["postgresql"])
@pytest.mark.parametrize("end", ["cancel", "terminate"])
def test_a_commit_without_its_standbys_is_in_doubt(own_backend: Backend, end: str) -> None:
    cell = own_backend.hostmap.cells.create("cell1")
    hostmap = own_backend.connect(timeout=2 * SLOWNESS)

    with without_standbys(own_backend), ThreadPoolExecutor() as threads:
        created = threads.submit(hostmap.hosts.create, "a", cell.uuid)
        while not created.done():
            own_backend.query(WAITING.format(end=end))
            time.sleep(0.01)
        with pytest.raises(OutcomeUnknown) as caught:
            created.result()
        assert own_backend.hostmap.hosts.get("a").revision == 2

    error = caught.value
    assert own_backend.hostmap.outcome(error.change_id, revision=error.revision) == "committed"
    assert own_backend.hostmap.revision() == error.revision == 2


@pytest.mark.parametrize("own_kind", ["postgresql"])
def test_no_answer_is_given_without_the_standbys(own_backend: Backend) -> None:
    """A change by another client may be there only locally."""
    cell = own_backend.hostmap.cells.create("cell1")
    own_backend.hostmap.hosts.create("a", cell.uuid)
    hostmap = own_backend.connect(timeout=SLOWNESS)
    calls: list[Callable[[], object]] = [
        lambda: hostmap.hosts.move("a", cell.uuid),
        lambda: hostmap.hosts.create("a", cell.uuid),
        lambda: hostmap.hosts.delete("b"),
    ]

    for call in calls:
        with without_standbys(own_backend), pytest.raises(DatabaseUnavailable):
            call()

    assert hostmap.hosts.move("a", cell.uuid).revision == hostmap.revision() == 2
    with pytest.raises(HostMappingExists):
        hostmap.hosts.create("a", cell.uuid)
