"""Servers with certificates of the tests, and a proxy that strips their offer of TLS."""

from __future__ import annotations

import io
import re
import socket
import tarfile
from abc import ABC, abstractmethod
from contextlib import closing, contextmanager, suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread
from typing import TYPE_CHECKING, ClassVar

import pytest

from tests.support.backends import FACTORIES
from tests.support.servers import containers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.support.servers.certificates import Authority, Certificate
    from tests.support.servers.containers import Server

FOLDER = "/tls"


class TlsServer(ABC):
    """A container with a server that presents a certificate."""

    account: ClassVar[str]
    """The account that the server runs as."""
    statements: ClassVar[tuple[str, ...]] = ()
    """Point it at the certificate in our folder."""
    reload: ClassVar[str]
    """Reloads its certificate."""
    verifying_chain: ClassVar[tuple[str, ...]]
    """Options of URLs that verify the authority of the certificate, but no name."""
    verifying_name: ClassVar[tuple[str, ...]]
    """Options of URLs that verify authority and name."""
    encrypting: ClassVar[tuple[str, ...]]
    """Options of URLs that require TLS and verify nothing."""

    def __init__(self, server: Server, certificate: Certificate) -> None:
        assert server.container
        self.server = server
        self.container = server.container.get_wrapped_container()
        self._put_certificate(certificate)
        self.prepare()
        self._factory = FACTORIES[server.kind](server)
        self.backend = self._factory.fresh()
        for statement in (*self.statements, self.reload):
            self.backend.query(statement)

    def prepare(self) -> None:  # noqa: B027 - only one server needs it
        """Prepare the server before its first use."""

    def close(self) -> None:
        self.backend.close()
        self._factory.close()

    def url(self, options: str) -> str:
        """Return the URL of a database with the tables."""
        return f"{self.backend.url.partition('?')[0]}?{options}"

    def show(self, certificate: Certificate) -> None:
        """Present this certificate from now on."""
        self._put_certificate(certificate)
        self.backend.query(self.reload)

    def _put_certificate(self, certificate: Certificate) -> None:
        self.put(f"{FOLDER}/server.pem", certificate.file.read_bytes())
        self.put(f"{FOLDER}/server.key", certificate.key.read_bytes())
        self.put(f"{FOLDER}/authority.pem", certificate.authority.read_bytes())
        self.run("chown", "-R", self.account, FOLDER)

    def put(self, path: str, content: bytes) -> None:
        """Put a file into the container."""
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size, entry.mode = len(content), 0o600
            tar.addfile(entry, io.BytesIO(content))
        assert self.container.put_archive("/", archive.getvalue())

    def run(self, *command: str) -> None:
        """Run a command in the container."""
        status, output = self.container.exec_run(list(command))
        assert status == 0, output

    @abstractmethod
    def with_options_file(self, file: Path, authority: Path) -> list[str]:
        """Write an options file with the TLS options of a URL; return URLs that name it."""

    @staticmethod
    @abstractmethod
    def hide_tls(client: socket.socket, server: socket.socket) -> None:
        """Forward the first messages without the server's offer of TLS."""


class _PostgreSQL(TlsServer):
    account = "postgres"
    statements = (
        f"ALTER SYSTEM SET ssl_cert_file = '{FOLDER}/server.pem'",
        f"ALTER SYSTEM SET ssl_key_file = '{FOLDER}/server.key'",
        "ALTER SYSTEM SET ssl = on",
    )
    reload = "SELECT pg_reload_conf()"
    verifying_chain = (
        "sslmode=verify-ca&sslrootcert={root}",
        "sslmode=require&sslrootcert={root}",
        "ssl=true&sslmode=require&sslrootcert={root}",
    )
    verifying_name = ("ssl=true&sslrootcert={root}", "ssl=true", "sslrootcert={root}")
    encrypting = ("sslmode=require", "ssl&sslmode=require")

    def with_options_file(self, file: Path, authority: Path) -> list[str]:
        file.write_text(f"[nova]\nsslmode=verify-full\nsslrootcert={authority}\n")
        return [self.url("service=nova")]

    @staticmethod
    def hide_tls(client: socket.socket, server: socket.socket) -> None:  # noqa: ARG004 - as MySQL's
        # The client may ask for GSSAPI encryption first.
        while client.recv(8, socket.MSG_PEEK)[4:7] == (80877103).to_bytes(4)[:3]:
            client.recv(8, socket.MSG_WAITALL)
            client.sendall(b"N")


class _MySQL(TlsServer):
    account = "mysql"
    statements: ClassVar[tuple[str, ...]] = (
        f"SET GLOBAL ssl_cert = '{FOLDER}/server.pem'",
        f"SET GLOBAL ssl_key = '{FOLDER}/server.key'",
        # It verifies its own certificate when it reloads it.
        f"SET GLOBAL ssl_ca = '{FOLDER}/authority.pem'",
    )
    reload = "ALTER INSTANCE RELOAD TLS"
    verifying_chain = (
        "charset=utf8&ssl_verify_cert=true",
        "charset=utf8&ssl_verify_cert",
        "ssl_verify_cert=true&ssl_ca={root}",
        "ssl_ca={root}&ssl_check_hostname=false",
        "ssl-mode=VERIFY_CA&ssl-ca={root}",
        "ssl-mode=REQUIRED&ssl_ca={root}",
    )
    verifying_name = (
        "ssl_ca={root}",
        "ssl_verify_identity=true",
        "ssl_verify_cert=true&ssl_verify_identity=true&ssl_ca={root}",
        "ssl-mode=VERIFY_IDENTITY",
        "ssl_check_hostname=true&ssl_ca={root}",
        "ssl_verify_server_cert=1",
        "ssl=true",
    )
    encrypting = ("ssl-mode=REQUIRED", "ssl_verify_cert=false")

    def with_options_file(self, file: Path, authority: Path) -> list[str]:
        where = f"host={self.server.host}\nport={self.server.port}\n"
        file.write_text(f"[client]\n[tripleo]\nssl=1\nssl-ca={authority}\n{where}")
        named = f"read_default_file={file}&read_default_group=tripleo"
        return [self.url(named), re.sub("@[^/]+/", "@/", self.url(named))]

    @staticmethod
    def hide_tls(client: socket.socket, server: socket.socket) -> None:
        header = server.recv(4, socket.MSG_WAITALL)
        greeting = bytearray(server.recv(int.from_bytes(header[:3], "little"), socket.MSG_WAITALL))
        # The version is followed by the session's number, half of the challenge and a zero.
        capabilities = greeting.index(0) + 1 + 4 + 8 + 1
        greeting[capabilities + 1] &= ~0x08
        client.sendall(header + greeting)


class _MariaDB(_MySQL):
    statements = ()  # it reads them at its start only
    reload = "FLUSH SSL"

    def prepare(self) -> None:
        options = f"[mariadbd]\nssl_cert={FOLDER}/server.pem\nssl_key={FOLDER}/server.key\n"
        self.put("/etc/my.cnf", options.encode())
        self.run("chmod", "644", "/etc/my.cnf")
        self.container.restart()
        containers.await_answer(self.server, containers.SECONDS_TO_START, self.server.kind)


SERVERS: Mapping[str, type[TlsServer]] = {
    "mysql": _MySQL,
    "mariadb": _MariaDB,
    "postgresql": _PostgreSQL,
}


@contextmanager
def running(kind: str, authority: Authority) -> Iterator[TlsServer]:
    """Run a container of this kind for a block."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(f"HOSTMAP_TEST_{kind.upper()}_URL", raising=False)
        with (
            containers.running(kind, durable=True) as server,
            closing(SERVERS[kind](server, authority.certificate(server.host))) as one,
        ):
            yield one


@contextmanager
def without_tls(one: TlsServer) -> Iterator[int]:
    """Forward a port of the loopback to the server, without its offer of TLS."""

    class Connection(BaseRequestHandler):
        def handle(self) -> None:
            client = self.request
            with socket.create_connection((one.server.host, one.server.port)) as server:
                one.hide_tls(client, server)
                back = Thread(target=_pass_on, args=(server, client), daemon=True)
                back.start()
                _pass_on(client, server)
                back.join()

    with ThreadingTCPServer(("127.0.0.1", 0), Connection) as proxy:
        Thread(target=proxy.serve_forever, args=(0.05,), daemon=True).start()
        yield proxy.server_address[1]
        proxy.shutdown()


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while received := source.recv(65536):
            sink.sendall(received)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
