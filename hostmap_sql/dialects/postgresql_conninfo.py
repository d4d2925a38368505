"""What libpq is told, for the URL of a database: servers, options, TLS."""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psycopg.conninfo import make_conninfo
from psycopg.pq import Conninfo, PGconn

from hostmap_sql.dialects import postgresql_options, tls
from hostmap_sql.dialects.postgresql_session import startup_options
from hostmap_sql.dialects.sockets import keep_alive
from hostmap_sql.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hostmap_sql.database_url import DatabaseUrl

_PORT = 5432

# What libpq calls TCP's options.
_KEEP_ALIVE = {
    "tcp_keepidle": "keepalives_idle",
    "tcp_keepintvl": "keepalives_interval",
    "tcp_keepcnt": "keepalives_count",
}

OPTIONS = frozenset(option.keyword.decode() for option in Conninfo.get_defaults())
"""All that libpq knows."""

# libpq goes without them if they are not there, or finds out each time that it connects.
_FILES = {"sslcert", "sslkey", "sslcrl", "sslcrldir", "passfile"}
# These libpq looks at only when it has an address.
_NUMBERS = {"connect_timeout", "keepalives", "tcp_user_timeout", *_KEEP_ALIVE.values()}


def conninfo_of(url: DatabaseUrl, timeout: float) -> str:
    """What libpq is told, for a URL.

    :raises InvalidValue: the URL has an option that cannot be used.
    """
    url = replace(url, options=postgresql_options.read(url, OPTIONS))
    given = {
        "host": ",".join(host for host, _ in url.hosts) or None,
        "port": ",".join(str(port or "") for _, port in url.hosts) or None,
        "user": url.user,
        "password": url.password,
        "dbname": url.name,
    }
    alive = {_KEEP_ALIVE.get(name, name): value for name, value in keep_alive(timeout).items()}
    arguments: dict[str, Any] = {
        "application_name": "hostmap_sql",
        **alive,
        **{name: value for name, value in given.items() if value},
        **url.options,
        "client_encoding": "UTF8",
        "options": f"{startup_options(timeout)} {own_options(url)}".strip(),
    }
    for name in _FILES & url.options.keys():
        if not os.access(url.options[name], os.R_OK):
            problem = "whose value is not the name of a file that can be read"
            raise InvalidValue("database URL", f"has the option {name!r}, {problem}")
    conninfo = make_conninfo(**{**arguments, **_tls(arguments)})
    _refuse_wrong_options(url.options)
    return conninfo


def _refuse_wrong_options(options: Mapping[str, str]) -> None:
    """Refuse what libpq would refuse each time that it is to connect."""
    for name in _NUMBERS & options.keys():
        try:
            int(options[name])
        except ValueError:
            problem = f"has the option {name!r}, whose value is not a whole number"
            raise InvalidValue("database URL", problem) from None
    usual = _said_of_nowhere({})
    if _said_of_nowhere(options) != usual:
        wrong = [name for name in options if _said_of_nowhere({name: options[name]}) != usual]
        which = f"the option {wrong[0]!r}, whose value" if wrong else "options that together"
        raise InvalidValue("database URL", f"has {which} libpq refuses")


def _said_of_nowhere(options: Mapping[str, str]) -> bytes:
    """What libpq says when it is to connect, with these options, to where there is nothing."""
    nowhere = {"host": "/", "hostaddr": "", "port": "1"}
    connection = PGconn.connect_start(make_conninfo(**{**options, **nowhere}).encode())
    try:
        return connection.error_message
    finally:
        connection.finish()


def own_options(url: DatabaseUrl) -> str:
    """The options of a session that the operator has set."""
    # Beside an option of ours, libpq does not look into the environment.
    return url.options.get("options") or os.environ.get("PGOPTIONS", "")


# --- TLS ------------------------------------------------------------------------------------------

# Where libpq itself looks for authorities to trust.
_OWN_ROOTS = Path("~/.postgresql/root.crt")


def _tls(arguments: Mapping[str, Any]) -> dict[str, str]:
    """What to tell libpq of TLS: nothing, unless a server without it is to be refused."""
    settings = settings_of(arguments)
    mode = settings.get("sslmode")
    if mode == "prefer":  # which is what it says, too, where nobody has said anything
        mode = arguments.get("sslmode") or os.environ.get("PGSSLMODE")
    own_roots = _OWN_ROOTS.expanduser()
    root = settings.get("sslrootcert") or (str(own_roots) if own_roots.is_file() else None)
    terms = tls.Terms.of(mode, root, (address for _, address, _ in servers_of(settings)))
    if not terms.is_required:
        return {}
    if not terms.verifies:
        return {"sslmode": terms.mode}
    if terms.root:
        terms.context()  # to see at once that it can be read
    # psycopg's own OpenSSL does not know where the system has its authorities.
    roots = terms.root or tls.system_roots() or tls.SYSTEM
    return {"sslmode": terms.mode, "sslrootcert": roots}


def settings_of(arguments: Mapping[str, Any]) -> dict[str, str]:
    """What libpq makes of its arguments, its environment and a service file.

    It is asked to connect, with a value that it refuses before it does.
    """
    refused = make_conninfo(**{**arguments, "target_session_attrs": "?"})
    connection = PGconn.connect_start(refused.encode())
    try:
        options = [option for option in connection.info if option.val is not None]
        return {option.keyword.decode(): (option.val or b"").decode() for option in options}
    finally:
        connection.finish()


def servers_of(settings: Mapping[str, str]) -> list[tuple[str, str, int]]:
    """Each server that may be asked: its name, the address at which it is looked for, its port."""
    hosts = settings.get("host", "").split(",")
    addresses = settings.get("hostaddr", "").split(",")
    ports = settings.get("port", "").split(",")
    if len(ports) == 1:
        ports *= max(len(hosts), len(addresses))
    return [
        (host or address, address or host, _port(port))
        for host, address, port in zip_longest(hosts, addresses, ports, fillvalue="")
    ]


def _port(port: str) -> int:
    try:
        return int(port or _PORT)
    except ValueError:
        raise InvalidValue("database URL", f"names the port {port!r}: write a number") from None
