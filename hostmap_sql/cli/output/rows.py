"""The rows of cells and hosts: the columns and keys that scripts rely on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from hostmap_sql.hostmap import HostMap
    from hostmap_sql.models import CellMapping, HostMapping
    from hostmap_sql.secret_url import SecretUrl

CELL_COLUMNS = (
    "uuid",
    "name",
    "transport_url",
    "database_connection",
    "disabled",
    "hosts",
    "revision",
    "created_at",
    "updated_at",
)
BRIEF_CELL_COLUMNS = ("name", "uuid", "transport_url", "database_connection", "disabled", "hosts")
HOST_COLUMNS = ("host", "cell", "cell_uuid", "revision", "created_at", "updated_at")


def time_text(time: datetime | None) -> str | None:
    """Return a time in ISO 8601, always of the same length, so that times sort as text."""
    return None if time is None else time.isoformat(timespec="microseconds")


def cell_row(cell: CellMapping, hosts: int, *, show_secrets: bool = False) -> Mapping[str, Any]:
    """Return the row of a cell.

    :param hosts: the number of its hosts.
    """
    return {
        "uuid": cell.uuid,
        "name": cell.name,
        "transport_url": _url_text(cell.transport_url, show_secrets=show_secrets),
        "database_connection": _url_text(cell.database_connection, show_secrets=show_secrets),
        "disabled": cell.disabled,
        "hosts": hosts,
        "revision": cell.revision,
        "created_at": time_text(cell.created_at),
        "updated_at": time_text(cell.updated_at),
    }


def host_row(mapping: HostMapping) -> Mapping[str, Any]:
    """Return the row of a host and its cell."""
    return {
        "host": mapping.host,
        "cell": mapping.cell.name,
        "cell_uuid": mapping.cell_uuid,
        "revision": mapping.revision,
        "created_at": time_text(mapping.created_at),
        "updated_at": time_text(mapping.updated_at),
    }


def cell_names(hostmap: HostMap) -> dict[str, str]:
    """Return the names of all cells, by UUID."""
    return {cell.uuid: cell.name for cell in hostmap.cells.list()}


def _url_text(url: SecretUrl | None, *, show_secrets: bool) -> str | None:
    if url is None:
        return None
    return url.reveal() if show_secrets else str(url)
