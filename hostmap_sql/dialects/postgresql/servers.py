"""The settings that libpq derives from a connection string, and the servers that they name."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, Any, NamedTuple

from hostmap_sql.dialects.postgresql.driver import PGconn, make_conninfo
from hostmap_sql.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Mapping

_PORT = 5432


class Server(NamedTuple):
    """A server to connect to: its name, the address to look it up by, and its port."""

    name: str
    address: str
    port: int


def settings_of(
    arguments: Mapping[str, Any], *, invalid: str = "target_session_attrs"
) -> dict[str, str]:
    """Return the settings that libpq derives from arguments, environment and service file.

    :param invalid: an option that gets an invalid value, which keeps libpq from connecting.
    """
    refused = make_conninfo(**{**arguments, invalid: "?"})
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


def is_unix_socket(server: Server) -> bool:
    """Whether libpq connects to a server over a Unix socket, as it does if no host is named."""
    return not server.address or server.address.startswith(("/", "@"))


def _port(port: str) -> int:
    try:
        return int(port or _PORT)
    except ValueError:
        raise InvalidValue("database URL", "names a port that is not a number") from None
