"""The values that go in and come out: frozen dataclasses, and what is accepted into them."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

from hostmap_sql.errors import InvalidValue
from hostmap_sql.urls import MAX_URL_LENGTH, SCHEME, SecretUrl
from hostmap_sql.uuids import canonical_uuid

if TYPE_CHECKING:
    from datetime import datetime

BIGGEST = (1 << 63) - 1
"""The biggest number that a database's BIGINT holds."""

LONGEST_SECONDS = 86_400
"""The longest time, in seconds, that can be asked for: a day."""

CELL0_UUID = "00000000-0000-0000-0000-000000000000"
"""The UUID of the cell that holds what could not be placed. No host can be mapped to it."""

MAX_NAME_LENGTH = 255
"""The most characters of a host name, a cell name, an author or a reason."""


@dataclass(frozen=True)
class CellMapping:
    """A cell and how it is reached.

    `revision` is that of the write which last changed it, `updated_at` is None until something has.
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
        """Whether this is the cell of what could not be placed."""
        return self.uuid == CELL0_UUID

    @property
    def label(self) -> str:
        """How messages call it."""
        return f"cell {self.name!r}"


@dataclass(frozen=True, init=False)
class HostMapping:
    """A host and the cell it is in.

    `revision` is that of the write which last changed the mapping: hand it to a move or a delete as
    `expected_revision`, and it fails if somebody else came first.
    """

    # By hand: who sets another attribute would hear of a super() from those that dataclass makes.
    __slots__ = ("cell", "created_at", "host", "revision", "updated_at")

    host: str
    cell: CellMapping
    revision: int
    created_at: datetime
    updated_at: datetime | None

    def __init__(
        self,
        host: str,
        cell: CellMapping,
        revision: int,
        created_at: datetime,
        updated_at: datetime | None,
    ) -> None:
        # As the dataclass would, in half of its time: lookups of many hosts make thousands.
        set_host, set_cell, set_revision, set_created_at, set_updated_at = _HOST_MAPPING_SETTERS
        set_host(self, host)
        set_cell(self, cell)
        set_revision(self, revision)
        set_created_at(self, created_at)
        set_updated_at(self, updated_at)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), tuple(getattr(self, field.name) for field in fields(self))

    @property
    def cell_uuid(self) -> str:
        """The UUID of the cell."""
        return self.cell.uuid

    @property
    def label(self) -> str:
        """How messages call it."""
        return f"host {self.host!r} in cell {self.cell_uuid}"


_HOST_MAPPING_SETTERS = [getattr(HostMapping, f.name).__set__ for f in fields(HostMapping)]


@dataclass(frozen=True)
class Conflict:
    """A host that a bulk call was to map to one cell and found in another, where it stayed."""

    host: str
    wanted_cell_uuid: str
    actual_cell_uuid: str


@dataclass(frozen=True)
class BulkResult:
    """What a bulk call did: how many mappings it made, left alone, moved; what it could not do.

    `revision` is the last one it wrote, None when it changed nothing.
    """

    created: int = 0
    unchanged: int = 0
    moved: int = 0
    conflicts: tuple[Conflict, ...] = ()
    revision: int | None = None

    def __add__(self, later: BulkResult) -> BulkResult:
        return BulkResult(
            self.created + later.created,
            self.unchanged + later.unchanged,
            self.moved + later.moved,
            self.conflicts + later.conflicts,
            later.revision or self.revision,
        )


@dataclass(frozen=True)
class HostChange:
    """What one changeset did to one host. No old cell: created; no new cell: deleted."""

    revision: int
    host: str
    old_cell_uuid: str | None
    new_cell_uuid: str | None
    author: str | None
    reason: str | None
    created_at: datetime


@dataclass(frozen=True)
class CellChange:
    """What one changeset did to one cell: `action` is created, updated or deleted."""

    revision: int
    cell_uuid: str
    action: str


@dataclass(frozen=True)
class ChangeSet:
    """All that one write transaction changed."""

    revision: int
    change_id: str
    author: str | None
    reason: str | None
    created_at: datetime
    hosts: tuple[HostChange, ...] = field(default=(), repr=False)
    cells: tuple[CellChange, ...] = field(default=(), repr=False)


def valid_name(value: object, field: str) -> str:
    """A host name, cell name, author or reason, as it was given.

    :raises InvalidValue: it is not 1 to 255 printable characters without white space at an end.
    """
    if not isinstance(value, str):
        raise InvalidValue(field, f"must be text, not {type(value).__name__}")
    if value.isprintable() and 0 < len(value) <= MAX_NAME_LENGTH and value == value.strip():
        return value
    raise InvalidValue(field, _name_problem(value))


def _name_problem(value: str) -> str:
    if not value:
        return "is empty"
    if len(value) > MAX_NAME_LENGTH:
        return f"{value[:20]!r}... has {len(value)} characters: {MAX_NAME_LENGTH} is the most"
    if value != value.strip():
        return f"{value!r} has white space at an end: remove it"
    unprintable = next(character for character in value if not character.isprintable())
    return f"{value!r} holds {unprintable!r}, which is not a printable character"


def valid_host(value: object) -> str:
    """A host name; see `valid_name`."""
    return valid_name(value, "host")


def valid_cell_name(value: object, uuid: str) -> str:
    """A cell's name. It must not read as the UUID of another cell, for which one might take it."""
    name = valid_name(value, "name")
    if canonical_uuid(name) in (None, uuid):
        return name
    raise InvalidValue("name", f"{name!r} reads as the UUID of another cell: choose another name")


def valid_uuid(value: object, field: str) -> str:
    """A UUID in its canonical form, from any form `uuid.UUID` reads.

    :raises InvalidValue: it is none.
    """
    uuid = canonical_uuid(value)
    if uuid is None:
        given = repr(value[:50]) if isinstance(value, str) else type(value).__name__
        raise InvalidValue(field, f"must be a UUID, not {given}")
    return uuid


def valid_cell_of_host(value: object, field: str = "cell_uuid") -> str:
    """The UUID of a cell that a host may be mapped to: any but that of cell0."""
    uuid = valid_uuid(value, field)
    if uuid == CELL0_UUID:
        raise InvalidValue(field, "is that of cell0, to which no host can be mapped")
    return uuid


def valid_url(value: object, field: str) -> SecretUrl | None:
    """The URL of a cell, or a template of one (``{scheme}://{username}:...``).

    :raises InvalidValue: it is no URL. The message never quotes it: it may hold a password.
    """
    if value is None:
        return None
    if isinstance(value, SecretUrl):
        value = value.reveal()
    if not isinstance(value, str):
        raise InvalidValue(field, f"must be text, not {type(value).__name__}")
    if not SCHEME.match(value):
        raise InvalidValue(field, "is not a URL: it must begin with a scheme and ://")
    if not value.isprintable() or " " in value:
        raise InvalidValue(field, "holds a space or a control character: write it as %XX")
    if len(value) > MAX_URL_LENGTH:
        raise InvalidValue(field, f"is too long: {MAX_URL_LENGTH} characters are the most")
    return SecretUrl(value)


def valid_number(value: object, field: str, *, least: int = 0) -> int:
    """A whole number, a revision or a limit, that a database's BIGINT holds."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= BIGGEST:
        raise InvalidValue(field, f"must be a whole number from {least} to {BIGGEST}")
    return int(value)  # an IntEnum, say: drivers write its name


def valid_seconds(value: object, field: str, *, zero: bool = True) -> float:
    """A time in seconds, a pause or a time-out, of a day at most."""
    if (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and 0 <= value <= LONGEST_SECONDS
        and (value or zero)
    ):
        return float(value)
    least = "0" if zero else "above 0"
    raise InvalidValue(field, f"must be a number of seconds from {least} to {LONGEST_SECONDS}")
