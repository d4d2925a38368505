"""How psycopg waits for its sockets: so that green threads give way to each other.

It makes that choice once, when it is imported, and of gevent alone it knows. By default it waits in
C: under eventlet, or if gevent was set up later, that stops all green threads of the process, the
watch included, until the server answers.
"""

from __future__ import annotations

import select
from selectors import EVENT_READ, EVENT_WRITE, SelectSelector
from typing import TYPE_CHECKING, Any

from hostmap_sql.dialects import green

if TYPE_CHECKING:
    from selectors import SelectorKey


class Selector(SelectSelector):
    """Waits by what is in the module `select` now."""

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        """The files that are ready, each with its events."""
        keys = [*self.get_map().values()]
        wait = _by_poll if hasattr(select, "poll") else _by_select
        return [(key, ready) for key, ready in wait(keys, timeout) if ready]


def _by_poll(keys: list[SelectorKey], timeout: float | None) -> list[tuple[SelectorKey, int]]:
    poll = select.poll()
    for key in keys:
        reading = select.POLLIN if key.events & EVENT_READ else 0
        poll.register(key.fd, reading | (select.POLLOUT if key.events & EVENT_WRITE else 0))
    found = dict(poll.poll(None if timeout is None else timeout * 1000))
    bad = ~(select.POLLIN | select.POLLOUT)  # asking the socket then tells what is the matter

    def ready(key: SelectorKey) -> int:
        flags = found.get(key.fd, 0)
        reading = EVENT_READ if flags & (select.POLLIN | bad) else 0
        return (reading | (EVENT_WRITE if flags & (select.POLLOUT | bad) else 0)) & key.events

    return [(key, ready(key)) for key in keys]


def _by_select(keys: list[SelectorKey], timeout: float | None) -> list[tuple[SelectorKey, int]]:
    readers = [key.fd for key in keys if key.events & EVENT_READ]
    writers = [key.fd for key in keys if key.events & EVENT_WRITE]
    readable, writable, _ = select.select(readers, writers, [], timeout)
    return [
        (key, EVENT_READ * (key.fd in readable) | EVENT_WRITE * (key.fd in writable))
        for key in keys
    ]


def see_to_green_threads(waiting: Any) -> None:
    """Have psycopg choose again, for all its connections, if there are green threads by now.

    :param waiting: the module `psycopg.waiting`.
    """
    if green.are_in_use() and waiting.DefaultSelector is not Selector:
        # What `wait` is set to, PSYCOPG_WAIT_FUNC might have been set to just as well.
        waiting.DefaultSelector = Selector
        waiting.wait = waiting.wait_selector
