"""Waiting until a replica has a revision."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from hostmap_sql.validation import valid_number, valid_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hostmap_sql.replica.refresher import Refresher

SHORTEST_PAUSE = 0.01
"""The pause, in seconds, between two checks for a revision."""


def wait_for(refresher: Refresher, revision: int, timeout: float | None) -> None:
    """Block until the snapshot has a revision.

    :raises StaleReplica: the timeout passed first.
    """
    for left in seconds_left(refresher, revision, timeout):
        if refresher.thread is None:
            refresher.try_refresh(left)
        refresher.wait_for(revision, min(left, SHORTEST_PAUSE))


def seconds_left(refresher: Refresher, revision: int, timeout: float | None) -> Iterator[float]:
    """Wake the refresh thread and yield the seconds left, until the snapshot has a revision.

    :raises StaleReplica: no seconds are left.
    """
    wanted = valid_number(revision, "revision")
    seconds = refresher.database.timeout if timeout is None else valid_seconds(timeout, "timeout")
    deadline = monotonic() + seconds
    while refresher.snapshot.revision < wanted:
        left = deadline - monotonic()
        if left <= 0:
            refresher.raise_stale(f"has not reached revision {wanted}")
        refresher.wake()
        yield left
