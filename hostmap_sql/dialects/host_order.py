"""The order in which to try the hosts of a URL that names several."""

from __future__ import annotations

from math import ceil
from time import monotonic
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

T = TypeVar("T")

_SHORTEST_SHARE = 2
_LONGEST_SHARE = 3
"""The seconds that one of several hosts may take. A host that hangs must not use up the call."""

_LONGEST_COOL_DOWN = 16
"""The seconds for which a host that hung again and again is not tried."""


class HostOrder(Generic[T]):
    """Several hosts in the order in which to try them: the last good one first, no hung ones.

    A host hangs if it neither accepts nor refuses a connection in time, like one that was paused or
    cut off. It is not tried for 2 seconds, after the next time for 4, and so on, unless all hosts
    hang. Threads may share an order.
    """

    def __init__(self, hosts: Sequence[T]) -> None:
        self._hosts = hosts
        self._good = hosts[0]
        self._cool_downs: dict[T, tuple[float, float]] = {}  # how long, and until when

    def __iter__(self) -> Iterator[T]:
        """Yield the hosts to try."""
        now = monotonic()
        hosts = sorted(self._hosts, key=lambda host: host != self._good)
        return iter([host for host in hosts if self._is_cool(host, now)] or hosts)

    def _is_cool(self, host: T, now: float) -> bool:
        cool_down = self._cool_downs.get(host)
        return cool_down is None or cool_down[1] <= now

    def add_success(self, host: T) -> None:
        """Note that a host accepted a connection."""
        self._good = host
        self._cool_downs.pop(host, None)

    def add_hang(self, host: T) -> None:
        """Note that a host hung."""
        before, _ = self._cool_downs.get(host, (1, 0))
        seconds = min(2 * before, _LONGEST_COOL_DOWN)
        self._cool_downs[host] = (seconds, monotonic() + seconds)


def share_of_time(hosts: int, left: float) -> int:
    """Return the seconds that each host may take, in whole seconds.

    :param left: the seconds that are left for all of them.
    """
    if hosts == 1:
        return max(_SHORTEST_SHARE, ceil(left))
    return max(_SHORTEST_SHARE, min(_LONGEST_SHARE, ceil(left / hosts)))
