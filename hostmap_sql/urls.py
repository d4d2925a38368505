"""URLs: the ones the library connects to, and those of the cells, which hold passwords.

`mask` is the one place that decides what of a URL may be shown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote

from hostmap_sql.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Mapping

MASK = "***"

# TEXT of MySQL holds 65,535 bytes: so many characters fit into it whatever they are.
MAX_URL_LENGTH = 16_383

_SCHEME = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*|\{scheme\})://")
# One of several hosts that are joined by commas: "user:password@host:port", nothing left to guess.
_LOGIN_AND_HOST = re.compile(r"([^:/?#@,]*)(?::[^:/?#@,]*)?@([^/?#@,]+)")
_HOST = re.compile(r"[^/?#@,:]*(?::[0-9]*)?|\[[0-9A-Fa-f:.]+\](?::[0-9]*)?")
# What may stand in a query without being a secret. Everything else is masked.
_PLAIN_OPTIONS = frozenset(
    [
        "application_name",
        "autocommit",
        "cache",
        "channel_binding",
        "charset",
        "client_encoding",
        "collation",
        "connect_timeout",
        "driver",
        "gssencmode",
        "heartbeat",
        "host",
        "hostaddr",
        "load_balance_hosts",
        "max_statement_time",
        "mode",
        "port",
        "program_name",
        "read_default_group",
        "read_timeout",
        "sql_mode",
        "ssl",
        "ssl_ca",
        "ssl_cert",
        "ssl_check_hostname",
        "ssl_verify_cert",
        "ssl_verify_identity",
        "sslcert",
        "sslmode",
        "sslrootcert",
        "ssl_version",
        "target_session_attrs",
        "timeout",
        "unix_socket",
        "user",
        "use_unicode",
        "write_timeout",
    ]
)


def mask(url: str) -> str:
    """The URL with everything that may be secret replaced by ``***``.

    In doubt it hides too much: a password that holds ``/ # ? @ :`` unescaped does not show, nor
    the value of a query option that is not known to be harmless.

    >>> mask("mysql+pymysql://nova:s3cret@db1.example.org/nova_cell1?charset=utf8&token=abc")
    'mysql+pymysql://nova:***@db1.example.org/nova_cell1?charset=utf8&token=***'
    """
    scheme = _SCHEME.match(url)
    if scheme is None:
        return MASK
    # A raw "@", "/" or "?" may belong to a password: all before the last "@" is taken for logins.
    before, at, after = url[scheme.end() :].rpartition("@")
    rest, question, query = after.partition("?")
    authority, slash, path = rest.partition("/")
    if not at and not _authority_is_plain(authority):
        return f"{scheme[0]}{MASK}"
    shown = _mask_logins(before, authority) if at else authority
    return f"{scheme[0]}{shown}{slash}{path}{question}{_mask_query(query)}"


def _authority_is_plain(authority: str) -> bool:
    return all(_HOST.fullmatch(host) or _is_template(host) for host in authority.split(","))


def _is_template(text: str) -> bool:
    return text.startswith("{") and text.endswith("}") and "@" not in text


def _mask_logins(before: str, authority: str) -> str:
    hosts = f"{before}@{authority}".split(",")
    matches = [_LOGIN_AND_HOST.fullmatch(host) for host in hosts]
    if len(hosts) > 1 and all(matches):
        return ",".join(_mask_login(m[0].rpartition("@")[0]) + "@" + m[2] for m in matches if m)
    return f"{_mask_login(before)}@{authority}"


def _mask_login(login: str) -> str:
    user, colon, _password = login.partition(":")
    if any(c in user for c in "/?#@,"):
        return MASK
    return f"{user}:{MASK}" if colon else user


def _mask_query(query: str) -> str:
    return "&".join(map(_mask_option, query.split("&"))) if query else ""


def _mask_option(option: str) -> str:
    name, equals, _value = option.partition("=")
    if name.lower() in _PLAIN_OPTIONS or _is_template(option):
        return option
    return f"{name}={MASK}" if equals else MASK


class SecretUrl:
    """The URL of a cell's database or message queue. It shows masked; `reveal` gives the real one.

    >>> url = SecretUrl("rabbit://nova:s3cret@mq1:5672/")
    >>> print(url)
    rabbit://nova:***@mq1:5672/
    >>> url.reveal()
    'rabbit://nova:s3cret@mq1:5672/'
    """

    __slots__ = ("_url",)

    def __init__(self, url: str) -> None:
        self._url = url

    def reveal(self) -> str:
        """The URL as it is, password included."""
        return self._url

    def __str__(self) -> str:
        return mask(self._url)

    def __repr__(self) -> str:
        return f"SecretUrl({mask(self._url)!r})"

    def __eq__(self, other: object) -> bool:
        return self._url == other._url if isinstance(other, SecretUrl) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._url)


@dataclass(frozen=True)
class DatabaseUrl:
    """Where a database is: ``scheme://user:password@host:port,host:port/database?option=value``."""

    scheme: str
    hosts: tuple[tuple[str, int | None], ...]
    user: str | None
    password: str | None = field(repr=False)
    database: str
    options: Mapping[str, str] = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> DatabaseUrl:
        """Take a URL apart.

        :raises InvalidValue: it is not of that form. The message never quotes it: it may hold a
            password.
        """
        scheme, separator, rest = text.partition("://")
        if not separator:
            problem = "has no scheme: write it like mysql://user:password@host:3306/database"
            raise InvalidValue("database URL", problem)
        rest, _, query = rest.partition("?")
        authority, _, database = rest.partition("/")
        login, _, hosts = authority.rpartition("@")
        if authority and "@" in rest and any(c in rest.partition("@")[0] for c in "/#"):
            problem = "has a '/' or '#' in its user or password: write it as %2F or %23"
            raise InvalidValue("database URL", problem)
        if "@" in login or "@" in query:
            problem = "has an '@', '?' or '#' in its password: write it as %40, %3F or %23"
            raise InvalidValue("database URL", problem)
        user, colon, password = login.partition(":")
        return cls(
            scheme=scheme.lower(),
            hosts=tuple(_host_and_port(host) for host in hosts.split(",") if host),
            user=unquote(user) or None,
            password=unquote(password) if colon else None,
            database=unquote(database),
            options=_options(query),
        )

    def __str__(self) -> str:
        hosts = ",".join(host if port is None else f"{host}:{port}" for host, port in self.hosts)
        return f"database {self.database!r}" + (f" on {hosts}" if hosts else "")


def _host_and_port(text: str) -> tuple[str, int | None]:
    host, _, port = text.rpartition(":") if re.search(r":[^\]]*$", text) else (text, "", "")
    if port and not (port.isascii() and port.isdigit() and int(port) < 65536):  # noqa: PLR2004
        # Not quoted: behind a colon there may be a password that lost its "@".
        raise InvalidValue("database URL", "has a port that is not a number below 65536")
    return unquote(host.strip("[]")), int(port) if port else None


def _options(query: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
    except ValueError:
        problem = "has a query that is not of the form ?option=value&option=value"
        raise InvalidValue("database URL", problem) from None
