"""Limits of Nova's tables: names that they cannot store, or treat as equal, and cells in use."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from typing import TYPE_CHECKING

from hostmap_sql.nova import nova_sql

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hostmap_sql.nova.api_tables import CellRow, HostRow
    from hostmap_sql.nova.database import NovaDatabase
    from hostmap_sql.nova.export_plan import ExportPlan

# The last character that takes three bytes in UTF-8, the most that MySQL's utf8mb3 stores.
_LAST_UTF8MB3 = "\uffff"


def refuse_unstorable(database: NovaDatabase, plan: ExportPlan, rows: Sequence[HostRow]) -> None:
    """Refuse new hosts and cells that Nova's tables cannot store, or treat as equal to others."""
    _refuse_characters(database, plan)
    _refuse_equal_hosts(database, plan, rows)


def _refuse_characters(database: NovaDatabase, plan: ExportPlan) -> None:
    charset = database.column_charset("host_mappings", "host")
    problem = f"holds a character that Nova's table, in {charset}, cannot keep"
    for host in [host for host in plan.creates if not _fits(host, charset)]:
        plan.refuse_create(host, problem)
    for write in [*plan.cell_writes]:
        if not all(_fits(str(value), charset) for value in write.values.values()):
            plan.refuse_cell_write(write, problem)


def _fits(text: str, charset: str | None) -> bool:
    if charset is None or charset.startswith("utf8mb4"):
        return True
    if charset.startswith("utf8"):
        return all(character <= _LAST_UTF8MB3 for character in text)
    return text.isascii()


def _refuse_equal_hosts(database: NovaDatabase, plan: ExportPlan, rows: Sequence[HostRow]) -> None:
    """Refuse each new host that is equal to a host that stays, or to another new one."""
    deleted = {row.id for row in plan.deletes}
    candidates: dict[str, list[str]] = defaultdict(list)
    for host in (*(row.host for row in rows if row.id not in deleted), *plan.creates):
        candidates[_fold(host)].append(host)
    for host in [*plan.creates]:
        for other in candidates[_fold(host)]:
            if other != host and database.are_equal_hosts(other, host):
                plan.refuse_create(host, equal_host_problem(other))
                break


def equal_host_problem(other: str) -> str:
    """Return the problem of a host that Nova's table treats as equal to another one."""
    return f"is the same as {other!r} for Nova's table: they differ only by case or accents"


def _fold(host: str) -> str:
    """Fold a name, so that names that a collation may treat as equal become the same."""
    parts = unicodedata.normalize("NFKD", host.casefold())
    return "".join(c for c in parts if not unicodedata.combining(c)).casefold()


def refuse_cells_in_use(database: NovaDatabase, plan: ExportPlan, rows: Sequence[HostRow]) -> None:
    """Refuse to delete the cells that the planned changes would leave with hosts or instances."""
    leaving = {row.id for row in (*plan.deletes, *plan.moves)}
    for cell in [*plan.cell_deletes]:
        hosts = sum(row.cell_id == cell.id and row.id not in leaving for row in rows)
        problem = cell_in_use_problem(database, cell, hosts)
        if problem is not None:
            plan.refuse_cell_delete(cell, problem)


def cell_in_use_problem(database: NovaDatabase, cell: CellRow, hosts: int) -> str | None:
    """Return why a cell with this number of hosts cannot be deleted, None if it can."""
    instances = 0
    if database.has_table("instance_mappings"):
        instances = database.fetch_number(nova_sql.CELL_ROW_INSTANCES, {"id": cell.id})
    for table, number, kind in (
        ("instance_mappings", instances, "instances"),
        ("host_mappings", hosts, "hosts"),
    ):
        if number:
            return f"is not deleted: Nova's table {table} has {number:,} of its {kind}"
    return None
