"""Directories on the other side of a proxy."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hostmap_sql import connect
from tests.support.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hostmap_sql import HostMap
    from tests.support.backends import Backend


def in_front_of(backend: Backend) -> Proxy:
    """A proxy, not started yet, of the server that a database is on."""
    server = urlsplit(backend.url)
    assert server.hostname
    assert server.port
    return Proxy(server.hostname, server.port)


def url_through(proxy: Proxy, backend: Backend) -> str:
    """The URL of a database through a proxy: in clear text, so that offsets mean something."""
    return f"{backend.url_for(host=proxy.host, port=proxy.port)}?sslmode=disable"


@contextmanager
def connected_through(proxy: Proxy, backend: Backend, **arguments: Any) -> Iterator[HostMap]:
    """A directory on the other side of a proxy."""
    arguments = dict[str, Any]({"timeout": 20.0, "author": "tester"}) | arguments
    with closing(connect(url_through(proxy, backend), **arguments)) as hostmap:
        yield hostmap
