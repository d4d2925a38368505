"""The arguments that the drivers receive for a URL."""

from __future__ import annotations

import ssl
from typing import Any

from psycopg.conninfo import conninfo_to_dict

from hostmap_sql.dialects.database_url import DatabaseUrl
from hostmap_sql.dialects.mysql.connector import driver_arguments as mysql_arguments
from hostmap_sql.dialects.postgresql import conninfo

_MODES = {
    (ssl.CERT_NONE, False): "require",
    (ssl.CERT_REQUIRED, False): "verify-ca",
    (ssl.CERT_REQUIRED, True): "verify-full",
}


def for_mysql(url: str) -> dict[str, Any]:
    """Return PyMySQL's arguments."""
    return mysql_arguments(DatabaseUrl.parse(url))


def for_postgresql(url: str, timeout: float = 30.0) -> dict[str, Any]:
    """Return libpq's arguments."""
    return conninfo_to_dict(conninfo.conninfo_of(DatabaseUrl.parse(url), timeout))


def sslmode_of(given: dict[str, Any]) -> str:
    """Return the `sslmode` that PyMySQL's arguments amount to."""
    context = given.get("ssl")
    if context is None:
        return "disable" if given.get("ssl_disabled") else "prefer"
    return _MODES[context.verify_mode, context.check_hostname]
