"""Builds libpq's connection string for a URL: servers, options, TLS."""

from __future__ import annotations

import os
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hostmap_sql.dialects import tls
from hostmap_sql.dialects.postgresql import options as postgresql_options
from hostmap_sql.dialects.postgresql.driver import Conninfo, PGconn, make_conninfo
from hostmap_sql.dialects.postgresql.session import startup_options
from hostmap_sql.dialects.sockets import keep_alive
from hostmap_sql.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hostmap_sql.dialects.database_url import DatabaseUrl

_PORT = 5432

# libpq's names of the TCP options.
_KEEP_ALIVE = {
    "tcp_keepidle": "keepalives_idle",
    "tcp_keepintvl": "keepalives_interval",
    "tcp_keepcnt": "keepalives_count",
}

OPTIONS = frozenset(option.keyword.decode() for option in Conninfo.get_defaults())
"""The options that libpq knows."""

# The options whose files libpq ignores if they are missing, or opens at each connection.
_FILES = {"sslcert", "sslkey", "sslcrl", "sslcrldir", "passfile"}
# The options that libpq reads only once it has an address.
_NUMBERS = {"connect_timeout", "keepalives", "tcp_user_timeout", *_KEEP_ALIVE.values()}


class Server(NamedTuple):
    """A server to connect to: its name, the address to look it up by, and its port."""

    name: str
    address: str
    port: int


def conninfo_of(url: DatabaseUrl, timeout: float) -> str:
    """Return the connection string of a URL.

    :raises InvalidValue: the URL has an unusable option.
    """
    options = postgresql_options.read(url, OPTIONS)
    location = {
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
        **{name: value for name, value in location.items() if value},
        **options,
        "client_encoding": "UTF8",
        "options": f"{startup_options(timeout)} {own_options(url)}".strip(),
    }
    for name in _FILES & options.keys():
        if not os.access(options[name], os.R_OK):
            problem = "whose value is not the name of a file that can be read"
            raise InvalidValue("database URL", f"has the option {name!r}, {problem}")
    conninfo = make_conninfo(**{**arguments, **_tls(arguments)})
    _refuse_bad_values(options)
    return conninfo


def _refuse_bad_values(options: Mapping[str, str]) -> None:
    """Refuse values with which libpq would fail at each connection.

    :raises InvalidValue: with the option.
    """
    for name in _NUMBERS & options.keys():
        try:
            int(options[name])
        except ValueError:
            problem = f"has the option {name!r}, whose value is not a whole number"
            raise InvalidValue("database URL", problem) from None
    usual = _error_of_dry_run({})
    if _error_of_dry_run(options) != usual:
        bad = [name for name in options if _error_of_dry_run({name: options[name]}) != usual]
        subject = f"the option {bad[0]!r}, whose value" if bad else "options that together"
        raise InvalidValue("database URL", f"has {subject} libpq refuses")


def _error_of_dry_run(options: Mapping[str, str]) -> bytes:
    """Return libpq's error for a connection with these options to a socket that does not exist."""
    nowhere = {"host": "/", "hostaddr": "", "port": "1"}
    connection = PGconn.connect_start(make_conninfo(**{**options, **nowhere}).encode())
    try:
        return connection.error_message
    finally:
        connection.finish()


def own_options(url: DatabaseUrl) -> str:
    """Return the session options of the operator, from the URL or the environment."""
    # libpq ignores the environment where the connection string has `options`.
    return url.options.get("options") or os.environ.get("PGOPTIONS", "")


# --- TLS ------------------------------------------------------------------------------------------

# Where libpq itself looks for trusted authorities.
_OWN_ROOTS = Path("~/.postgresql/root.crt")


def _tls(arguments: Mapping[str, Any]) -> dict[str, str]:
    """Return libpq's TLS arguments; none if a server without TLS is acceptable."""
    settings = settings_of(arguments)
    mode = settings.get("sslmode")
    if mode == "prefer":  # also libpq's default
        mode = arguments.get("sslmode") or os.environ.get("PGSSLMODE")
    own_roots = _OWN_ROOTS.expanduser()
    root = settings.get("sslrootcert") or (str(own_roots) if own_roots.is_file() else None)
    policy = tls.TlsPolicy.of(mode, root, (server.address for server in servers_of(settings)))
    if not policy.is_required:
        return {}
    if not policy.verifies:
        return {"sslmode": policy.mode}
    if policy.root:
        policy.context()  # raises if the file cannot be read
    # psycopg's own OpenSSL does not know where the system keeps its authorities.
    roots = policy.root or tls.system_roots() or tls.SYSTEM
    return {"sslmode": policy.mode, "sslrootcert": roots}


def settings_of(arguments: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings that libpq derives from arguments, environment and service file.

    The invalid `target_session_attrs` keeps libpq from connecting.
    """
    refused = make_conninfo(**{**arguments, "target_session_attrs": "?"})
    connection = PGconn.connect_start(refused.encode())
    try:
        options = [option for option in connection.info if option.val is not None]
        return {option.keyword.decode(): (option.val or b"").decode() for option in options}
    finally:
        connection.finish()


def servers_of(settings: Mapping[str, str]) -> list[Server]:
    """Return the servers of some settings.

    :raises InvalidValue: a port is not a number.
    """
    hosts = settings.get("host", "").split(",")
    addresses = settings.get("hostaddr", "").split(",")
    ports = settings.get("port", "").split(",")
    if len(ports) == 1:
        ports *= max(len(hosts), len(addresses))
    return [
        Server(host or address, address or host, _port(port))
        for host, address, port in zip_longest(hosts, addresses, ports, fillvalue="")
    ]


def _port(port: str) -> int:
    try:
        return int(port or _PORT)
    except ValueError:
        raise InvalidValue("database URL", "names a port that is not a number") from None
