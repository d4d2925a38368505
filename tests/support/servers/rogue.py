"""Servers on the loopback that try to obtain the password of a client."""

from __future__ import annotations

import ssl
from contextlib import contextmanager, suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer, ThreadingUnixStreamServer
from threading import Event, Thread
from typing import TYPE_CHECKING

from tests.support.pace import PATIENT
from tests.support.servers.certificates import Authority

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Talk = Callable[["Rogue", socket.socket], None]
    """The server's part of a conversation with a client."""

# How often, in seconds, a server looks whether it should stop: each test waits for it.
_POLL = 0.005


class Rogue:
    """A server that keeps what it receives."""

    scheme: str
    port = 1

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.received = b""
        """All bytes of all clients, and what could be decrypted of them."""
        self.asked = Event()
        """Set when a client was asked for what it should not give."""

    def url(self, login: str = "nova", options: str = "") -> str:
        """Return the URL of a database on this server."""
        return f"{self.scheme}://{login}@127.0.0.1:{self.port}/nova?{options}".rstrip("?")

    def proofs(self, password: str) -> Iterator[bytes]:
        """Yield the password and everything that a client proves its knowledge with."""
        yield password.encode()

    def has(self, password: str) -> bool:
        """Return whether a client has sent the password, or a proof of it."""
        return any(proof in self.received for proof in self.proofs(password))

    def listen(self, connection: socket.socket, answer: bytes = b"") -> None:
        """Receive until the client closes the connection.

        :param answer: sent when the first bytes have come.
        """
        with suppress(OSError):
            while data := connection.recv(65536):
                self.received += data
                connection.sendall(answer)
                answer = b""


@contextmanager
def listening(rogue: Rogue, socket: Path | None = None) -> Iterator[Rogue]:
    """Run a server for a block, at whose end it has received everything that was sent to it.

    :param socket: the name of a Unix socket to listen on. Default: a port of the loopback.
    """

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            self.request.settimeout(PATIENT)
            with suppress(OSError, EOFError):
                rogue.talk(rogue, self.request)

    with (
        ThreadingUnixStreamServer(str(socket), Handler)
        if socket
        else ThreadingTCPServer(("127.0.0.1", 0), Handler)
    ) as server:
        if isinstance(server, ThreadingTCPServer):
            rogue.port = server.server_address[1]
        Thread(target=server.serve_forever, args=(_POLL,), daemon=True).start()
        yield rogue
        server.shutdown()


def tls(folder: Path, clients: Path | None = None) -> ssl.SSLContext:
    """Make the TLS of a server, with an authority ``server.pem`` in the folder.

    :param clients: the authority of the client certificates that it asks for.
    """
    own = Authority(folder, "server").certificate("127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own.file, own.key)
    if clients:
        context.load_verify_locations(clients)
        context.verify_mode = ssl.CERT_OPTIONAL
    # In this version the server knows the client's certificate after the handshake.
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


def encrypt(rogue: Rogue, connection: socket.socket, tls: ssl.SSLContext) -> ssl.SSLSocket:
    """Begin TLS on a connection, and keep the client's certificate."""
    encrypted = tls.wrap_socket(connection, server_side=True)
    rogue.received += repr(encrypted.getpeercert() or {}).encode()
    return encrypted


def read(connection: socket.socket, length: int) -> bytes:
    """Read exactly this many bytes.

    :raises EOFError: the client closed the connection.
    """
    data = b""
    while len(data) < length:
        part = connection.recv(length - len(data))
        if not part:
            raise EOFError
        data += part
    return data
