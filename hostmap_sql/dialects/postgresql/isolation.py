"""The libpq options of a URL that is used alone.

libpq looks up most options in the environment, and passwords, certificates and services in the home
folder, unless the connection string sets them. So it sets all of them.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from hostmap_sql.dialects import tls
from hostmap_sql.dialects.postgresql.driver import Conninfo
from hostmap_sql.dialects.postgresql.servers import is_unix_socket, servers_of, settings_of
from hostmap_sql.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hostmap_sql.dialects.database_url import DatabaseUrl

NOWHERE = "/dev/null/none"
"""A name that no file can have. An empty name would be replaced by libpq's default."""

# The values to set where an empty one would mean libpq's default, is not allowed, or would forbid a
# harmless option of a service.
_VALUES = {
    "fallback_application_name": "",
    "gssencmode": "disable",
    "keepalives": "1",
    "max_protocol_version": "3.0",
    "min_protocol_version": "3.0",
    "passfile": NOWHERE,
    "replication": "",
    "sslcert": NOWHERE,
    "sslcertmode": "disable",
    "sslcrl": NOWHERE,
    "sslkey": NOWHERE,
    "sslkeylogfile": "",
    "sslpassword": "",
    "sslrootcert": NOWHERE,
}

# Never set empty: a service would have to exist, and a timeout is always given.
_NEVER_EMPTY = {"connect_timeout", "service"}

# The methods of authentication that use only the URL.
_OWN_METHODS = {"md5", "none", "password", "scram-sha-256"}


def isolate(url: DatabaseUrl, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments with a value for every option that libpq would look for elsewhere.

    :raises InvalidValue: they lack a host or a user, or use credentials of this machine.
    """
    given = {name: value for name, value in arguments.items() if name != "service"}
    if "service" in arguments:
        if url.hosts and not url.is_operators("service"):
            problem = "names a host and a service, whose password would be sent to that host"
            raise InvalidValue("database URL", problem)
        given = _settings_of_service(arguments["service"]) | given
    _refuse_incomplete(url, given, is_service="service" in arguments)
    _refuse_own_credentials(url, given)
    servers = servers_of(given)
    policy = tls.TlsPolicy.of(
        given.get("sslmode"), given.get("sslrootcert"), (server.address for server in servers)
    )
    given["sslmode"] = policy.mode
    isolated = _defaults(given) | given
    _refuse_service_of_environment(isolated)
    return isolated


def _defaults(given: Mapping[str, Any]) -> dict[str, str]:
    """Return values for the options that are not given."""
    values = dict(_VALUES)
    if "sslcert" in given:
        values["sslcertmode"] = "allow"
    if "sslcrldir" in given:
        values["sslcrl"] = ""  # libpq would read no folder beside a file that does not exist
    return {
        name: values.get(name, (option.compiled or b"").decode())
        for option in Conninfo.get_defaults()
        if (name := option.keyword.decode()) not in _NEVER_EMPTY
        if option.envvar or name in values
    }


def _settings_of_service(service: str) -> dict[str, str]:
    """Return the settings of an operator's service, without those of the environment."""
    settings = settings_of({"service": service}, invalid="sslmode")
    settings |= {"sslmode": settings_of({"service": service}).get("sslmode", "")}
    for option in Conninfo.get_defaults():
        name = option.keyword.decode()
        variable = (option.envvar or b"").decode()
        if settings.get(name) in (os.environ.get(variable), (option.compiled or b"").decode()):
            settings.pop(name, None)
    return {name: value for name, value in settings.items() if name not in _NEVER_EMPTY}


def _refuse_incomplete(url: DatabaseUrl, given: Mapping[str, Any], *, is_service: bool) -> None:
    for name in ("host", "user"):
        if not given.get(name):
            raise InvalidValue("database URL", f"names no {name}")
    if is_service or url.is_operators("host"):
        return
    if any(map(is_unix_socket, servers_of(given))):
        problem = "names a Unix socket, which only the operator may name"
        raise InvalidValue("database URL", problem)


def _refuse_own_credentials(url: DatabaseUrl, given: Mapping[str, Any]) -> None:
    """Refuse options by which libpq would use this machine's Kerberos tickets or tokens."""
    methods = {*given.get("require_auth", "none").split(",")}
    if not (methods <= _OWN_METHODS or url.is_operators("require_auth")):
        problem = f"with a method that is not one of {', '.join(sorted(_OWN_METHODS))}"
        raise InvalidValue("database URL", f"has the option 'require_auth' {problem}")
    if not (given.get("gssencmode", "disable") == "disable" or url.is_operators("gssencmode")):
        raise InvalidValue("database URL", "has the option 'gssencmode', which must be 'disable'")


def _refuse_service_of_environment(arguments: Mapping[str, Any]) -> None:
    """Refuse a service, named by the environment, that does not exist or adds to `arguments`.

    libpq always reads it; the options in `arguments` take precedence.
    """
    if "PGSERVICE" not in os.environ:
        return
    settings = settings_of(arguments)
    if not settings:
        problem = "cannot be used while PGSERVICE names no known service: unset that variable"
        raise InvalidValue("database URL", problem)
    added = settings.keys() - arguments.keys() - _NEVER_EMPTY
    if added:
        problem = f"would get the option {min(added)!r} from PGSERVICE: unset that variable"
        raise InvalidValue("database URL", problem)
