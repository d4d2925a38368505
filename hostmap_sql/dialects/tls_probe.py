"""Finding out why libpq refused a PostgreSQL server: it says that in words alone.

So the beginning of a connection is made once more, with Python's own TLS.
"""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

from hostmap_sql.dialects.tls import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hostmap_sql.dialects.tls import Terms

# How long, in seconds, the server may take for each step: it has just answered libpq.
_PATIENCE = 2

# The length of the message, and the number that stands for the request.
_SSL_REQUEST = (8).to_bytes(4) + (80877103).to_bytes(4)


def refusal_of_all(servers: Iterable[tuple[str, str, int]], terms: Terms) -> Refusal | None:
    """Why all of some servers are refused; None if one of them is not, or does not answer.

    A server is the host by its name, its address, and its port.
    """
    context = terms.context()
    found = None
    for host, address, port in servers:
        found = _refusal(host, address, port, context)
        if found is None:
            return None
    return found


def _refusal(host: str, address: str, port: int, context: ssl.SSLContext) -> Refusal | None:
    if not address or address.startswith(("/", "@")):
        return None  # a socket has no TLS
    try:
        with socket.create_connection((address, port), _PATIENCE) as plain:
            plain.sendall(_SSL_REQUEST)
            answer = plain.recv(1)
            if answer == b"S":
                context.wrap_socket(plain, server_hostname=host).close()
            return Refusal.NOT_OFFERED if answer == b"N" else None
    except ssl.SSLCertVerificationError as error:
        return Refusal.of(error)
    except (OSError, ValueError):  # no answer, or a name that is none
        return None
