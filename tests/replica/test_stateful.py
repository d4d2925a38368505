"""Writes, refreshes, prunes, restores and outages in any order: the replica equals a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from hostmap_sql import DatabaseUnavailable, HostMap
from hostmap_sql.replica import snapshot
from tests.support.faults.pools import Switch
from tests.support.pace import PATIENT

if TYPE_CHECKING:
    from hostmap_sql import ChangeSet
    from tests.conftest import Cells
    from tests.support.backends import Backend

FIRST = 3
"""The revision with three cells and no hosts."""

HOSTS = ["a", "A", "\N{LATIN SMALL LETTER E WITH ACUTE}"]

hosts = st.sampled_from(HOSTS)
numbers = st.integers(0, 2)


class Following(RuleBasedStateMachine):
    """A replica, a model of the directory, and the model as of the last refresh."""

    backend: ClassVar[Backend]
    cells: ClassVar[Cells]
    monkeypatch: ClassVar[pytest.MonkeyPatch]

    def __init__(self) -> None:
        super().__init__()
        self.backend.reset(FIRST)
        self.directory = self.backend.hostmap
        self.switch = Switch(self.backend.open_raw)
        self.hostmap = HostMap(self.switch, self.backend.dialect_name, timeout=PATIENT)
        self.replica = self.hostmap.replica(read_through=False)
        self.places: dict[str, str] = {}
        self.is_off = [False, False, True]
        self.refreshed = self._state()
        self.delivered: list[int] = []
        self.replica.subscribe(self._deliver, reloaded=self.delivered.clear)

    def _deliver(self, changeset: ChangeSet) -> None:
        assert not self.delivered or changeset.revision == self.delivered[-1] + 1
        self.delivered.append(changeset.revision)

    def _state(self) -> tuple[int, dict[str, str], list[bool]]:
        return self.directory.revision(), dict(self.places), list(self.is_off)

    # --- the directory ------------------------------------------------------------------------

    @rule(host=hosts, number=numbers)
    def put(self, host: str, number: int) -> None:
        cell = self.cells[number].uuid
        self.directory.hosts.create_many([(host, cell)], on_conflict="move")
        self.places[host] = cell

    @rule(host=hosts)
    def remove(self, host: str) -> None:
        self.directory.hosts.delete_many([host])
        self.places.pop(host, None)

    @rule(old=numbers, new=numbers)
    def move_all(self, old: int, new: int) -> None:
        source, target = self.cells[old].uuid, self.cells[new].uuid
        self.directory.hosts.move_all(source, target)
        self.places = {h: target if c == source else c for h, c in self.places.items()}

    @rule(number=numbers, disabled=st.booleans())
    def switch_cell(self, number: int, disabled: bool) -> None:  # noqa: FBT001 - a rule's
        self.directory.cells.update(self.cells[number].uuid, disabled=disabled)
        self.is_off[number] = disabled

    @rule(before=st.integers(0, 12))
    def prune(self, before: int) -> None:
        self.directory.history.prune(before=before)

    @rule(is_used=st.sampled_from([True, True, False]))
    def restore(self, is_used: bool) -> None:  # noqa: FBT001 - a rule's
        self.backend.reset(FIRST)  # has the effect of restoring a backup
        self.places, self.is_off = {}, [False, False, True]
        if is_used:
            self.put(HOSTS[0], 0)

    @rule(away=st.sampled_from([False, False, True]))
    def begin_or_end_an_outage(self, away: bool) -> None:  # noqa: FBT001 - a rule's
        self.switch.failure = self.backend.driver.lost_connection if away else None

    # --- the replica --------------------------------------------------------------------------

    @rule(is_large=st.booleans())
    def resize(self, is_large: bool) -> None:  # noqa: FBT001 - a rule's
        """Keep later changes as in a large directory, beside the hosts, or as in a small one."""
        self.monkeypatch.setattr(snapshot, "_SMALL_DIRECTORY", 0 if is_large else 1000)

    # A second rule, so that refreshes are drawn as often as writes.
    @rule()
    def refresh_too(self) -> None:
        self.refresh()

    @rule(host=hosts, number=numbers)
    def put_and_refresh(self, host: str, number: int) -> None:
        self.put(host, number)
        self.refresh()

    @rule()
    def refresh(self) -> None:
        if self.switch.failure is None and not self._database_lags():
            self.replica.refresh()
            self.refreshed = self._state()
        else:
            with self.hostmap.timeout(0.02), pytest.raises(DatabaseUnavailable):
                self.replica.refresh()

    def _database_lags(self) -> bool:
        """Whether nothing shows that the database was restored, and does not merely lag."""
        newest = self.directory.revision()
        known = self.replica._refresher.snapshot.change_ids.get(newest)
        now = self.directory.history.position(newest).change_id
        return newest < self.replica.revision and (known is None or now in (known, None))

    @invariant()
    def the_replica_equals_the_model_of_the_last_refresh(self) -> None:
        revision, places, is_off = self.refreshed
        assert self.replica.revision == revision
        assert {h: cell.uuid for h, cell in self.replica.cells_of(HOSTS).items()} == places
        assert len(self.replica) == len(places)
        assert [self.replica.cells[cell.uuid].disabled for cell in self.cells] == is_off
        for cell in self.cells:
            here = sorted(host for host, uuid in places.items() if uuid == cell.uuid)
            assert self.replica.hosts_of(cell.uuid) == here


@pytest.mark.proof
def test_the_replica_equals_the_model(
    backend: Backend,
    cells: Cells,
    monkeypatch: pytest.MonkeyPatch,
    full: bool,  # noqa: FBT001 - a fixture
) -> None:
    monkeypatch.setattr(snapshot, "_OVERLAY_FRACTION", 100)  # no overlay is too large

    class OnThisBackend(Following):
        pass

    OnThisBackend.backend, OnThisBackend.cells = backend, cells
    OnThisBackend.monkeypatch = monkeypatch
    run_state_machine_as_test(
        OnThisBackend,
        settings=settings(
            max_examples=200 if full else 4,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
