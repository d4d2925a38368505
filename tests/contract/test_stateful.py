"""Random operations have the same effect on the library as on a model in Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from hostmap_sql import HostMapError
from tests.support.histories.model import NAMES_OF_ACTIONS, Model, Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from hostmap_sql import HostMap
    from tests.support.backends import Backend

UUIDS = [f"{digit * 8}-2222-4333-8444-555555555555" for digit in "1af"]
# Few, so that operations collide; similar, so that a database that folds names is detected.
HOSTS = ["web1", "WEB1", "w\N{LATIN SMALL LETTER E WITH ACUTE}b1", "web 1", "\U0001f600", "%"]

uuids = st.sampled_from(UUIDS)
hosts = st.sampled_from(HOSTS)
cell_names = st.sampled_from(["cell", "Cell", "c\N{LATIN SMALL LETTER E WITH DIAERESIS}ll"])
revisions = st.none() | st.integers(0, 12)
changes_of_cells = st.fixed_dictionaries(
    {}, optional={"name": cell_names, "disabled": st.booleans()}
)

operations = st.one_of(
    st.tuples(st.just("create_cell"), uuids, cell_names, st.booleans()),
    st.tuples(st.just("update_cell"), uuids, changes_of_cells, revisions),
    st.tuples(st.just("delete_cell"), uuids, revisions),
    st.tuples(st.just("create"), hosts, uuids),
    st.tuples(st.just("move"), hosts, uuids, st.none() | uuids, revisions),
    st.tuples(st.just("delete"), hosts, st.none() | uuids, revisions),
    st.tuples(
        st.just("create_many"),
        st.lists(st.tuples(hosts, uuids), max_size=5),
        st.sampled_from(["report", "move", "fail"]),
    ),
    st.tuples(st.just("delete_many"), st.lists(hosts, max_size=4)),
    st.tuples(st.just("move_all"), uuids, uuids),
)
Operation = tuple[Any, ...]


def do(directory: Any, name: str, *arguments: Any) -> object:
    """Do an operation on a HostMap or in a transaction."""
    if name == "create_cell":
        uuid, cell_name, disabled = arguments
        directory.cells.create(cell_name, uuid=uuid, disabled=disabled)
    elif name == "update_cell":
        uuid, changed, revision = arguments
        directory.cells.update(uuid, expected_revision=revision, **changed)
    elif name == "delete_cell":
        directory.cells.delete(arguments[0], expected_revision=arguments[1])
    elif name == "create":
        directory.hosts.create(*arguments)
    elif name in ("move", "delete"):
        *named, cell, revision = arguments
        method = getattr(directory.hosts, name)
        method(*named, expected_cell_uuid=cell, expected_revision=revision)
    elif name == "create_many":
        pairs, on_conflict = arguments
        return directory.hosts.create_many(pairs, on_conflict=on_conflict)
    else:
        return getattr(directory.hosts, name)(*arguments)
    return None


class Undone(Exception):
    """Rolls a transaction back."""


def outcome(call: Callable[[], object]) -> object:
    """Return the result of a call, or the type of its error."""
    try:
        return call()
    except Refused as refused:
        return refused.kind
    except (HostMapError, Undone) as error:
        return type(error)


class Comparison(RuleBasedStateMachine):
    """Does each operation on both, and compares results and contents."""

    hostmap: HostMap
    backend: Backend

    def __init__(self) -> None:
        super().__init__()
        self.backend.empty()
        self.model = Model()

    def both(self, by_model: Callable[[], object], by_library: Callable[[], object]) -> None:
        expected = outcome(by_model)
        assert outcome(by_library) == expected

    @rule(operation=operations)
    def one(self, operation: Operation) -> None:
        name, *arguments = operation
        self.both(
            lambda: getattr(self.model, name)(*arguments),
            lambda: do(self.hostmap, name, *arguments),
        )

    @rule(block=st.lists(operations, min_size=1, max_size=5), undone=st.booleans())
    def several(self, block: list[Operation], undone: bool) -> None:  # noqa: FBT001
        def by_model() -> list[object]:
            with self.model.transaction():
                results = [getattr(self.model, name)(*rest) for name, *rest in block]
                if undone:
                    raise Undone
            return results

        def by_library() -> list[object]:
            with self.hostmap.transaction() as tx:
                results = [do(tx, *operation) for operation in block]
                if undone:
                    raise Undone
            return results

        self.both(by_model, by_library)

    @rule(before=st.integers(0, 12))
    def prune(self, before: int) -> None:
        self.both(
            lambda: self.model.prune(before), lambda: self.hostmap.history.prune(before=before)
        )

    @rule(names=st.lists(hosts), prefix=st.sampled_from([None, "w", "W", "web ", "%"]))
    def look(self, names: list[str], prefix: str | None) -> None:
        known = self.model.hosts
        found = self.hostmap.hosts.get_many(names)
        assert {m.host: m.cell_uuid for m in found.values()} == {
            host: known[host][0] for host in names if host in known
        }
        listed = [mapping.host for mapping in self.hostmap.hosts.list(prefix=prefix)]
        assert listed == sorted(host for host in known if host.startswith(prefix or ""))

    @invariant()
    def same_hosts_and_cells(self) -> None:
        mappings = self.hostmap.hosts.list()
        assert {m.host: (m.cell_uuid, m.revision) for m in mappings} == self.model.hosts
        cells = {c.uuid: (c.name, c.disabled, c.revision) for c in self.hostmap.cells.list()}
        assert cells == {
            uuid: (cell.name, cell.disabled, cell.revision)
            for uuid, cell in self.model.cells.items()
        }
        counted = dict.fromkeys(self.model.cells, 0)
        for uuid, _ in self.model.hosts.values():
            counted[uuid] += 1
        assert self.hostmap.cells.host_counts() == counted

    @invariant()
    def same_history(self) -> None:
        assert self.hostmap.revision() == self.model.revision
        reported = self.hostmap.history.since(self.model.pruned)
        expected = self.model.since(self.model.pruned)
        assert [changeset.revision for changeset in reported] == [c.revision for c in expected]
        for changeset, known in zip(reported, expected, strict=True):
            assert {
                h.host: (h.old_cell_uuid, h.new_cell_uuid) for h in changeset.hosts
            } == known.hosts
            assert {c.cell_uuid: c.action for c in changeset.cells} == {
                uuid: NAMES_OF_ACTIONS[change] for uuid, change in known.cells.items()
            }
        if self.model.pruned:
            assert outcome(lambda: self.hostmap.history.since(self.model.pruned - 1)) == outcome(
                lambda: self.model.since(self.model.pruned - 1)
            )


@pytest.mark.usefixtures("hostmap")
def test_the_library_behaves_like_the_model(
    backend: Backend,
    full: bool,  # noqa: FBT001 - a fixture
) -> None:
    class OnThisBackend(Comparison):
        pass

    OnThisBackend.backend, OnThisBackend.hostmap = backend, backend.hostmap
    run_state_machine_as_test(
        OnThisBackend,
        settings=settings(
            max_examples=backend.random_examples * (10 if full else 1),
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
