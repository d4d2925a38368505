"""Builds libpq's connection string for a URL: servers, options, TLS, authentication."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hostmap_sql.dialects import tls
from hostmap_sql.dialects.postgresql import options as postgresql_options
from hostmap_sql.dialects.postgresql.driver import (
    Conninfo,
    PGconn,
    conninfo_to_dict,
    libpq_version,
    make_conninfo,
)
from hostmap_sql.dialects.postgresql.isolation import NOWHERE, isolate
from hostmap_sql.dialects.postgresql.servers import is_unix_socket, servers_of, settings_of
from hostmap_sql.dialects.postgresql.session import startup_options
from hostmap_sql.dialects.sockets import keep_alive
from hostmap_sql.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hostmap_sql.dialects.database_url import DatabaseUrl

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
    if url.is_isolated:
        arguments = isolate(url, arguments)
    settings = arguments if url.is_isolated else settings_of(arguments)
    encryption = _tls(arguments, settings)
    methods = _authentication(url, settings, encryption)
    conninfo = make_conninfo(**{**arguments, **encryption, **methods})
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


def names_password(conninfo: str) -> bool:
    """Whether a connection string has a password, or names a file of passwords."""
    return not {"password", "passfile"}.isdisjoint(conninfo_to_dict(conninfo))


def own_options(url: DatabaseUrl) -> str:
    """Return the session options of the operator, from the URL or the environment."""
    # libpq ignores the environment where the connection string has `options`.
    environment = "" if url.is_isolated else os.environ.get("PGOPTIONS", "")
    return url.options.get("options") or environment


# --- TLS ------------------------------------------------------------------------------------------

# Where libpq itself looks for trusted authorities.
_OWN_ROOTS = Path("~/.postgresql/root.crt")


def _tls(arguments: Mapping[str, Any], settings: Mapping[str, str]) -> dict[str, str]:
    """Return libpq's TLS arguments; none if a server without TLS is acceptable."""
    mode = settings.get("sslmode")
    if mode == "prefer":  # also libpq's default
        mode = arguments.get("sslmode") or os.environ.get("PGSSLMODE")
    addresses = (server.address for server in servers_of(settings))
    policy = tls.TlsPolicy.of(mode, _root(settings), addresses)
    if not policy.is_required:
        return {}
    if not policy.verifies:
        return {"sslmode": policy.mode}
    if policy.root:
        policy.context()  # raises if the file cannot be read
    # psycopg's own OpenSSL does not know where the system keeps its authorities.
    roots = policy.root or tls.system_roots() or tls.SYSTEM
    return {"sslmode": policy.mode, "sslrootcert": roots}


def _root(settings: Mapping[str, str]) -> str | None:
    """Return the file of the authorities that libpq would trust; None if there is none."""
    named = settings.get("sslrootcert")
    if named:
        return None if named == NOWHERE else named
    own_roots = _OWN_ROOTS.expanduser()
    return str(own_roots) if own_roots.is_file() else None


# --- authentication -------------------------------------------------------------------------------

NO_CLEAR_TEXT = "!password"
"""The `require_auth` that refuses to send the password in clear text. Since libpq 16."""

# The methods that use this machine's Kerberos tickets or tokens.
_FOREIGN_METHODS = ["!gss", "!sspi", *(["!oauth"] if "oauth_issuer" in OPTIONS else [])]


# libpq's numbers of a major version.
_MAJOR_VERSION = 10_000


def _authentication(
    url: DatabaseUrl, settings: Mapping[str, str], encryption: Mapping[str, str]
) -> dict[str, str]:
    """Return the `require_auth` with the methods to refuse, unless it is set already."""
    if settings.get("require_auth"):
        return {}
    is_verified = encryption.get("sslmode", "").startswith("verify-")
    is_safe = is_verified or all(map(is_unix_socket, servers_of(settings)))
    if "require_auth" not in OPTIONS:
        _refuse_old_libpq(url, is_safe=is_safe)
        return {}
    refused = [] if is_safe else [NO_CLEAR_TEXT]
    if url.is_isolated:
        refused += _FOREIGN_METHODS
    return {"require_auth": ",".join(refused)} if refused else {}


def _refuse_old_libpq(url: DatabaseUrl, *, is_safe: bool) -> None:
    """Refuse to connect to cells with a libpq that cannot refuse methods; warn about other URLs.

    :raises InvalidValue: the URL is one of a cell.
    """
    version = f"libpq {libpq_version() // _MAJOR_VERSION}"
    problem = "sends a password in clear text to each server that asks for it"
    remedy = "install psycopg[binary], or libpq 16 or newer"
    if url.is_isolated:
        refusal = f"of a cell cannot be used with {version}, which {problem}: {remedy}"
        raise InvalidValue("database URL", refusal)
    if not is_safe:
        import logging  # noqa: PLC0415 - seldom used

        warning = "%s: %s %s: %s, or spell out sslmode=verify-full in the URL"
        logging.getLogger("hostmap_sql").warning(warning, url, version, problem, remedy)
