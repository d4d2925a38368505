"""Directories on the other side of a proxy."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hostmap_sql import connect
from tests.support.faults.proxy import Proxy
from tests.support.pace import PATIENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hostmap_sql import HostMap
    from tests.support.backends import Backend

_WITHOUT_TLS = {
    "sqlite": "",
    "postgresql": "sslmode=disable",
    # A restarted MySQL has forgotten the proofs of passwords, and asks for the passwords again.
    "mysql": "sslmode=disable&get_server_public_key=1",
}


def in_front_of(backend: Backend) -> Proxy:
    """Return a proxy, not started yet, of the server of a database."""
    server = urlsplit(backend.url)
    assert server.hostname
    assert server.port
    return Proxy(server.hostname, server.port)


def plain(url: str) -> str:
    """Return the URL without TLS, so that offsets are meaningful and connecting is quick."""
    options = _WITHOUT_TLS[urlsplit(url).scheme]
    return f"{url.partition('?')[0]}?{options}" if options else url


def url_through(proxy: Proxy, backend: Backend) -> str:
    """Return the URL of a database through a proxy."""
    return plain(backend.url_for(host=proxy.host, port=proxy.port))


@contextmanager
def connected_through(proxy: Proxy, backend: Backend, **arguments: Any) -> Iterator[HostMap]:
    """Yield a directory on the other side of a proxy."""
    arguments = dict[str, Any]({"timeout": PATIENT, "author": "tester"}) | arguments
    with closing(connect(url_through(proxy, backend), **arguments)) as hostmap:
        yield hostmap
