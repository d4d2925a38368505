"""The class of the library's own connections to MySQL and MariaDB."""

from __future__ import annotations

import ssl
from functools import cache
from typing import TYPE_CHECKING, Any

import pymysql

from hostmap_sql.dialects import tls
from hostmap_sql.dialects.mysql.authentication import UnsafeRequestError

if TYPE_CHECKING:
    import socket

    from hostmap_sql.dialects.mysql.authentication import PasswordPolicy

_NO_SERVER_PROBLEM = "the server there is neither MySQL nor MariaDB: check the host and the port"

# The context for servers that need no TLS, shared by all connections.
_UNVERIFIED = cache(tls.TlsPolicy("prefer", None).context)


class _NotAServer(Exception):
    """The peer speaks another protocol; a retry would fail as well."""


class Connection(pymysql.Connection):
    """A connection that shares its TLS context, and can be interrupted during a TLS handshake.

    It answers an unsafe request for its password only if its policy allows it.
    """

    handshake_socket: socket.socket | None = None
    is_closed = False
    _key_of_server: bytes | None = None

    def __init__(self, *, password_policy: PasswordPolicy, **arguments: Any) -> None:
        self._policy = password_policy
        super().__init__(**arguments)

    # --- passwords ----------------------------------------------------------------------------

    @property
    def _is_protected(self) -> bool:
        """Whether the connection uses verified TLS or a Unix socket."""
        own: Any = self
        is_encrypted: bool = own._secure  # noqa: SLF001 - PyMySQL's; also on a Unix socket
        return is_encrypted and (bool(own.unix_socket) or own.ctx.verify_mode is ssl.CERT_REQUIRED)

    @property
    def server_public_key(self) -> bytes | None:
        """The key to encrypt the password with; if None, PyMySQL requests it from the server."""
        if self._policy.key or not self.password:
            return self._policy.key
        self._policy.refuse_keys_of_server()
        return self._key_of_server

    @server_public_key.setter
    def server_public_key(  # pyright: ignore[reportIncompatibleVariableOverride]
        self, key: bytes | None
    ) -> None:
        if key and not self._policy.key:
            self._policy.refuse_keys_of_server()
        self._key_of_server = key

    def _process_auth(self, plugin_name: bytes, *arguments: Any) -> Any:
        self._policy.refuse_plugin(plugin_name, is_protected=self._is_protected)
        return super()._process_auth(plugin_name, *arguments)  # type: ignore[misc]

    # --- the course of a connection -----------------------------------------------------------

    def _force_close(self) -> None:  # called by close(), and after each network error
        self.is_closed = True
        super()._force_close()  # type: ignore[misc]

    def _get_server_information(self) -> None:
        try:
            super()._get_server_information()  # type: ignore[misc]
        except (pymysql.err.OperationalError, OSError):
            raise
        except Exception as error:  # PyMySQL raises many classes here
            raise _NotAServer(_NO_SERVER_PROBLEM) from error

    def _request_authentication(self) -> None:
        # During a TLS handshake, the connection's own socket cannot be used by other threads.
        with socket_of(self).dup() as self.handshake_socket:
            try:
                super()._request_authentication()  # type: ignore[misc]
            except (pymysql.Error, OSError, RuntimeError, UnsafeRequestError):
                raise
            except Exception as error:  # as above
                raise _NotAServer(_NO_SERVER_PROBLEM) from error
        self.handshake_socket = None

    def _create_ssl_ctx(self, options: dict[str, Any] | ssl.SSLContext) -> ssl.SSLContext:
        if not options:
            return _UNVERIFIED()  # PyMySQL would build one for each connection
        context: ssl.SSLContext = super()._create_ssl_ctx(options)  # type: ignore[misc]
        return context


def socket_of(connection: Any) -> socket.socket:
    """Return the socket of a connection of PyMySQL."""
    own: socket.socket = connection._sock  # noqa: SLF001 - there is no public attribute
    return own
