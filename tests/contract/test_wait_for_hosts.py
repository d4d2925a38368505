"""Waiting until hosts are mapped."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import pytest

from hostmap_sql import DatabaseUnavailable, HostMap, HostsNotMapped, InvalidValue, connect
from tests.support.pace import PATIENT, SLOWNESS, SOON

if TYPE_CHECKING:
    from tests.conftest import Cells
    from tests.support.backends.base import Backend

MANY = 1_500  # more than one statement looks up


def test_wait_returns_at_once_for_mapped_hosts(hostmap: HostMap, cells: Cells) -> None:
    names = [f"h{number:04}" for number in range(MANY)]
    hostmap.hosts.create_many((name, cells.one.uuid) for name in names)
    started = monotonic()

    hostmap.hosts.wait(names)
    hostmap.hosts.wait(names[:1], cell_uuid=cells.one.uuid.upper(), timeout=0)
    hostmap.hosts.wait([])

    assert monotonic() - started < SOON


def test_wait_returns_when_another_client_has_mapped_the_hosts(
    hostmap: HostMap, cells: Cells
) -> None:
    hostmap.hosts.create("a", cells.one.uuid)
    found: list[tuple[int, int | None]] = []

    def map_the_others() -> None:
        while not found:
            sleep(0.01)
        hostmap.hosts.create("b", cells.two.uuid)
        sleep(0.2)
        hostmap.hosts.move("a", cells.two.uuid)

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(map_the_others)
        hostmap.hosts.wait(
            ["a", "b"],
            cell_uuid=cells.two.uuid,
            timeout=PATIENT,
            interval=0.05,
            progress=lambda done, total: found.append((done, total)),
        )
        done.result()

    assert hostmap.hosts.get("a").cell_uuid == cells.two.uuid
    assert found[0] == (0, 2)
    assert found[-1] == (2, 2)
    assert found == sorted(found)


def test_the_error_lists_missing_hosts_and_hosts_elsewhere(hostmap: HostMap, cells: Cells) -> None:
    hostmap.hosts.create("there", cells.one.uuid)
    hostmap.hosts.create("elsewhere", cells.two.uuid)
    started = monotonic()

    with pytest.raises(HostsNotMapped) as caught:
        hostmap.hosts.wait(
            ["there", "elsewhere", "missing", "There"],
            cell_uuid=cells.one.uuid,
            timeout=0.3 * SLOWNESS,
            interval=0.1,
        )

    assert 0.3 * SLOWNESS <= monotonic() - started < SOON
    assert caught.value.missing == ("missing", "There")
    assert caught.value.elsewhere == {"elsewhere": cells.two.uuid}
    assert caught.value.timeout == 0.3 * SLOWNESS


def test_the_default_timeout_is_that_of_the_directory(backend: Backend) -> None:
    impatient = backend.connect(timeout=0.8 * SLOWNESS)
    impatient.revision()  # connects

    with pytest.raises(HostsNotMapped) as caught:
        impatient.hosts.wait(["missing"])

    assert caught.value.timeout == 0.8 * SLOWNESS


@pytest.mark.needs("sessions")
def test_wait_survives_lost_connections(backend: Backend, hostmap: HostMap, cells: Cells) -> None:
    def break_off_and_map() -> None:
        for _ in range(3):
            sleep(0.1)
            backend.end_other_sessions()
        backend.connect().hosts.create("a", cells.one.uuid)

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(break_off_and_map)
        hostmap.hosts.wait(["a"], timeout=PATIENT, interval=0.05)
        done.result()


@pytest.mark.needs("networks")
def test_wait_raises_if_the_database_stays_unavailable(backend: Backend) -> None:
    started = monotonic()

    with (
        connect(backend.url_for(host="127.0.0.1", port=1)) as hostmap,
        pytest.raises(DatabaseUnavailable) as caught,
    ):
        hostmap.hosts.wait(["a"], timeout=0.5)

    assert 0.49 <= monotonic() - started < SOON
    assert isinstance(caught.value.__cause__, backend.driver.error)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"timeout": -1}, "timeout"),
        ({"timeout": float("nan")}, "timeout"),
        ({"timeout": float("inf")}, "timeout"),
        ({"timeout": 10**400}, "timeout"),
        ({"timeout": "1"}, "timeout"),
        ({"timeout": True}, "timeout"),
        ({"interval": -0.1}, "interval"),
        ({"interval": None}, "interval"),
        ({"interval": 86_401}, "interval"),
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


def test_a_transaction_has_no_wait(hostmap: HostMap) -> None:
    with hostmap.transaction() as changes:
        assert not hasattr(changes.hosts, "wait")
