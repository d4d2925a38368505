"""IPv6 addresses in URLs, with and without brackets, lead to the server."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from hostmap_sql import connect

if TYPE_CHECKING:
    from tests.support.backends import Backend

pytestmark = pytest.mark.needs("networks")


@pytest.mark.parametrize("form", ["[{}]", "{}"], ids=["in brackets", "bare"])
def test_a_server_is_reached_by_its_ipv6_address(form: str, backend: Backend) -> None:
    """An IPv4-mapped address: not every machine and container has another."""
    server = urlsplit(backend.url)
    addresses = socket.getaddrinfo(server.hostname, server.port, socket.AF_INET)
    address = form.format(f"::ffff:{addresses[0][4][0]}")
    url = backend.url.replace(f"@{server.hostname}:", f"@{address}:")
    assert url != backend.url
    with connect(f"{url}\n", timeout=20.0) as hostmap:
        assert hostmap.revision() == 0
