"""The exceptions of the library, all below `HostMapError`.

The constructor's arguments are the attributes, so that exceptions survive pickling. The text is one
sentence: the problem and, where there is one, the remedy. A driver's exception that caused one of
these is its ``__cause__``, without its frames; a `DriverFailure` replaces one that could quote a
URL. A name is masked if it may be a URL, given by mistake.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostmap_sql.quoting import mask_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hostmap_sql.models import CellMapping, HostMapping


_FIRST_MIGRATION = "0001-"

_MOST_NAMED = 20
"""The most hosts that a sentence names."""


class HostMapError(Exception):
    """The base class of all exceptions of this library."""


class HostMappingNotFound(HostMapError, LookupError):
    """The host is not mapped to any cell."""

    def __init__(self, host: str) -> None:
        host = mask_name(host)
        super().__init__(host)
        self.host = host

    def __str__(self) -> str:
        return f"host {self.host!r} is not mapped to any cell"


class CellMappingNotFound(HostMapError, LookupError):
    """No cell has this UUID or name."""

    def __init__(self, cell: str) -> None:
        cell = mask_name(cell)
        super().__init__(cell)
        self.cell = cell

    def __str__(self) -> str:
        return f"there is no cell {self.cell!r}"


class HostMappingExists(HostMapError):
    """The host is mapped already, to the cell `cell_uuid`."""

    def __init__(self, host: str, cell_uuid: str) -> None:
        host = mask_name(host)
        super().__init__(host, cell_uuid)
        self.host = host
        self.cell_uuid = cell_uuid

    def __str__(self) -> str:
        return f"host {self.host!r} is mapped to cell {self.cell_uuid} already"


class CellMappingExists(HostMapError):
    """The cell `cell_uuid` already has this `value` in `field`, which is "name" or "uuid"."""

    def __init__(self, field: str, value: str, cell_uuid: str) -> None:
        value = mask_name(value)
        super().__init__(field, value, cell_uuid)
        self.field = field
        self.value = value
        self.cell_uuid = cell_uuid

    def __str__(self) -> str:
        return f"cell {self.cell_uuid} has the {self.field} {self.value!r} already"


class CellMappingInUse(HostMapError):
    """The cell cannot be deleted, because `hosts` hosts are mapped to it."""

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
    """The host or cell is not as expected; `actual` is its current mapping."""

    def __init__(
        self,
        actual: HostMapping | CellMapping,
        expected_cell_uuid: str | None = None,
        expected_revision: int | None = None,
    ) -> None:
        super().__init__(actual, expected_cell_uuid, expected_revision)
        self.actual = actual
        self.expected_cell_uuid = expected_cell_uuid
        self.expected_revision = expected_revision

    def __str__(self) -> str:
        expected = {"cell": self.expected_cell_uuid, "revision": self.expected_revision}
        wanted = " and ".join(
            f"{name} {value}" for name, value in expected.items() if value is not None
        )
        found = f"{self.actual.label} is at revision {self.actual.revision}"
        return f"{found}, not at the expected {wanted}: read it again, then decide again"


class HostsNotMapped(HostMapError):
    """Some hosts were not mapped, or not to the expected cell, before the timeout.

    `missing` hosts are not mapped; `elsewhere` maps each host in another cell to that cell's UUID.
    """

    def __init__(
        self, missing: Sequence[str], elsewhere: Mapping[str, str], timeout: float
    ) -> None:
        missing = tuple(map(mask_name, missing))
        elsewhere = {mask_name(host): cell for host, cell in elsewhere.items()}
        super().__init__(missing, elsewhere, timeout)
        self.missing = missing
        self.elsewhere = elsewhere
        self.timeout = timeout

    def __str__(self) -> str:
        clauses = []
        if self.missing:
            clauses.append(f"{describe_hosts(self.missing)} not mapped to any cell")
        if self.elsewhere:
            cells = ", ".join(dict.fromkeys(self.elsewhere.values()))
            clauses.append(f"{describe_hosts([*self.elsewhere])} in another cell ({cells})")
        return f"after {self.timeout:g} s {' and '.join(clauses)}"


def describe_hosts(hosts: Sequence[str]) -> str:
    """Return the subject and verb of a sentence about hosts, naming the first 20.

    >>> describe_hosts(["a"]), describe_hosts(["a", "b"])
    ("host 'a' is", "hosts 'a', 'b' are")
    """
    named = ", ".join(repr(mask_name(host)) for host in hosts[:_MOST_NAMED])
    more = len(hosts) - _MOST_NAMED
    rest = f" and {more:,} more" if more > 0 else ""
    return f"host {named} is" if len(hosts) == 1 else f"hosts {named}{rest} are"


CHECK_ERRORS = (
    CellMappingExists,
    CellMappingInUse,
    CellMappingNotFound,
    HostMappingExists,
    HostMappingNotFound,
    HostsNotMapped,
    StaleMapping,
)
"""Raised by checks of the present state."""


class InvalidValue(HostMapError, ValueError):
    """A value cannot be used: `field` names it, `problem` says why."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(field, problem)
        self.field = field
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.field} {self.problem}"


class UrlsNotRead(HostMapError):
    """The URLs of the cell were not read, because the directory was opened with ``urls=False``."""

    def __init__(self, cell: str) -> None:
        super().__init__(cell)
        self.cell = cell

    def __str__(self) -> str:
        return (
            f"the URLs of cell {self.cell!r} were not read: open the directory without urls=False"
        )


class HistoryPruned(HostMapError):
    """The history no longer holds every change after `revision`.

    It was pruned up to `pruned_revision`, or the database was restored from a backup.
    """

    def __init__(self, revision: int, pruned_revision: int) -> None:
        super().__init__(revision, pruned_revision)
        self.revision = revision
        self.pruned_revision = pruned_revision

    def __str__(self) -> str:
        why = f"was pruned up to revision {self.pruned_revision}"
        if self.revision >= self.pruned_revision:
            why = "was replaced, for example by restoring the database from a backup"
        gone = f"the changes after revision {self.revision} are gone: the history {why}"
        return f"{gone}; read the whole directory again"


class StaleReplica(HostMapError):
    """A replica is older than its `max_age`, or did not reach a revision in time.

    It is at `revision`, and was last known to be current `age` seconds ago.
    """

    def __init__(self, revision: int, age: float, wanted: str) -> None:
        super().__init__(revision, age, wanted)
        self.revision = revision
        self.age = age
        self.wanted = wanted

    def __str__(self) -> str:
        return (
            f"the replica has revision {self.revision} and was current {self.age:.1f} s ago, "
            f"but {self.wanted}: is the database down, or was the replica never started?"
        )


class SchemaOutOfDate(HostMapError):
    """The tables do not fit this version of the library.

    `missing` migrations are not applied yet; `unknown` ones are of a newer version of the library.
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
            return f"{self.database} does not exist or is empty: create it with `hostmap migrate`"
        if self.missing:
            return (
                f"{self.database} lacks the tables of this version of hostmap_sql (from migration "
                f"{self.missing[0]} on): apply them with `hostmap migrate`"
            )
        return (
            f"{self.database} lacks tables, columns or rows that its migrations made: "
            "see `hostmap migrate --status`, then restore them or the whole database from a backup"
        )


class DatabaseUnavailable(HostMapError):
    """The database could not be reached or is temporarily unable to answer. Nothing was written.

    With `is_conflict`, it rolled the transaction back because another one came first: a deadlock,
    or a conflict that a cluster found.
    """

    def __init__(self, database: str, problem: str, *, is_conflict: bool = False) -> None:
        super().__init__(database, problem)
        self.database = database
        self.problem = problem
        self.is_conflict = is_conflict

    def __str__(self) -> str:
        if self.is_conflict:
            return f"{self.database}: another transaction came first: run it again ({self.problem})"
        return f"{self.database} is not available: {self.problem}"


class OutcomeUnknown(HostMapError):
    """The answer to a commit was lost, and the timeout passed before its outcome was known.

    The change may be there or not: ``hostmap.outcome(change_id, revision=revision)`` tells.
    """

    def __init__(self, change_id: str, revision: int | None = None) -> None:
        super().__init__(change_id, revision)
        self.change_id = change_id
        self.revision = revision

    def __str__(self) -> str:
        command = f"hostmap outcome {self.change_id}"
        if self.revision is not None:
            command += f" --revision {self.revision}"
        return (
            f"it is not known whether change {self.change_id} was made: "
            f"run `{command}` before repeating it"
        )


class SecretUnavailable(HostMapError):
    """A URL of a cell cannot be sealed, opened or followed, because of `problem`.

    `field` is "transport_url" or "database_connection", `cell_uuid` its cell; both are empty if the
    cipher fails before it is given a URL. `key` is the id of the key that sealed the URL; None if
    no key did.
    """

    def __init__(self, field: str, cell_uuid: str, problem: str, key: str | None = None) -> None:
        super().__init__(field, cell_uuid, problem, key)
        self.field = field
        self.cell_uuid = cell_uuid
        self.problem = problem
        self.key = key

    def __str__(self) -> str:
        if not self.cell_uuid:
            return f"no URL can be sealed: {self.problem}"
        return f"the {self.field} of cell {self.cell_uuid} is not available: {self.problem}"


class DatabaseError(HostMapError):
    """Any other failure of the database; `code` is its error code, if there is one."""

    def __init__(self, problem: str, code: str | None = None, statement: str | None = None) -> None:
        super().__init__(problem, code, statement)
        self.problem = problem
        self.code = code
        self.statement = statement

    def __str__(self) -> str:
        where = f" (in {self.statement})" if self.statement else ""
        code = f" [{self.code}]" if self.code else ""
        return f"{self.problem}{code}{where}"


class NotPermitted(DatabaseError):
    """The account of the database lacks a right, or may only read. Nothing was written.

    `remedy` is a clause with the command that prints the grants; None if `problem` has the remedy.
    """

    def __init__(
        self,
        problem: str,
        code: str | None = None,
        statement: str | None = None,
        remedy: str | None = None,
    ) -> None:
        super().__init__(problem, code, statement)
        self.args = (problem, code, statement, remedy)
        self.remedy = remedy

    def __str__(self) -> str:
        text = super().__str__()
        return f"{text}: {self.remedy}" if self.remedy else text


class DriverFailure(Exception):
    """Stands for a driver's exception that could quote a URL: only its class and its error code.

    It is the ``__cause__`` of an error if the database refused a statement with URLs.
    """

    def __init__(self, name: str, code: str | None = None) -> None:
        super().__init__(name, code)
        self.name = name
        self.code = code

    @classmethod
    def of(cls, error: BaseException, code: str | None) -> DriverFailure:
        """Return the replacement of an exception."""
        kind = type(error)
        return cls(f"{kind.__module__}.{kind.__qualname__}", code)

    def __str__(self) -> str:
        return f"{self.name} [{self.code}]" if self.code else self.name
