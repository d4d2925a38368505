"""The rows of Nova's API database that an export compares with the directory and changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import starmap
from typing import TYPE_CHECKING

from hostmap_sql.concealing import conceal
from hostmap_sql.models import URL_FIELDS
from hostmap_sql.nova import nova_sql
from hostmap_sql.validation import canonical_uuid

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hostmap_sql.nova.database import NovaDatabase
    from hostmap_sql.sql.statement import Statement


@dataclass(frozen=True)
class CellRow:
    """A row of ``cell_mappings``. `changed_at` is in UTC, without a zone."""

    id: int
    uuid: str
    name: str | None
    transport_url: str | None = field(repr=False)
    database_connection: str | None = field(repr=False)
    disabled: bool | None
    changed_at: datetime | None

    def __post_init__(self) -> None:
        for name in URL_FIELDS:
            object.__setattr__(self, name, conceal(getattr(self, name)))

    @property
    def canonical_uuid(self) -> str:
        """The UUID as the directory writes it."""
        return canonical_uuid(self.uuid) or self.uuid

    @property
    def shown_name(self) -> str:
        """The name, or the UUID of a cell that has none."""
        return self.name or self.canonical_uuid


@dataclass(frozen=True)
class HostRow:
    """A row of ``host_mappings``. `changed_at` is in UTC, without a zone."""

    id: int
    host: str
    cell_id: int
    changed_at: datetime | None


@dataclass(frozen=True)
class ApiTables:
    """All rows of both tables, in the order of their ids."""

    cells: Sequence[CellRow]
    hosts: Sequence[HostRow]


def read_cell_rows(
    database: NovaDatabase, statement: Statement, **parameters: object
) -> Iterator[CellRow]:
    """Read rows of ``cell_mappings`` with a statement of `nova_sql`."""
    return starmap(CellRow, database.fetch_all(statement, parameters))


def read_api_tables(database: NovaDatabase) -> ApiTables:
    """Read both tables in one snapshot."""
    with database.snapshot():
        hosts = database.fetch_all(nova_sql.HOST_ROWS)
        cells = [*read_cell_rows(database, nova_sql.CELL_ROWS)]
        return ApiTables(cells, [HostRow(*row) for row in hosts])


def is_later(row: CellRow | HostRow, time: datetime) -> bool:
    """Return whether a row was changed in Nova after a time."""
    return row.changed_at is not None and row.changed_at.replace(tzinfo=UTC) > time
