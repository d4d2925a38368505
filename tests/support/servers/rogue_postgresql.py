"""Rogue servers that speak the protocol of PostgreSQL."""

from __future__ import annotations

import hashlib
import struct
from typing import TYPE_CHECKING, NamedTuple

from tests.support.servers.rogue import Rogue, encrypt, read

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Iterator

_SALT = b"abcd"
_DENIED_FIELDS = b"SFATAL\0VFATAL\0C28P01\0Mdenied\0\0"
_DENIED = b"E" + struct.pack("!i", 4 + len(_DENIED_FIELDS)) + _DENIED_FIELDS
_SSL_REQUEST, _GSS_REQUEST = 80877103, 80877104


class Request(NamedTuple):
    """A request for a password."""

    number: int
    data: bytes = b""


REQUESTS = {
    "clear text": Request(3),
    "md5": Request(5, _SALT),
    "gss": Request(7),
    "sspi": Request(9),
    "scram": Request(10, b"SCRAM-SHA-256\0\0"),
    "oauth": Request(10, b"OAUTHBEARER\0\0"),
    "unknown": Request(99),
}


class RoguePostgreSQL(Rogue):
    scheme = "postgresql"

    def proofs(self, password: str) -> Iterator[bytes]:
        yield password.encode()
        for user in ("nova", "CANARY-user"):
            inner = _md5(f"{password}{user}".encode())
            yield _md5(inner + _SALT)


def asking(name: str, *, tls: ssl.SSLContext | None = None) -> RoguePostgreSQL:
    """Make a server that asks for a password in one of the ways of `REQUESTS`.

    :param tls: makes it offer TLS.
    """
    request = REQUESTS[name]

    def talk(rogue: Rogue, connection: socket.socket) -> None:
        with _start(rogue, connection, tls) as started:
            rogue.asked.set()
            length = 8 + len(request.data)
            started.sendall(b"R" + struct.pack("!ii", length, request.number) + request.data)
            rogue.listen(started, _DENIED)

    return RoguePostgreSQL(talk)


def thief_of_files() -> RoguePostgreSQL:
    """Make a server that accepts every login, and answers each statement by requesting data."""

    def talk(rogue: Rogue, connection: socket.socket) -> None:
        connection = _start(rogue, connection, None)
        connection.sendall(b"R" + struct.pack("!ii", 8, 0) + b"Z" + struct.pack("!i", 5) + b"I")
        read(connection, 1)
        rogue.asked.set()
        connection.sendall(b"G" + struct.pack("!iBH", 7, 0, 0))
        rogue.listen(connection)

    return RoguePostgreSQL(talk)


def _start(rogue: Rogue, connection: socket.socket, tls: ssl.SSLContext | None) -> socket.socket:
    while True:
        (length,) = struct.unpack("!i", read(connection, 4))
        body = read(connection, length - 4)
        (code,) = struct.unpack("!i", body[:4])
        if code == _SSL_REQUEST and tls is not None:
            connection.sendall(b"S")
            connection = encrypt(rogue, connection, tls)
        elif code in (_SSL_REQUEST, _GSS_REQUEST):
            connection.sendall(b"N")
        else:
            rogue.received += body
            return connection


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).hexdigest().encode()
