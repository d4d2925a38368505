"""Rogue servers that speak the protocol of MySQL and MariaDB."""

from __future__ import annotations

import hashlib
import struct
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pymysql.constants import CLIENT

from tests.support.servers.rogue import Rogue, encrypt, read

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable, Iterator
    from typing import Self

_SALT = b"abcdefghijklmnopqrst"
_CAPABILITIES = (
    CLIENT.LONG_PASSWORD
    | CLIENT.CONNECT_WITH_DB
    | CLIENT.LOCAL_FILES
    | CLIENT.PROTOCOL_41
    | CLIENT.TRANSACTIONS
    | CLIENT.SECURE_CONNECTION
    | CLIENT.PLUGIN_AUTH
)
_OK = b"\0\0\0\2\0\0\0"
_DENIED = b"\xff" + struct.pack("<H", 1045) + b"#28000Access denied"
_KEY_BYTES = 256
_LENGTH_OF_TLS_REQUEST = 32
MYSQL, MARIADB = "9.7.4", "5.5.5-10.11.6-MariaDB"


@cache
def _key(name: str) -> RSAPrivateKey:
    assert name
    return generate_private_key(65537, _KEY_BYTES * 8)


def public_key(name: str = "rogue") -> bytes:
    """Return the public half of a key; only the rogue's own can be decrypted."""
    half = _key(name).public_key()
    return half.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


class RogueMySQL(Rogue):
    scheme = "mysql"

    def proofs(self, password: str) -> Iterator[bytes]:
        plain = password.encode()
        yield plain
        one = hashlib.sha1(plain, usedforsecurity=False).digest()
        two = hashlib.sha1(one, usedforsecurity=False).digest()
        yield _xor(one, hashlib.sha1(_SALT + two, usedforsecurity=False).digest())
        one = hashlib.sha256(plain).digest()
        two = hashlib.sha256(one).digest()
        yield _xor(one, hashlib.sha256(two + _SALT).digest())


class _Link:
    """The packets of one connection."""

    def __init__(self, rogue: Rogue, connection: socket.socket) -> None:
        self.rogue = rogue
        self.connection = connection
        self.number = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def send(self, payload: bytes) -> None:
        header = len(payload).to_bytes(3, "little") + bytes([self.number % 256])
        self.connection.sendall(header + payload)
        self.number += 1

    def receive(self) -> bytes:
        header = read(self.connection, 4)
        payload = read(self.connection, int.from_bytes(header[:3], "little"))
        self.number = header[3] + 1
        self.rogue.received += payload + b"\n"
        if len(payload) == _KEY_BYTES:
            padding = OAEP(MGF1(SHA1()), SHA1(), None)  # noqa: S303 - MySQL's
            with suppress(ValueError):  # encrypted with another key
                self.rogue.received += _xor(_key("rogue").decrypt(payload, padding), _SALT * 9)
        return payload

    def greet(self, plugin: str, version: str, tls: ssl.SSLContext | None = None) -> None:
        """Greet the client and receive its login.

        :param tls: makes it offer TLS.
        """
        capabilities = _CAPABILITIES | (CLIENT.SSL if tls else 0)
        low, high = capabilities & 0xFFFF, capabilities >> 16
        if plugin == "sha256_password":
            self.rogue.asked.set()  # the client may answer with the password at once
        fixed = struct.pack("<HBHHB", low, 45, 2, high, len(_SALT) + 1) + bytes(10)
        self.send(
            b"\x0a"
            + version.encode()
            + b"\0"
            + struct.pack("<I", 7)
            + _SALT[:8]
            + b"\0"
            + fixed
            + _SALT[8:]
            + b"\0"
            + plugin.encode()
            + b"\0"
        )
        login = self.receive()
        if tls and len(login) == _LENGTH_OF_TLS_REQUEST:
            self.connection = encrypt(self.rogue, self.connection, tls)
            self.receive()

    def ask(self, payload: bytes) -> bytes:
        """Ask for something that the client should not give."""
        self.rogue.asked.set()
        self.send(payload)
        return self.receive()


class Trap(NamedTuple):
    """A way to ask for a password."""

    plugin: str
    """The plugin that the greeting names."""
    spring: Callable[[_Link], object]
    """The server's part after the client's first answer."""
    option: str
    """The option of a URL that allows it; empty if there is none."""


def _switch(plugin: str, data: bytes = _SALT + b"\0") -> bytes:
    return b"\xfe" + plugin.encode() + b"\0" + data


def _dialog(link: _Link) -> None:
    link.ask(_switch("dialog", b"\x04Password: "))


def _offer_key(link: _Link) -> None:
    link.ask(b"\1" + public_key())


def _offer_key_after_switch(link: _Link) -> None:
    link.ask(_switch("sha256_password"))  # the client asks for the key
    _offer_key(link)


def _offer_key_without_salt(link: _Link) -> None:
    link.ask(_switch("sha256_password", b"\0"))  # the client asks for the key
    _offer_key(link)


def _full_authentication(link: _Link) -> None:
    link.ask(b"\1\4")  # the client asks for the key
    _offer_key(link)


def _full_authentication_after_switch(link: _Link) -> None:
    link.send(_switch("caching_sha2_password"))
    link.receive()
    _full_authentication(link)


def _clear(link: _Link) -> None:
    link.ask(_switch("mysql_clear_password", b""))


def _clear_after_another(link: _Link) -> None:
    link.ask(b"\1\4")  # as MySQL Router does before it switches
    _clear(link)


CLEAR, KEY = "enable_cleartext_plugin=1", "get_server_public_key=1"

TRAPS = {
    "clear text": Trap("mysql_native_password", _clear, CLEAR),
    "clear text after caching": Trap("caching_sha2_password", _clear, CLEAR),
    "clear text from the greeting": Trap("mysql_clear_password", _clear, CLEAR),
    "dialog": Trap("mysql_native_password", _dialog, CLEAR),
    "dialog from the greeting": Trap("dialog", _dialog, CLEAR),
    "key of sha256": Trap("sha256_password", _offer_key, KEY),
    "key of sha256 after a switch": Trap("mysql_native_password", _offer_key_after_switch, KEY),
    "key of caching": Trap("caching_sha2_password", _full_authentication, KEY),
    "key of caching after a switch": Trap(
        "mysql_native_password", _full_authentication_after_switch, KEY
    ),
    "clear text after a key": Trap("caching_sha2_password", _clear_after_another, ""),
    "obsolete": Trap(
        "mysql_native_password", lambda link: link.ask(_switch("mysql_old_password")), ""
    ),
    "obsolete without a name": Trap("mysql_native_password", lambda link: link.ask(b"\xfe"), ""),
    "unknown": Trap("mysql_native_password", lambda link: link.ask(_switch("windows")), ""),
    "kerberos": Trap(
        "mysql_native_password", lambda link: link.ask(_switch("auth_gssapi_client")), ""
    ),
    "signature": Trap(
        "mysql_native_password", lambda link: link.ask(_switch("client_ed25519", bytes(32))), ""
    ),
    "nonsense": Trap("mysql_native_password", lambda link: link.ask(b"\1"), ""),
    "no salt": Trap("mysql_native_password", _offer_key_without_salt, ""),
}

ANSWERED_THROUGH_TLS = {
    *(name for name, trap in TRAPS.items() if trap.option == KEY),
    "clear text after a key",
    "no salt",
}
"""The traps that get the password through any TLS, as from MySQL's own clients."""


def trap(name: str, version: str = MYSQL, *, tls: ssl.SSLContext | None = None) -> RogueMySQL:
    """Make a server that asks for a password in one of the ways of `TRAPS`.

    :param tls: makes it offer TLS.
    """
    chosen = TRAPS[name]

    def talk(rogue: Rogue, connection: socket.socket) -> None:
        with _Link(rogue, connection) as link:
            link.greet(chosen.plugin, version, tls)
            chosen.spring(link)
            link.send(_DENIED)
            rogue.listen(link.connection)

    return RogueMySQL(talk)


def proof_only(
    plugin: str, version: str = MYSQL, *, tls: ssl.SSLContext | None = None
) -> RogueMySQL:
    """Make a server that refuses each password, after it got the proof of it."""

    def talk(rogue: Rogue, connection: socket.socket) -> None:
        with _Link(rogue, connection) as link:
            link.greet(plugin, version, tls)
            rogue.asked.set()
            link.send(_DENIED)
            rogue.listen(link.connection)

    return RogueMySQL(talk)


def thief_of_files(path: str, statement: int) -> RogueMySQL:
    """Make a server that accepts every login, and answers a statement by requesting a file.

    :param statement: how many statements it answers as usual before.
    """

    def talk(rogue: Rogue, connection: socket.socket) -> None:
        link = _Link(rogue, connection)
        link.greet("mysql_native_password", MYSQL)
        link.send(_OK)
        for _ in range(statement):
            link.receive()
            link.send(_OK)
        link.receive()
        link.ask(b"\xfb" + path.encode())
        link.send(_DENIED)
        rogue.listen(connection)

    return RogueMySQL(talk)


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=False))
