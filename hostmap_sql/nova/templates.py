"""Filling the templates that URLs of Nova's cells may be: ``{scheme}://{username}:...``.

Nova fills them, by `str.format`, from the URL of the service that reads them. An attacker with
write access to the table could thus have the service's password sent to any host. Here only plain
fields are filled, and a user or password only into a URL that leads to hosts and ports of the base
URL, or to hosts that the caller trusts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qsl, unquote

from hostmap_sql.concealing import HiddenFrames, raise_alone, type_name
from hostmap_sql.dialects.database_url import DatabaseUrl
from hostmap_sql.dialects.url_options import plain
from hostmap_sql.errors import InvalidValue
from hostmap_sql.masking import mask, shows_host
from hostmap_sql.nova.urls import drop_bare_options

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

TemplateField = Literal["database_connection", "transport_url"]

_WORD = re.compile(r"[a-z_]{0,40}[0-9]{0,3}")
_FIELD = re.compile(r"\{([^{}]*)\}")
_SECRET_FIELD = re.compile(r"(username|password)[0-9]*")
_NUMBERED_FIELD = re.compile(r"(username|password|hostname|port)[1-9][0-9]*")
# Options in the query of a URL that can lead to other hosts, or read more secrets.
_REDIRECTING_OPTIONS = frozenset(
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

# Those of MySQL, PostgreSQL and RabbitMQ, which a URL without a port means.
_DEFAULT_PORTS = frozenset({"3306", "5432", "5671", "5672"})


def is_template(url: str) -> bool:
    """Return whether a URL has fields to fill."""
    return "{" in url or "}" in url


def has_login(template: str) -> bool:
    """Return whether a template takes a user or a password from the base URL."""
    return any(_SECRET_FIELD.fullmatch(name) for name in _FIELD.findall(template))


def _has_secret_end(template: str, parts: Mapping[str, str | None]) -> bool:
    """Return whether a template takes a query or a fragment in which the base URL has secrets."""
    ends = {"query": f"?{parts['query']}", "fragment": f"#{parts['fragment']}"}
    urls = [
        f"x://h/{ends[name]}"
        for name in _FIELD.findall(template)
        if parts.get(name) and name in ends
    ]
    return any(mask(url) != url for url in urls)


def fill_template(
    template: str,
    base: str | None,
    trusted_hosts: Collection[str] = (),
    *,
    field: TemplateField = "database_connection",
) -> str:
    """Fill a template with the parts of a base URL. Any other URL stays as it is.

    The fields are Nova's: scheme, username, password, hostname, port, path, query, fragment; and
    where the base URL names several hosts, username1, password1, hostname1, port1 of the first, and
    so on. As in Nova, with several hosts ``{username}:{password}@{hostname}:{port}`` means all.

    :param base: Nova's ``[database]/connection``, or its ``[DEFAULT]/transport_url``.
    :param trusted_hosts: hosts that may receive its user and password, in addition to its own.
    :param field: which of a cell's URLs it is.
    :raises InvalidValue: the template cannot be filled, or would send the password elsewhere.

    >>> fill_template("{scheme}://{username}:{password}@{hostname}/nova_cell1?{query}",
    ...               "mysql://nova:s3cret@db.example.org/nova?charset=utf8")
    'mysql://nova:s3cret@db.example.org/nova_cell1?charset=utf8'
    """
    if not is_template(template):
        return template
    kind = _URL_KINDS[field]
    if base is None:
        raise InvalidValue(field, f"is a template: name the URL that fills it ({kind.base_option})")
    allowed = kind.parse_target(base)
    parts = _split_base(base)

    def value(match: re.Match[str]) -> str:
        return _field_value(parts, match[1], field)

    filled = _FIELD.sub(value, template)
    if is_template(_FIELD.sub("", template)):
        raise InvalidValue(field, "is a template with a stray brace")
    if has_login(template) or _has_secret_end(template, parts):
        _refuse_other_targets(kind.parse_target(filled), allowed, trusted_hosts, field)
    return filled


def refuse_bad_base(base: str | None, field: TemplateField, name: str) -> None:
    """Refuse a base URL that can fill no template of this field.

    :param name: the name of the URL in the error.
    :raises InvalidValue: it is not a URL of that kind.
    """
    if base is None:
        return
    if not isinstance(base, str):
        raise InvalidValue(name, f"must be text, not {type_name(base)}")
    try:
        with HiddenFrames():
            _URL_KINDS[field].parse_target(base)
    except InvalidValue as error:
        raise_alone(InvalidValue(name, error.problem))


# --- the parts of the base URL --------------------------------------------------------------------


def _split_base(base: str) -> dict[str, str | None]:
    """Return the value of each field, quoted as in the base URL; None if the URL has no such part.

    With several hosts, `username` and `password` hold everything between the scheme and the last
    host, so that Nova's full template gives all of them.
    """
    scheme, _, rest = base.partition("://")
    rest, _, fragment = rest.partition("#")
    rest, _, query = rest.partition("?")
    netloc, _, path = rest.partition("/")
    # Up to the last "@": of several hosts, the password holds all logins but the first user.
    login, at, address = netloc.rpartition("@")
    user, colon, password = login.partition(":")
    host, port = _split_port(address.partition(",")[0])
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
    if "," not in netloc:
        return parts
    for number, one in enumerate(netloc.split(","), 1):
        login, _, address = one.rpartition("@")
        user, colon, password = login.partition(":")
        host, port = _split_port(address)
        parts |= {
            f"username{number}": user or None,
            f"password{number}": password if colon else None,
            f"hostname{number}": host or None,
            f"port{number}": port,
        }
    return parts


def _split_port(address: str) -> tuple[str, str | None]:
    """Split an address into its host, an IPv6 address in brackets, and its port."""
    host, colon, port = address.rpartition(":")
    if not colon or "]" in port:
        return address, None
    return host, port or None


def _field_value(parts: Mapping[str, str | None], name: str, field: TemplateField) -> str:
    if name not in parts and not _NUMBERED_FIELD.fullmatch(name):
        known = ", ".join(part for part in parts if part[-1].isalpha())
        # Anything else could be a piece of a password with a brace.
        unknown = f"the unknown field {{{name}}}" if _WORD.fullmatch(name) else "an unknown field"
        problem = f"is a template with {unknown}: known are {known}"
        raise InvalidValue(field, f"{problem}, and of several hosts username1, password1 and so on")
    value = parts.get(name)
    if value is None:
        problem = f"is a template with {{{name}}}, which the URL that fills it does not have"
        raise InvalidValue(field, problem)
    return value


# --- where a URL leads ----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Target:
    """The hosts of a URL with their ports, its options, and its passwords."""

    addresses: frozenset[tuple[str, str | None]]
    options: Mapping[str, str]
    passwords: frozenset[str]


def _parse_database_target(url: str) -> _Target:
    parsed = DatabaseUrl.parse(drop_bare_options(url))
    addresses = frozenset((host, str(port) if port else None) for host, port in parsed.hosts)
    options = {plain(name): value for name, value in parsed.options.items()}
    return _Target(addresses, options, frozenset({parsed.password or ""}))


def _parse_transport_target(url: str) -> _Target:
    """Read a URL as oslo.messaging does: ``rabbit://user:password@host:port,.../vhost``."""
    _, separator, rest = url.partition("://")
    if not separator:
        raise InvalidValue("transport URL", "has no scheme: write it like rabbit://user:pass@host/")
    netloc = re.split(r"[/?#]", rest, maxsplit=1)[0]
    addresses, passwords = set(), set()
    for one in netloc.split(",") if netloc else ():
        login, at, address = one.rpartition("@")
        if "@" in login or (at and not address):
            problem = "has an '@', ',', '/', '?' or '#' in a password: write it as %40 and the like"
            raise InvalidValue("transport URL", problem)
        host, port = _split_port(address)
        addresses.add((unquote(host).strip("[]"), port))
        passwords.add(unquote(login.partition(":")[2]))
    if "@" in rest[len(netloc) :]:
        problem = "has an '@' after its hosts, or a '/', '?' or '#' in a password: write it as %2F"
        raise InvalidValue("transport URL", problem)
    query = rest.partition("?")[2].partition("#")[0]
    options = {plain(name): value for name, value in parse_qsl(query, keep_blank_values=True)}
    return _Target(frozenset(addresses), options, frozenset(passwords))


@dataclass(frozen=True)
class _UrlKind:
    parse_target: Callable[[str], _Target]
    base_option: str


_URL_KINDS: Mapping[str, _UrlKind] = {
    "database_connection": _UrlKind(_parse_database_target, "--template-url"),
    "transport_url": _UrlKind(_parse_transport_target, "transport_template_url"),
}


def _refuse_other_targets(
    filled: _Target, base: _Target, trusted_hosts: Collection[str], field: TemplateField
) -> None:
    for name, value in filled.options.items():
        if name in _REDIRECTING_OPTIONS and base.options.get(name) != value:
            problem = f"is a template that sends the password where its option {name!r} says"
            raise InvalidValue(field, f"{problem}: write the URL out")
    for host, port in sorted(filled.addresses - base.addresses, key=str):
        ports = {port for known, port in base.addresses if known == host}
        if host in trusted_hosts or (ports and _is_same_port(port, ports)):
            continue
        hidden = any(password and password in host for password in base.passwords)
        shown = repr(host) if shows_host(host) and not hidden else "a host named by it"
        where = f"another port of {shown}" if ports else shown
        problem = f"is a template that sends the password to {where}"
        advice = "if that is intended, trust this host (--trust-host)"
        raise InvalidValue(field, f"{problem}: {advice}")


def _is_same_port(port: str | None, ports: Collection[str | None]) -> bool:
    return port is None or port in ports or (None in ports and port in _DEFAULT_PORTS)
