"""Probes the TLS of PostgreSQL servers that libpq refused.

libpq gives the reason only as text, so the beginning of a connection is repeated with Python's TLS.
"""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

from hostmap_sql.dialects.tls import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hostmap_sql.dialects.postgresql.servers import Server
    from hostmap_sql.dialects.tls import TlsPolicy

# The timeout of each step, in seconds: the server has just answered libpq.
_TIMEOUT = 2

# SSLRequest: the length of the message, and the code of the request.
_SSL_REQUEST = (8).to_bytes(4) + (80877103).to_bytes(4)


def probe_servers(servers: Iterable[Server], policy: TlsPolicy) -> Refusal | None:
    """Return why all servers fail a policy; None if one of them meets it or does not answer."""
    context = policy.context()
    refusal = None
    for server in servers:
        refusal = _probe(server, context)
        if refusal is None:
            return None
    return refusal


def _probe(server: Server, context: ssl.SSLContext) -> Refusal | None:
    if not server.address or server.address.startswith(("/", "@")):
        return None  # Unix sockets have no TLS
    try:
        with socket.create_connection((server.address, server.port), _TIMEOUT) as plain:
            plain.sendall(_SSL_REQUEST)
            answer = plain.recv(1)
            if answer == b"S":
                context.wrap_socket(plain, server_hostname=server.name).close()
            return Refusal.NOT_OFFERED if answer == b"N" else None
    except ssl.SSLCertVerificationError as error:
        return Refusal.of(error)
    except (OSError, ValueError):  # no answer, or an impossible name
        return None
