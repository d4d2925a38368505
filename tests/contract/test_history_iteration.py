"""`History.iterate`: all changes, or those of some hosts, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hostmap_sql import HistoryPruned, InvalidValue

if TYPE_CHECKING:
    from hostmap_sql import HostMap
    from tests.conftest import Cells


@pytest.fixture(params=[1, 2, 1000], ids=lambda size: f"pages of {size}")
def page_size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    size: int = request.param
    monkeypatch.setattr("hostmap_sql.directory.history._PAGE_SIZE", size)
    return size


@pytest.fixture
def before(hostmap: HostMap, cells: Cells) -> int:
    """Change some hosts, and return the revision before."""
    revision = hostmap.revision()
    one, two = cells.one.uuid, cells.two.uuid
    hostmap.hosts.create_many((host, one) for host in ("a", "A", "b", "ω"))
    hostmap.hosts.create("c", one)
    hostmap.run(lambda tx: [tx.hosts.move(host, two) for host in ("a", "ω")])
    hostmap.cells.update(two, disabled=True)
    hostmap.hosts.delete("a")
    return revision


@pytest.mark.usefixtures("page_size")
def test_iterate_yields_the_changesets_of_since(hostmap: HostMap, before: int) -> None:
    assert [*hostmap.history.iterate()] == hostmap.history.since(0)
    assert [*hostmap.history.iterate(since=before + 1)] == hostmap.history.since(before + 1)
    assert not [*hostmap.history.iterate(since=hostmap.revision())]
    assert not [*hostmap.history.iterate(since=99)]


@pytest.mark.usefixtures("page_size")
def test_iterate_with_hosts_yields_only_their_changes(hostmap: HostMap, before: int) -> None:
    whole = {changeset.revision: changeset for changeset in hostmap.history.since(0)}
    for hosts in (["a"], ["a", "ω"], ["c", "b", "a", "A", "c"], ["nope"], []):
        expected = [
            (number, changes)
            for number, changeset in whole.items()
            if (changes := [change for change in changeset.hosts if change.host in hosts])
        ]
        found = [*hostmap.history.iterate(hosts=hosts)]
        assert [(c.revision, [*c.hosts]) for c in found] == expected
        for changeset in found:
            of_all = whole[changeset.revision]
            assert changeset.cells == ()
            assert changeset.change_id == of_all.change_id
            assert changeset.author == of_all.author
            assert changeset.created_at == of_all.created_at
    assert [c.revision for c in hostmap.history.iterate(since=before + 3, hosts=["a"])] == [
        before + 5
    ]


def test_iterate_raises_for_pruned_changes(hostmap: HostMap, before: int) -> None:
    hostmap.history.prune(before + 2)
    for hosts in (None, ["b"]):
        with pytest.raises(HistoryPruned):
            next(hostmap.history.iterate(hosts=hosts))
        assert [*hostmap.history.iterate(since=before + 1, hosts=hosts)] or hosts


def test_invalid_arguments_are_refused_before_the_first_item(hostmap: HostMap) -> None:
    with pytest.raises(InvalidValue, match="host"):
        hostmap.history.iterate(hosts=["a", "b "])
    with pytest.raises(InvalidValue, match="since"):
        hostmap.history.iterate(since=-1)
