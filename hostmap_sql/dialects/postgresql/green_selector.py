"""Makes psycopg yield to other green threads while it waits for a socket.

psycopg chooses how to wait once, at its import, and it knows only gevent. Its default waits in C.
Under eventlet, or if gevent was set up later, that blocks all green threads of the process, the
watchdog included, until the server answers.
"""

from __future__ import annotations

import select
from selectors import EVENT_READ, EVENT_WRITE, SelectSelector
from typing import TYPE_CHECKING, Any

from hostmap_sql.dialects.postgresql.driver import waiting
from hostmap_sql.runtime import green_threads

if TYPE_CHECKING:
    from selectors import SelectorKey


class GreenSelector(SelectSelector):
    """A selector that looks up the functions of `select`, which may be replaced, at each call."""

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        """Return the files that are ready, each with its events."""
        keys = [*self.get_map().values()]
        wait = _by_poll if hasattr(select, "poll") else _by_select
        return [(key, ready) for key, ready in wait(keys, timeout) if ready]


def _by_poll(keys: list[SelectorKey], timeout: float | None) -> list[tuple[SelectorKey, int]]:
    poll = select.poll()
    for key in keys:
        reading = select.POLLIN if key.events & EVENT_READ else 0
        poll.register(key.fd, reading | (select.POLLOUT if key.events & EVENT_WRITE else 0))
    found = dict(poll.poll(None if timeout is None else timeout * 1000))
    failed = ~(select.POLLIN | select.POLLOUT)  # reading or writing then raises the error

    def ready(key: SelectorKey) -> int:
        flags = found.get(key.fd, 0)
        reading = EVENT_READ if flags & (select.POLLIN | failed) else 0
        return (reading | (EVENT_WRITE if flags & (select.POLLOUT | failed) else 0)) & key.events

    return [(key, ready(key)) for key in keys]


def _by_select(keys: list[SelectorKey], timeout: float | None) -> list[tuple[SelectorKey, int]]:
    readers = [key.fd for key in keys if key.events & EVENT_READ]
    writers = [key.fd for key in keys if key.events & EVENT_WRITE]
    readable, writable, _ = select.select(readers, writers, [], timeout)
    return [
        (key, EVENT_READ * (key.fd in readable) | EVENT_WRITE * (key.fd in writable))
        for key in keys
    ]


def adapt_to_green_threads() -> None:
    """Make all connections of psycopg wait with `GreenSelector`, if green threads are in use."""
    psycopg_waiting: Any = waiting
    if green_threads.are_in_use() and psycopg_waiting.DefaultSelector is not GreenSelector:
        psycopg_waiting.DefaultSelector = GreenSelector
        # PSYCOPG_WAIT_FUNC sets `wait` to the same function.
        psycopg_waiting.wait = psycopg_waiting.wait_selector
