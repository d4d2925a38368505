"""Filling in the templates that the URLs of Nova's cells may be: ``{scheme}://{username}:...``.

Nova fills them, by `str.format`, from the URL of the service that reads them. Whoever can write the
table could so have the service's password sent to a host of his choice. Here only plain fields are
filled, and a user or password only into a URL that leads to the base URL's own hosts, or to hosts
that the caller trusts.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from hostmap_sql.database_url import DatabaseUrl
from hostmap_sql.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Collection

_FIELD = re.compile(r"\{([^{}]*)\}")
_SECRET_FIELDS = frozenset({"username", "password"})
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


def fill(template: str, base: str | None, trusted_hosts: Collection[str] = ()) -> str:
    """The URL that a template makes with the parts of a base URL. What is none stays as it is.

    The fields are Nova's: scheme, username, password, hostname, port, path, query, fragment.

    :param base: what Nova has as ``[database]/connection``.
    :param trusted_hosts: hosts that may be sent its user and password, beside its own.
    :raises InvalidValue: the template cannot be filled, or would send the password elsewhere.

    >>> fill("{scheme}://{username}:{password}@{hostname}/nova_cell1?{query}",
    ...      "mysql://nova:s3cret@db.example.org/nova?charset=utf8")
    'mysql://nova:s3cret@db.example.org/nova_cell1?charset=utf8'
    """
    if not is_template(template):
        return template
    if base is None:
        raise _unfilled("is a template: name the URL that fills it (--template-url)")
    parsed = DatabaseUrl.parse(base)
    parts = _parts(base, parsed)
    filled = _FIELD.sub(lambda match: _part(parts, match[1]), template)
    if is_template(_FIELD.sub("", template)):
        raise _unfilled("is a template with a brace too many")
    if _SECRET_FIELDS & {*_FIELD.findall(template)}:
        _refuse_other_places(DatabaseUrl.parse(filled), parsed, trusted_hosts)
    return filled


def _unfilled(problem: str) -> InvalidValue:
    return InvalidValue("database_connection", problem)


def _parts(base: str, parsed: DatabaseUrl) -> dict[str, str | None]:
    host, port = parsed.hosts[0] if parsed.hosts else (None, None)
    return {
        "scheme": base.partition("://")[0],
        "username": _quoted(parsed.user),
        "password": _quoted(parsed.password),
        "hostname": f"[{host}]" if host and ":" in host else host,
        "port": None if port is None else str(port),
        "path": _quoted(parsed.database),
        "query": base.partition("?")[2],
        "fragment": "",
    }


def _quoted(text: str | None) -> str | None:
    return None if text is None else quote(text, safe="")


def _part(parts: dict[str, str | None], field: str) -> str:
    if field not in parts:
        known = ", ".join(parts)
        raise _unfilled(f"is a template with the unknown field {{{field[:40]}}}: known are {known}")
    value = parts[field]
    if value is None:
        raise _unfilled(
            f"is a template with {{{field}}}, which the URL that fills it does not have"
        )
    return value


def _refuse_other_places(
    filled: DatabaseUrl, base: DatabaseUrl, trusted_hosts: Collection[str]
) -> None:
    for name, value in filled.options.items():
        if name.lower() in _LEADING_ELSEWHERE and base.options.get(name) != value:
            problem = (
                f"is a template that sends the password where its option {name.lower()!r} says"
            )
            raise _unfilled(f"{problem}: write the URL out")
    for host, _ in filled.hosts:
        if host not in {own for own, _ in base.hosts} and host not in trusted_hosts:
            shown = "a host named by it" if base.password and base.password in host else repr(host)
            problem = f"is a template that sends the password to {shown}"
            raise _unfilled(f"{problem}: if that is meant, trust this host (--trust-host)")
