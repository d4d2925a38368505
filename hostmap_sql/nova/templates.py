"""Filling in the templates that the URLs of Nova's cells may be: ``{scheme}://{username}:...``.

Nova fills them, by `str.format`, from the URL of the service that reads them. Whoever can write the
table could so have the service's password sent to a host of his choice. Here only plain fields are
filled, and a user or password only into a URL that leads to the base URL's own hosts, or to hosts
that the caller trusts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qsl, unquote

from hostmap_sql.database_url import DatabaseUrl
from hostmap_sql.dialects.url_options import plain
from hostmap_sql.errors import InvalidValue
from hostmap_sql.nova.urls import without_bare

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

TemplateField = Literal["database_connection", "transport_url"]

_FIELD = re.compile(r"\{([^{}]*)\}")
_SECRET_FIELD = re.compile(r"(username|password)[0-9]*")
_NUMBERED = re.compile(r"(username|password|hostname|port)[1-9][0-9]*")
# What in the query of a URL can lead elsewhere than its host says, or take more secrets along.
_LEADING_ELSEWHERE = frozenset(
    {
        "host",
        "hostaddr",
        "passfile",
        "port",
        "read_default_file",
        "read_default_group",
        "service",
        "servicefile",
        "unix_socket",
    }
)


def is_template(url: str) -> bool:
    """Whether anything of a URL has to be filled in."""
    return "{" in url or "}" in url


def fill(
    template: str,
    base: str | None,
    trusted_hosts: Collection[str] = (),
    *,
    field: TemplateField = "database_connection",
) -> str:
    """The URL that a template makes with the parts of a base URL. What is none stays as it is.

    The fields are Nova's: scheme, username, password, hostname, port, path, query, fragment; and
    where the base URL names several hosts, username1, password1, hostname1, port1 of the first, and
    so on. As in Nova, of several hosts ``{username}:{password}@{hostname}:{port}`` is all of them.

    :param base: what Nova has as ``[database]/connection``, or as ``[DEFAULT]/transport_url``.
    :param trusted_hosts: hosts that may be sent its user and password, beside its own.
    :param field: which of a cell's URLs it is.
    :raises InvalidValue: the template cannot be filled, or would send the password elsewhere.

    >>> fill("{scheme}://{username}:{password}@{hostname}/nova_cell1?{query}",
    ...      "mysql://nova:s3cret@db.example.org/nova?charset=utf8")
    'mysql://nova:s3cret@db.example.org/nova_cell1?charset=utf8'
    """
    if not is_template(template):
        return template
    kind = _KINDS[field]
    if base is None:
        raise InvalidValue(field, f"is a template: name the URL that fills it ({kind.base})")
    places = kind.places(base)
    parts = _parts(base)

    def part(match: re.Match[str]) -> str:
        return _part(parts, match[1], field)

    filled = _FIELD.sub(part, template)
    if is_template(_FIELD.sub("", template)):
        raise InvalidValue(field, "is a template with a brace too many")
    if any(_SECRET_FIELD.fullmatch(name) for name in _FIELD.findall(template)):
        _refuse_other_places(kind.places(filled), places, trusted_hosts, field)
    return filled


# --- the parts of the base URL --------------------------------------------------------------------


def _parts(base: str) -> dict[str, str | None]:
    """What each field stands for, as it is written in the base URL."""
    scheme, _, rest = base.partition("://")
    rest, _, fragment = rest.partition("#")
    rest, _, query = rest.partition("?")
    netloc, _, path = rest.partition("/")
    # The user of the first host, and up to the last "@", its password: of several, all logins but
    # the first user.
    login, at, place = netloc.rpartition("@")
    user, colon, password = login.partition(":")
    host, port = _split_port(place.partition(",")[0])
    parts = {
        "scheme": scheme,
        "username": user if at and user else None,
        "password": password if colon else None,
        "hostname": host or None,
        "port": port,
        "path": path,
        "query": query,
        "fragment": fragment,
    }
    return parts | (_numbered(netloc) if "," in netloc else {})


def _numbered(netloc: str) -> dict[str, str | None]:
    parts: dict[str, str | None] = {}
    for number, one in enumerate(netloc.split(","), 1):
        login, _, place = one.rpartition("@")
        user, colon, password = login.partition(":")
        host, port = _split_port(place)
        parts |= {
            f"username{number}": user or None,
            f"password{number}": password if colon else None,
            f"hostname{number}": host or None,
            f"port{number}": port,
        }
    return parts


def _split_port(place: str) -> tuple[str, str | None]:
    """A host as a URL has it, an IPv6 address in its brackets, and its port."""
    host, colon, port = place.rpartition(":")
    if not colon or "]" in port:
        return place, None
    return host, port or None


def _part(parts: Mapping[str, str | None], name: str, field: TemplateField) -> str:
    if name not in parts and not _NUMBERED.fullmatch(name):
        known = ", ".join(part for part in parts if part[-1].isalpha())
        problem = f"is a template with the unknown field {{{name[:40]}}}: known are {known}"
        raise InvalidValue(field, f"{problem}, and of several hosts username1, password1 and so on")
    value = parts.get(name)
    if value is None:
        problem = f"is a template with {{{name}}}, which the URL that fills it does not have"
        raise InvalidValue(field, problem)
    return value


# --- where it leads -------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Places:
    """Which hosts a URL leads to, the options that may lead elsewhere, and its passwords."""

    hosts: frozenset[str]
    options: Mapping[str, str]
    passwords: frozenset[str]


def _database_places(url: str) -> _Places:
    parsed = DatabaseUrl.parse(without_bare(url))
    hosts = frozenset(host for host, _ in parsed.hosts)
    options = {plain(name): value for name, value in parsed.options.items()}
    return _Places(hosts, options, frozenset({parsed.password or ""}))


def _transport_places(url: str) -> _Places:
    """As oslo.messaging reads it: ``rabbit://user:password@host:port,user:password@host:port/``."""
    _, separator, rest = url.partition("://")
    if not separator:
        raise InvalidValue("transport URL", "has no scheme: write it like rabbit://user:pass@host/")
    netloc = re.split(r"[/?#]", rest, maxsplit=1)[0]
    hosts, passwords = set(), set()
    for one in netloc.split(",") if netloc else ():
        login, at, place = one.rpartition("@")
        if "@" in login or (at and not place):
            problem = "has an '@', ',', '/', '?' or '#' in a password: write it as %40 and the like"
            raise InvalidValue("transport URL", problem)
        hosts.add(unquote(_split_port(place)[0]).strip("[]"))
        passwords.add(unquote(login.partition(":")[2]))
    if "@" in rest[len(netloc) :]:
        problem = "has an '@' behind its hosts, or a '/', '?' or '#' in a password: write it as %2F"
        raise InvalidValue("transport URL", problem)
    query = rest.partition("?")[2].partition("#")[0]
    options = {plain(name): value for name, value in parse_qsl(query, keep_blank_values=True)}
    return _Places(frozenset(hosts), options, frozenset(passwords))


@dataclass(frozen=True)
class _Kind:
    places: Callable[[str], _Places]
    base: str


_KINDS: Mapping[str, _Kind] = {
    "database_connection": _Kind(_database_places, "--template-url"),
    "transport_url": _Kind(_transport_places, "transport_template_url"),
}


def check_base(base: str, field: TemplateField) -> None:
    """Refuse what can fill no template.

    :raises InvalidValue: it is no URL of that kind.
    """
    _KINDS[field].places(base)


def _refuse_other_places(
    filled: _Places, base: _Places, trusted_hosts: Collection[str], field: TemplateField
) -> None:
    for name, value in filled.options.items():
        if name in _LEADING_ELSEWHERE and base.options.get(name) != value:
            problem = f"is a template that sends the password where its option {name!r} says"
            raise InvalidValue(field, f"{problem}: write the URL out")
    for host in sorted(filled.hosts - base.hosts):
        if host not in trusted_hosts:
            hidden = any(password and password in host for password in base.passwords)
            shown = "a host named by it" if hidden else repr(host)
            problem = f"is a template that sends the password to {shown}"
            raise InvalidValue(
                field, f"{problem}: if that is meant, trust this host (--trust-host)"
            )
