"""The rights of each role on tables and columns, the same on every database with accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    Rights = Mapping[str, "Columns"]
    TableRights = Mapping[str, Rights]

Columns = tuple[str, ...]
"""Columns of a table; an empty tuple means all."""

ROLES = ("lookup", "service", "pruner", "owner")
"""The roles: a reader, a service, a job that prunes the history, the owner of the tables."""

RECORD_TABLES = ("mapping_changeset", "host_mapping_change", "cell_mapping_change")
TABLES = ("cell_mapping", "host_mapping", "mapping_revision", *RECORD_TABLES)
YOYO_TABLES = ("_yoyo_migration", "_yoyo_log", "_yoyo_version", "yoyo_lock")

ALL: Columns = ()
_READ = {"SELECT": ALL}
_CELL_COLUMNS = ("uuid", "name", "disabled", "revision", "created_at", "updated_at")
_READ_THE_REST: TableRights = {
    "host_mapping": _READ,
    "mapping_revision": _READ,
    **dict.fromkeys(RECORD_TABLES, _READ),
    "_yoyo_migration": _READ,
}
_APPEND = {"SELECT": ALL, "INSERT": ALL}
_PRUNE = {"SELECT": ALL, "DELETE": ALL}
_WRITE = {"SELECT": ALL, "INSERT": ALL, "UPDATE": ALL, "DELETE": ALL}

LOOKUP: TableRights = {
    "cell_mapping": {"SELECT": _CELL_COLUMNS},
    **_READ_THE_REST,
}
"""Reads everything except the URLs of cells."""

LOOKUP_WITH_URLS: TableRights = {"cell_mapping": _READ, **_READ_THE_REST}
"""Reads everything."""

SERVICE: TableRights = {
    "cell_mapping": _WRITE,
    "host_mapping": _WRITE,
    "mapping_revision": {"SELECT": ALL, "UPDATE": ("revision",)},
    **dict.fromkeys(RECORD_TABLES, _APPEND),
    "_yoyo_migration": _READ,
}
"""Maps hosts and changes cells; appends to the record of changes, and cannot change it."""

PRUNER: TableRights = {
    "mapping_revision": {"SELECT": ALL, "UPDATE": ("pruned_revision",)},
    **dict.fromkeys(RECORD_TABLES, _PRUNE),
    "_yoyo_migration": _READ,
}
"""Prunes the record of changes, without access to hosts and cells."""


def rights_of(role: str, *, urls: bool) -> TableRights:
    """Return the rights of "lookup", "service" or "pruner" on each table.

    :param urls: whether "lookup" may read the URLs of cells.
    """
    if role == "lookup":
        return LOOKUP_WITH_URLS if urls else LOOKUP
    return {"service": SERVICE, "pruner": PRUNER}[role]


def grant(rights: Rights, table: str, account: str) -> str:
    """Return the GRANT of rights on a table; the names of table and account are quoted already.

    >>> grant({"SELECT": ALL, "UPDATE": ("revision",)}, "mapping_revision", "hostmap_service")
    'GRANT SELECT, UPDATE (revision) ON mapping_revision TO hostmap_service'
    """
    each = (
        f"{right} ({', '.join(columns)})" if columns else right for right, columns in rights.items()
    )
    return f"GRANT {', '.join(each)} ON {table} TO {account}"
