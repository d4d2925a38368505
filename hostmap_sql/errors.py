"""Every exception the library raises: one tree, each with what it is about as attributes.

The arguments of each class are its attributes, so that exceptions survive pickling, and its text is
one sentence that says what is wrong and, where there is something to do, what. Where a driver's
exception was the reason it is the ``__cause__``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hostmap_sql.models import CellMapping, HostMapping


_FIRST_MIGRATION = "0001-"

# How many hosts a sentence names.
_MOST_NAMED = 20


class HostMapError(Exception):
    """The base of all exceptions of this library."""


class HostMappingNotFound(HostMapError, LookupError):
    """The host is mapped to no cell."""

    def __init__(self, host: str) -> None:
        super().__init__(host)
        self.host = host

    def __str__(self) -> str:
        return f"host {self.host!r} is not mapped to any cell"


class CellMappingNotFound(HostMapError, LookupError):
    """There is no cell of this UUID or name."""

    def __init__(self, cell: str) -> None:
        super().__init__(cell)
        self.cell = cell

    def __str__(self) -> str:
        return f"there is no cell {self.cell!r}"


class HostMappingExists(HostMapError):
    """The host is mapped already; `cell_uuid` is the cell it is in."""

    def __init__(self, host: str, cell_uuid: str) -> None:
        super().__init__(host, cell_uuid)
        self.host = host
        self.cell_uuid = cell_uuid

    def __str__(self) -> str:
        return f"host {self.host!r} is mapped to cell {self.cell_uuid} already"


class CellMappingExists(HostMapError):
    """Another cell has this `name` or this `uuid`; `field` says which, `cell_uuid` whose it is."""

    def __init__(self, field: str, value: str, cell_uuid: str) -> None:
        super().__init__(field, value, cell_uuid)
        self.field = field
        self.value = value
        self.cell_uuid = cell_uuid

    def __str__(self) -> str:
        return f"cell {self.cell_uuid} has the {self.field} {self.value!r} already"


class CellMappingInUse(HostMapError):
    """The cell cannot be deleted: `hosts` hosts are still mapped to it."""

    def __init__(self, cell_uuid: str, hosts: int) -> None:
        super().__init__(cell_uuid, hosts)
        self.cell_uuid = cell_uuid
        self.hosts = hosts

    def __str__(self) -> str:
        return (
            f"cell {self.cell_uuid} still has {self.hosts} host(s): "
            "move or delete them before the cell"
        )


class StaleMapping(HostMapError):
    """An expected cell or revision did not hold; `actual` is what is there now."""

    def __init__(
        self,
        actual: HostMapping | CellMapping,
        expected_cell: str | None = None,
        expected_revision: int | None = None,
    ) -> None:
        super().__init__(actual, expected_cell, expected_revision)
        self.actual = actual
        self.expected_cell = expected_cell
        self.expected_revision = expected_revision

    def __str__(self) -> str:
        expected = {"cell": self.expected_cell, "revision": self.expected_revision}
        wanted = " and ".join(
            f"{what} {value}" for what, value in expected.items() if value is not None
        )
        found = f"{self.actual.label} is at revision {self.actual.revision}"
        return f"{found}, not at the expected {wanted}: read it again and decide anew"


class HostsNotMapped(HostMapError):
    """The time to wait for hosts is up, and not all of them are there.

    `missing` are mapped to no cell; `elsewhere` has the cell of those that are in another than the
    one that was waited for.
    """

    def __init__(
        self, missing: Sequence[str], elsewhere: Mapping[str, str], timeout: float
    ) -> None:
        super().__init__(tuple(missing), dict(elsewhere), timeout)
        self.missing = tuple(missing)
        self.elsewhere = dict(elsewhere)
        self.timeout = timeout

    def __str__(self) -> str:
        parts = [_told(self.missing, "not mapped to any cell"), *self._told_elsewhere()]
        return f"after {self.timeout:g} s {' and '.join(part for part in parts if part)}"

    def _told_elsewhere(self) -> Iterator[str]:
        if self.elsewhere:
            cells = ", ".join(dict.fromkeys(self.elsewhere.values()))
            yield _told([*self.elsewhere], f"in another cell ({cells})")


def _told(hosts: Sequence[str], what: str) -> str:
    """What is to be said of some hosts, of whom not too many are named."""
    if not hosts:
        return ""
    named = ", ".join(map(repr, hosts[:_MOST_NAMED]))
    more = len(hosts) - _MOST_NAMED
    rest = f" and {more:,} more" if more > 0 else ""
    noun, verb = ("host", "is") if len(hosts) == 1 else ("hosts", "are")
    return f"{noun} {named}{rest} {verb} {what}"


class InvalidValue(HostMapError, ValueError):
    """A value that cannot be used; `field` names its place, `problem` says what is wrong."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(field, problem)
        self.field = field
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.field} {self.problem}"


class HistoryPruned(HostMapError):
    """Changes after `revision` are asked for, but those up to `pruned_revision` were removed."""

    def __init__(self, revision: int, pruned_revision: int) -> None:
        super().__init__(revision, pruned_revision)
        self.revision = revision
        self.pruned_revision = pruned_revision

    def __str__(self) -> str:
        why = f"was pruned up to revision {self.pruned_revision}"
        if self.revision >= self.pruned_revision:
            why = "is another one: the database was restored from a backup, say"
        gone = f"the changes after revision {self.revision} are gone: the history {why}"
        return f"{gone}; read the whole directory again"


class StaleReplica(HostMapError):
    """A replica is older than it may be, or has not got to a revision in time.

    It has `revision`, and was last known to be current `age` seconds ago.
    """

    def __init__(self, revision: int, age: float, wanted: str) -> None:
        super().__init__(revision, age, wanted)
        self.revision = revision
        self.age = age
        self.wanted = wanted

    def __str__(self) -> str:
        return (
            f"the replica has revision {self.revision} and was current {self.age:.1f} s ago, "
            f"but {self.wanted}: is the database away, and is the replica started?"
        )


class SchemaOutOfDate(HostMapError):
    """The tables are not those this version needs.

    `missing` are the migrations that are still to be applied, `unknown` those that a newer version
    of the library has applied.
    """

    def __init__(
        self, database: str, missing: Sequence[str] = (), unknown: Sequence[str] = ()
    ) -> None:
        super().__init__(database, tuple(missing), tuple(unknown))
        self.database = database
        self.missing = tuple(missing)
        self.unknown = tuple(unknown)

    def __str__(self) -> str:
        if self.unknown:
            return (
                f"{self.database} is newer than this version of hostmap_sql (it has migration "
                f"{self.unknown[-1]}): install a newer one with `pip install --upgrade hostmap-sql`"
            )
        if self.missing and self.missing[0].startswith(_FIRST_MIGRATION):
            return f"{self.database} does not exist or is empty: make it with `hostmap migrate`"
        if self.missing:
            return (
                f"{self.database} lacks the tables of this version of hostmap_sql (from migration "
                f"{self.missing[0]} on): apply them with `hostmap migrate`"
            )
        return (
            f"{self.database} lacks tables, columns or rows that its migrations made: "
            "see `hostmap migrate --status`, then restore them or its backup"
        )


class DatabaseUnavailable(HostMapError):
    """The database could not be reached, or could not do it just now. Nothing was written."""

    def __init__(self, database: str, problem: str) -> None:
        super().__init__(database, problem)
        self.database = database
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.database} is not available: {self.problem}"


class OutcomeUnknown(HostMapError):
    """The answer to a commit was lost, and the time ran out before it could be settled.

    The change may or may not be there: ``hostmap.outcome(change_id, revision)`` tells.
    """

    def __init__(self, change_id: str, revision: int | None = None) -> None:
        super().__init__(change_id, revision)
        self.change_id = change_id
        self.revision = revision

    def __str__(self) -> str:
        asked = f"hostmap outcome {self.change_id}"
        if self.revision is not None:
            asked += f" --revision {self.revision}"
        return (
            f"it is not known whether change {self.change_id} was made: "
            f"ask `{asked}` before doing it again"
        )


class DatabaseError(HostMapError):
    """Any other failure of the database; `code` is its own code for it, where it gave one."""

    def __init__(self, problem: str, code: str | None = None, statement: str | None = None) -> None:
        super().__init__(problem, code, statement)
        self.problem = problem
        self.code = code
        self.statement = statement

    def __str__(self) -> str:
        where = f" (in {self.statement})" if self.statement else ""
        code = f" [{self.code}]" if self.code else ""
        return f"{self.problem}{code}{where}"
