"""Waiting until hosts are mapped."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import pytest

from hostmap_sql import DatabaseUnavailable, HostMap, HostsNotMapped, InvalidValue, connect

if TYPE_CHECKING:
    from tests.conftest import Cells
    from tests.support.backend import Backend

MANY = 1_500  # more than one statement looks up


def test_hosts_that_are_mapped_are_not_waited_for(hostmap: HostMap, cells: Cells) -> None:
    names = [f"h{number:04}" for number in range(MANY)]
    hostmap.hosts.create_many((name, cells.one.uuid) for name in names)
    started = monotonic()

    hostmap.hosts.wait(names)
    hostmap.hosts.wait(names, cells.one.uuid.upper(), timeout=0)
    hostmap.hosts.wait([])

    assert monotonic() - started < 5


def test_it_returns_when_another_has_mapped_them(hostmap: HostMap, cells: Cells) -> None:
    hostmap.hosts.create("a", cells.one.uuid)
    found: list[int] = []

    def map_the_others() -> None:
        sleep(0.2)
        hostmap.hosts.create("b", cells.two.uuid)
        sleep(0.2)
        hostmap.hosts.move("a", cells.two.uuid)

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(map_the_others)
        hostmap.hosts.wait(["a", "b"], cells.two.uuid, timeout=20, poll=0.05, progress=found.append)
        done.result()

    assert hostmap.hosts.get("a").cell_uuid == cells.two.uuid
    assert sum(found) == 2
    assert found[0] == 0


def test_it_says_what_is_missing_and_what_is_elsewhere(hostmap: HostMap, cells: Cells) -> None:
    hostmap.hosts.create("there", cells.one.uuid)
    hostmap.hosts.create("elsewhere", cells.two.uuid)
    started = monotonic()

    with pytest.raises(HostsNotMapped) as caught:
        hostmap.hosts.wait(
            ["there", "elsewhere", "missing", "There"], cells.one.uuid, timeout=0.3, poll=0.1
        )

    assert 0.3 <= monotonic() - started < 5
    assert caught.value.missing == ("missing", "There")
    assert caught.value.elsewhere == {"elsewhere": cells.two.uuid}
    assert caught.value.timeout == 0.3


def test_its_time_is_that_of_the_directory_unless_it_is_told(backend: Backend) -> None:
    impatient = backend.connect(timeout=0.8)

    with pytest.raises(HostsNotMapped) as caught:
        impatient.hosts.wait(["missing"])

    assert caught.value.timeout == 0.8


@pytest.mark.needs("sessions")
def test_lost_connections_are_waited_out(backend: Backend, hostmap: HostMap, cells: Cells) -> None:
    def break_off_and_map() -> None:
        for _ in range(3):
            sleep(0.1)
            backend.end_other_sessions()
        backend.connect().hosts.create("a", cells.one.uuid)

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(break_off_and_map)
        hostmap.hosts.wait(["a"], timeout=20, poll=0.05)
        done.result()


@pytest.mark.needs("networks")
def test_a_database_that_stays_away_is_told(backend: Backend) -> None:
    started = monotonic()

    with (
        connect(backend.url_for(host="127.0.0.1", port=1)) as hostmap,
        pytest.raises(DatabaseUnavailable) as caught,
    ):
        hostmap.hosts.wait(["a"], timeout=0.5)

    assert 0.49 <= monotonic() - started < 5
    assert isinstance(caught.value.__cause__, backend.driver_error)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"timeout": -1}, "timeout"),
        ({"timeout": float("nan")}, "timeout"),
        ({"timeout": float("inf")}, "timeout"),
        ({"timeout": 10**400}, "timeout"),
        ({"timeout": "1"}, "timeout"),
        ({"timeout": True}, "timeout"),
        ({"poll": -0.1}, "poll"),
        ({"poll": None}, "poll"),
        ({"poll": 86_401}, "poll"),
        ({"cell_uuid": "no-uuid"}, "cell_uuid"),
        ({"cell_uuid": "00000000-0000-0000-0000-000000000000"}, "cell_uuid"),
        ({"hosts": "one"}, "hosts"),
        ({"hosts": ["a", " b"]}, "host"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused(
    values: dict[str, Any], field: str, hostmap: HostMap
) -> None:
    with pytest.raises(InvalidValue) as caught:
        hostmap.hosts.wait(**({"hosts": ["a"]} | values))
    assert caught.value.field == field


def test_a_transaction_cannot_wait(hostmap: HostMap) -> None:
    with hostmap.transaction() as changes:
        assert not hasattr(changes.hosts, "wait")
