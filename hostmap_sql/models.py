"""The values that calls return, as frozen dataclasses."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

from hostmap_sql.quoting import mask_name

if TYPE_CHECKING:
    from datetime import datetime

    from hostmap_sql.secret_url import SecretUrl

CELL0_UUID = "00000000-0000-0000-0000-000000000000"
"""The UUID of Nova's cell0, for instances that could not be scheduled. It cannot have hosts."""

URL_FIELDS = ("transport_url", "database_connection")
"""The fields of a cell that hold URLs."""


@dataclass(frozen=True)
class CellMapping:
    """A cell, with the URLs of its message queue and its database.

    `revision` is the revision of its last change, and the token for `expected_revision`.
    `created_at` and `updated_at` are UTC; `updated_at` is None until the first update.
    """

    uuid: str
    name: str
    transport_url: SecretUrl | None
    database_connection: SecretUrl | None
    disabled: bool
    revision: int
    created_at: datetime
    updated_at: datetime | None

    @property
    def is_cell0(self) -> bool:
        """Whether this is cell0, the cell of `CELL0_UUID`."""
        return self.uuid == CELL0_UUID

    @property
    def label(self) -> str:
        """Its name in messages."""
        return f"cell {mask_name(self.name)!r}"


@dataclass(frozen=True)
class HostMapping:
    """A host and its cell.

    `revision` is the revision of its last change. Pass it to a move or a delete as
    `expected_revision`, and the call fails if another change came first.
    `created_at` and `updated_at` are UTC; `updated_at` is None until the first move.
    """

    # Explicit: with slots=True, setting an unknown attribute raises TypeError.
    __slots__ = ("cell", "created_at", "host", "revision", "updated_at")

    host: str
    cell: CellMapping
    revision: int
    created_at: datetime
    updated_at: datetime | None

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), tuple(getattr(self, field.name) for field in fields(self))

    @property
    def cell_uuid(self) -> str:
        """The UUID of the cell."""
        return self.cell.uuid

    @property
    def label(self) -> str:
        """Its name in messages."""
        return f"host {mask_name(self.host)!r} in cell {self.cell_uuid}"


@dataclass(frozen=True)
class Conflict:
    """A host that a bulk call left in its actual cell, which is not the wanted one."""

    host: str
    wanted_cell_uuid: str
    actual_cell_uuid: str


@dataclass(frozen=True)
class BulkResult:
    """The result of a bulk call: numbers of hosts, the newest revision, and the conflicts.

    `revision` is the newest revision that the call wrote, None if it changed nothing.
    `result + later_result` is the result of both.
    """

    created: int = 0
    unchanged: int = 0
    moved: int = 0
    deleted: int = 0
    conflicts: tuple[Conflict, ...] = ()
    revision: int | None = None

    def __add__(self, later: BulkResult) -> BulkResult:
        return BulkResult(
            self.created + later.created,
            self.unchanged + later.unchanged,
            self.moved + later.moved,
            self.deleted + later.deleted,
            self.conflicts + later.conflicts,
            later.revision or self.revision,
        )


@dataclass(frozen=True)
class HostChange:
    """The change of one host in one changeset.

    `old_cell_uuid` is None if the host was created, `new_cell_uuid` is None if it was deleted.
    """

    revision: int
    host: str
    old_cell_uuid: str | None
    new_cell_uuid: str | None
    author: str | None
    reason: str | None
    created_at: datetime


@dataclass(frozen=True)
class CellChange:
    """The change of one cell in one changeset: `action` is "created", "updated" or "deleted"."""

    revision: int
    cell_uuid: str
    action: str


@dataclass(frozen=True)
class ChangeSet:
    """The changes of one write transaction."""

    revision: int
    change_id: str
    author: str | None
    reason: str | None
    created_at: datetime
    hosts: tuple[HostChange, ...] = field(default=(), repr=False)
    cells: tuple[CellChange, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class MigrationStatus:
    """A migration, and whether the database has it."""

    id: str
    applied: bool


@dataclass(frozen=True)
class MigrationLock:
    """A lock that blocks migrations.

    `pid` is the process that took it, as numbered on its own machine or in its container; None for
    a ``hostmap migrate`` on MySQL or MariaDB. `taken_at` is None if that time is not on record.
    """

    pid: int | None
    taken_at: datetime | None
