"""Parses the URL of a database."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import AddressValueError, IPv6Address
from typing import TYPE_CHECKING
from unicodedata import category
from urllib.parse import parse_qsl, unquote

from hostmap_sql.concealing import HiddenFrames, SecretText, type_name
from hostmap_sql.errors import InvalidValue
from hostmap_sql.masking import (
    MASK,
    MAX_URL_LENGTH,
    shows_host,
    shows_option,
    shows_path,
    shows_user,
)
from hostmap_sql.quoting import show_option

if TYPE_CHECKING:
    from collections.abc import Mapping

EXAMPLE = "mysql://user:password@host:3306/database"

HIGHEST_PORT = 65_535
MOST_DIGITS = 10  # int() raises for thousands

_IN_BRACKETS = re.compile(r"\[(?P<host>[^\[\]]+)\](?::(?P<port>[^:]*))?")

# Unicode's categories of control characters, line separators and paragraph separators.
_CONTROL = ("Cc", "Zl", "Zp")
_SURROGATE = "Cs"

_NOT_UTF_8 = "has %XX that are not UTF-8: encode the text in UTF-8 before quoting it"
# Signs of options in the wrong place, such as "host;password=...". A server, and the log of its
# driver, would quote them.
_NOT_IN_USER = re.compile(r"[;=]")
_NOT_IN_HOST = re.compile(r"[;=\s]")
_NOT_IN_DATABASE = re.compile(r"[;=#?&]")

# Shorter values are in many messages by chance.
_MIN_LENGTH_OF_SECRET = 8

_OPTIONS_ADVICE = "write options as ?option=value&option=value"

_NUL = "holds a NUL character (%00): remove it"


@dataclass(frozen=True)
class DatabaseUrl:
    """A parsed URL: ``scheme://user:password@host:port,host:port/database?option=value``.

    Its `str` names the database and the hosts, without the user and the password. User, database
    and hosts are `SecretText` unless they have the plain forms that `mask` shows.
    """

    scheme: str
    hosts: tuple[tuple[str, int | None], ...]
    user: str | None
    password: str | None = field(repr=False)
    database: str
    options: Mapping[str, str] = field(repr=False)
    operator_options: frozenset[str] | None = None
    """The options that the operator set, by their canonical names, in a URL from the table of
    cells. None for a URL that the operator wrote."""

    @property
    def is_isolated(self) -> bool:
        """Whether the URL is used alone, without the environment and the files of the user."""
        return self.operator_options is not None

    def is_operators(self, option: str) -> bool:
        """Whether the operator set an option, not the table of cells."""
        return self.operator_options is None or option in self.operator_options

    @classmethod
    def parse(cls, text: str) -> DatabaseUrl:
        """Parse a URL.

        :raises InvalidValue: it is malformed. The message never quotes the URL, because it may
            contain a password.
        """
        with HiddenFrames():
            return cls._parse(text)

    @classmethod
    def _parse(cls, text: str) -> DatabaseUrl:
        scheme, separator, rest = _stripped(text).partition("://")
        if not separator:
            raise InvalidValue("database URL", f"has no scheme: write it like {EXAMPLE}")
        rest, _, query = rest.partition("?")
        authority, _, database = rest.partition("/")
        login, _, hosts = authority.rpartition("@")
        if authority and "@" in rest and any(c in rest.partition("@")[0] for c in "/#"):
            problem = "has a '/' or '#' in its user or password: write it as %2F or %23"
            raise InvalidValue("database URL", problem)
        if "@" in login or "@" in query:
            problem = "has an '@', '?' or '#' in its password: write it as %40, %3F or %23"
            raise InvalidValue("database URL", problem)
        quoted_user, colon, password = login.partition(":")
        user, name = _unquoted(quoted_user), _unquoted(database)
        if _NOT_IN_USER.search(user):
            raise InvalidValue("database URL", f"has a ';' or '=' in its user: {_OPTIONS_ADVICE}")
        return cls(
            scheme=scheme.lower(),
            hosts=tuple(_host_and_port(host) for host in hosts.split(",") if host),
            user=_concealed_unless(shows_user(user, has_password=bool(colon)), user) or None,
            password=SecretText(_unquoted(password)) if colon else None,
            database=_concealed_unless(shows_path(name), name),
            options=_options(query),
        )

    def may_be_quoted_by(self, message: str) -> bool:
        """Return whether a message of a driver quotes a part of the URL that may be a secret."""
        shown = str(self)
        message = message.replace(shown, "")
        names = [self.user, self.database, *(host for host, _ in self.hosts)]
        hidden = [name for name in names if name and isinstance(name, SecretText)]
        # Servers cut long names. A text that shows in another part is no secret.
        beginnings = [name[:_MIN_LENGTH_OF_SECRET] for name in hidden]
        return any(text in message and text not in shown for text in beginnings) or any(
            value in message
            for name, value in self.options.items()
            if len(value) >= _MIN_LENGTH_OF_SECRET and not shows_option(name, value)
        )

    @property
    def name(self) -> str | None:
        """The name of the database on a server; None if the URL has none.

        :raises InvalidValue: it contains signs of a login or of options, so it may contain a
            password.
        """
        if _NOT_IN_DATABASE.search(self.database):
            problem = f"has one of ; = # ? & in the name of its database: {_OPTIONS_ADVICE}"
            raise InvalidValue("database URL", problem)
        if not self.hosts and "@" in self.database:
            problem = f"has a user after its third slash: write it like {EXAMPLE}"
            raise InvalidValue("database URL", problem)
        return self.database or None

    def __str__(self) -> str:
        hosts = ",".join(_host_text(host, port) for host, port in self.hosts)
        return f"database {self.database!r}" + (f" on {hosts}" if hosts else "")


def _stripped(text: object) -> str:
    if not isinstance(text, str):
        raise InvalidValue("database URL", f"must be text, not {type_name(text)}")
    # Files and secrets add a byte order mark or a line break.
    text = text.removeprefix("\ufeff").strip()
    if not text:
        raise InvalidValue("database URL", f"is empty: write it like {EXAMPLE}")
    if len(text) > MAX_URL_LENGTH:
        raise InvalidValue(
            "database URL", f"is too long: the maximum is {MAX_URL_LENGTH} characters"
        )
    if any(category(character) in _CONTROL for character in text):
        problem = "holds a line break or other control character: remove it or write it as %XX"
        raise InvalidValue("database URL", problem)
    if text[0] in "\"'":
        raise InvalidValue("database URL", "begins with a quote: write it without quotes")
    if any(category(character) == _SURROGATE for character in text):
        # For example a password in Latin-1 from the environment.
        problem = "holds bytes that are not UTF-8: write them as %XX, encoded in UTF-8"
        raise InvalidValue("database URL", problem)
    return text


def _unquoted(text: str) -> str:
    """Decode %XX.

    :raises InvalidValue: the result is not UTF-8, or has a NUL, which ends a text in C.
    """
    try:
        decoded = unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise InvalidValue("database URL", _NOT_UTF_8) from None
    if "\0" in decoded:
        raise InvalidValue("database URL", _NUL)
    return decoded


def _concealed_unless(is_shown: bool, text: str) -> str:  # noqa: FBT001 - private
    return text if is_shown else SecretText(text)


def _host_text(host: str, port: int | None) -> str:
    if isinstance(host, SecretText):
        return MASK
    host = f"[{host}]" if ":" in host else host
    return host if port is None else f"{host}:{port}"


# No message quotes a host: the text after a colon may be a password that lost its "@".


def _host_and_port(text: str) -> tuple[str, int | None]:
    brackets = _IN_BRACKETS.fullmatch(text)
    if brackets:
        host, port = brackets["host"], brackets["port"] or ""
    elif "[" in text or "]" in text:
        problem = "has a stray bracket: write an IPv6 address like [::1]:3306"
        raise InvalidValue("database URL", problem)
    elif _is_ipv6(text):
        host, port = text, ""
        address, _, last = text.rpartition(":")
        if _is_port(last) and _is_ipv6(address):
            problem = (
                "has an IPv6 address without brackets, which may end in a port: write it "
                "like [::1]:3306, or without a port like [::1]"
            )
            raise InvalidValue("database URL", problem)
    else:
        host, _, port = text.rpartition(":") if ":" in text else (text, "", "")
    if port and not _is_port(port):
        raise InvalidValue("database URL", "has a port that is not a number below 65536")
    if ":" in host and not _is_ipv6(host):
        problem = "has a colon in a host that is not an IPv6 address: write those like [::1]:3306"
        raise InvalidValue("database URL", problem)
    name = _unquoted(host)
    if _NOT_IN_HOST.search(name) and not name.startswith("/"):
        problem = f"has a ';', '=' or white space in a host: {_OPTIONS_ADVICE}"
        raise InvalidValue("database URL", problem)
    return _concealed_unless(shows_host(name), name), int(port) if port else None


def _is_port(text: str) -> bool:
    is_number = text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS
    return is_number and int(text) <= HIGHEST_PORT


def _is_ipv6(text: str) -> bool:
    """Whether the text is an IPv6 address, with or without a zone: ``fe80::1%25eth0``."""
    try:
        zone = IPv6Address(unquote(text)).scope_id
    except AddressValueError:
        return False
    return ":" not in (zone or "")


# Options that need no value, as in openstack-helm's URLs.
_FLAG = re.compile(
    r"ssl([-_](disabled|check[-_]hostname|verify[-_](cert|identity|server[-_]cert)))?",
    re.IGNORECASE,
)


def is_flag(field: str) -> bool:
    """Whether a field of a query is a flag without a value, as in ``?ssl``."""
    return _FLAG.fullmatch(field) is not None


def _options(query: str) -> dict[str, str]:
    fields = [f"{part}=" if is_flag(part) else part for part in query.split("&")]
    try:
        pairs = parse_qsl(
            "&".join(fields), keep_blank_values=True, strict_parsing=bool(query), errors="strict"
        )
    except UnicodeDecodeError:
        raise InvalidValue("database URL", _NOT_UTF_8) from None
    except ValueError:
        problem = "has a query that is not of the form ?option=value&option=value"
        raise InvalidValue("database URL", problem) from None
    options: dict[str, str] = {}
    for name, value in pairs:
        if "\0" in name + value:
            raise InvalidValue("database URL", _NUL)
        if options.setdefault(name, SecretText(value)) != value:
            problem = f"has {show_option(name)} twice, with two values"
            raise InvalidValue("database URL", problem)
    return options
