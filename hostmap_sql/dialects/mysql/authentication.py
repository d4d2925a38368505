"""The password requests of MySQL servers that PyMySQL must not answer everywhere.

PyMySQL answers all of them: in clear text, or encrypted with an RSA key that the server sends. So
an impostor would receive the password. Clear text needs verified TLS; a key of the server is not
used without TLS. A challenge is always answered, with a proof from which the password can only be
guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hostmap_sql.dialects.mysql.tls import parse_flag
from hostmap_sql.errors import InvalidValue
from hostmap_sql.small_files import read_small_file

if TYPE_CHECKING:
    from collections.abc import Mapping

FILES = frozenset({"server_public_key", "server_public_key_path"})
"""The options that name the file of the server's RSA key: PyMySQL's name, and MySQL's."""

OPTIONS = frozenset({*FILES, "enable_cleartext_plugin", "get_server_public_key"})
"""The options about passwords that a URL may have, with the names of MySQL's own clients."""

_CLEAR_TEXT = ("mysql_clear_password", "dialog")
_OBSOLETE = "mysql_old_password"

_CLEAR_TEXT_PROBLEM = (
    "the server asks for the password in clear text, without verified TLS: name the file of its "
    "authority with sslrootcert=, or spell out enable_cleartext_plugin=1, in the URL"
)
_KEY_PROBLEM = (
    "the server asks for the password, encrypted with a key that it sends: use TLS, or name the "
    "file of its key with server_public_key=, or spell out get_server_public_key=1, in the URL"
)
_OBSOLETE_PROBLEM = (
    f"the server asks for a password of the obsolete kind {_OBSOLETE}: "
    "give the user a newer kind on the server"
)


class UnsafeRequestError(Exception):
    """The server asks for the password in a way that could reveal it."""


@dataclass(frozen=True)
class PasswordPolicy:
    """The unsafe requests for a password that are answered.

    :param key: the server's RSA key, in PEM form; None if the URL names no file.
    :param accepts_any_key: whether to use the key that the server sends.
    :param accepts_clear_text: whether to send the password as it is.
    """

    key: bytes | None = None
    accepts_any_key: bool = False
    accepts_clear_text: bool = False

    @classmethod
    def of(cls, options: Mapping[str, str]) -> PasswordPolicy:
        """Build the policy of a URL.

        :param options: the options of the URL; those in `OPTIONS` are used.
        :raises InvalidValue: one of them is unusable.
        """
        return cls(
            _read_key({options[name] for name in FILES & options.keys()}),
            _flag(options, "get_server_public_key"),
            _flag(options, "enable_cleartext_plugin"),
        )

    def refuse_plugin(self, name: bytes, *, is_protected: bool) -> None:
        """Refuse to switch to an authentication plugin.

        :param is_protected: whether the connection uses verified TLS or a Unix socket.
        :raises UnsafeRequestError: the plugin would reveal the password.
        """
        plugin = name.decode(errors="replace")
        if plugin == _OBSOLETE:
            raise UnsafeRequestError(_OBSOLETE_PROBLEM)
        if plugin in _CLEAR_TEXT and not (is_protected or self.accepts_clear_text):
            raise UnsafeRequestError(_CLEAR_TEXT_PROBLEM)

    def refuse_keys_of_server(self) -> None:
        """Refuse keys that a server sends.

        :raises UnsafeRequestError: the policy accepts none.
        """
        if not self.accepts_any_key:
            raise UnsafeRequestError(_KEY_PROBLEM)


def _flag(options: Mapping[str, str], name: str) -> bool:
    return name in options and parse_flag(name, options[name])


def _read_key(files: set[str]) -> bytes | None:
    if len(files) > 1:
        raise InvalidValue("database URL", "names the server's public key twice, with two files")
    for file in files:
        try:
            key = read_small_file(file).text
        except ValueError as error:
            raise InvalidValue("database URL", f"has a server_public_key that {error}") from None
        if "PUBLIC KEY-----" not in key:
            problem = "has a server_public_key that is not a public key in PEM form"
            raise InvalidValue("database URL", problem)
        return key.encode()
    return None
