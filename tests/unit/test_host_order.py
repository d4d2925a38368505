"""The order in which several hosts are tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hostmap_sql.dialects import host_order
from hostmap_sql.dialects.host_order import HostOrder, share_of_time

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets seconds pass for the orders."""
    now = [1000.0]
    monkeypatch.setattr(host_order, "monotonic", lambda: now[0])

    def wait(seconds: float) -> None:
        now[0] += seconds

    return wait


def test_the_last_good_host_is_the_first() -> None:
    hosts = HostOrder("abc")
    assert [*hosts] == ["a", "b", "c"]

    hosts.add_success("b")

    assert [*hosts] == ["b", "a", "c"]


def test_a_host_that_hung_is_left_out_for_longer_each_time(
    wait: Callable[[float], None],
) -> None:
    hosts = HostOrder("ab")
    for seconds in (2, 4, 8, 16, 16):
        hosts.add_hang("a")
        wait(seconds - 0.1)
        assert [*hosts] == ["b"]
        wait(0.2)
        assert [*hosts] == ["a", "b"]

    hosts.add_success("a")
    hosts.add_hang("a")
    wait(2.1)
    assert [*hosts] == ["a", "b"]


def test_all_hosts_are_tried_if_all_hung() -> None:
    hosts = HostOrder("ab")
    hosts.add_hang("a")
    hosts.add_hang("b")
    assert [*hosts] == ["a", "b"]


@pytest.mark.parametrize(
    ("hosts", "left", "share"),
    [(1, 60, 60), (1, 0.1, 2), (3, 60, 3), (3, 7, 3), (3, 6, 2), (3, 0.1, 2)],
)
def test_several_hosts_share_the_time(hosts: int, left: float, share: int) -> None:
    assert share_of_time(hosts, left) == share
