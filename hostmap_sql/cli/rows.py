"""What the commands show of a cell, a host and a change: the keys that scripts rely on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from hostmap_sql.models import CellMapping, HostMapping
    from hostmap_sql.urls import SecretUrl

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
    """A time as ISO 8601 has it, always as long: they sort as text."""
    return None if time is None else time.isoformat(timespec="microseconds")


def cell_row(cell: CellMapping, hosts: int, *, show_secrets: bool = False) -> Mapping[str, Any]:
    """A cell and the number of its hosts."""
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
    """A host and its cell."""
    return {
        "host": mapping.host,
        "cell": mapping.cell.name,
        "cell_uuid": mapping.cell_uuid,
        "revision": mapping.revision,
        "created_at": time_text(mapping.created_at),
        "updated_at": time_text(mapping.updated_at),
    }


def _url_text(url: SecretUrl | None, *, show_secrets: bool) -> str | None:
    if url is None:
        return None
    return url.reveal() if show_secrets else str(url)
