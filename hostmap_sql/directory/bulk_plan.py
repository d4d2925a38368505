"""Planning a bulk write: an action for each pair of host and cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from hostmap_sql.engine.pending_changes import grouped
from hostmap_sql.errors import HostMappingExists, InvalidValue
from hostmap_sql.models import BulkResult, Conflict
from hostmap_sql.quoting import mask_name
from hostmap_sql.validation import valid_cell_of_host, valid_host, valid_new_host

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

OnConflict = Literal["report", "move", "fail"]
"""The treatment of a host that is already in another cell."""

Pair = tuple[str, str]
"""A host and the UUID of its cell."""


def valid_on_conflict(value: str) -> OnConflict:
    """Check how to treat a conflict.

    :raises InvalidValue: it is none of `OnConflict`.
    """
    for known in get_args(OnConflict):
        if value == known:
            on_conflict: OnConflict = known
            return on_conflict
    raise InvalidValue(
        "on_conflict", f"{mask_name(value)!r} is not one of {', '.join(get_args(OnConflict))}"
    )


def valid_pairs(pairs: Iterable[Pair]) -> list[Pair]:
    """Check all pairs of host and cell UUID before the first of them is written.

    :raises InvalidValue: a pair is malformed, or its host or UUID cannot be used.
    """
    uuids: dict[str, str] = {}
    valid: list[Pair] = []
    for number, pair in enumerate(pairs, 1):
        try:
            host, cell = pair
            uuid = uuids.get(cell)
            if uuid is None:
                uuid = uuids[cell] = valid_cell_of_host(cell)
            valid.append((valid_new_host(host), uuid))
        except InvalidValue as error:
            raise InvalidValue(f"pair {number}: {error.field}", error.problem) from None
        except (TypeError, ValueError):
            problem = "must be a host and the UUID of its cell"
            raise InvalidValue(f"pair {number}", problem) from None
    return valid


def valid_hosts(hosts: Iterable[str]) -> list[str]:
    """Check host names, and return them without duplicates.

    :raises InvalidValue: a name cannot be used, or a single name was given.
    """
    refuse_one_name(hosts)
    return list(dict.fromkeys(map(valid_host, hosts)))


def refuse_one_name(hosts: object) -> None:
    """Refuse text in place of a collection of names: each letter would count as a host.

    :raises InvalidValue: it is text.
    """
    if isinstance(hosts, str):
        raise InvalidValue("hosts", "must be many names, not one: put it into a list")


class Plan:
    """The actions for pairs of host and cell, in their order.

    :param pairs: the hosts, with their wanted cells.
    :param cells: the current cell of each host that is mapped.
    :raises HostMappingExists: with "fail", a host is in another cell.
    """

    def __init__(
        self, pairs: Iterable[Pair], cells: Mapping[str, str], on_conflict: OnConflict
    ) -> None:
        self.unchanged = self.moved = 0
        self.conflicts: list[Conflict] = []
        self._before = cells
        self._after = after = {**cells}
        for host, wanted in pairs:
            actual = after.get(host)
            if actual is None:
                after[host] = wanted
            elif actual == wanted:
                self.unchanged += 1
            elif on_conflict == "move":
                self.moved += 1
                after[host] = wanted
            elif on_conflict == "report":
                self.conflicts.append(Conflict(host, wanted, actual))
            else:
                raise HostMappingExists(host, actual)
        self.created = len(after) - len(cells)

    def result(self, revision: int | None = None) -> BulkResult:
        """Return the result of the plan; `revision` is the revision that it wrote, if any."""
        return BulkResult(
            created=self.created,
            unchanged=self.unchanged,
            moved=self.moved,
            conflicts=tuple(self.conflicts),
            revision=revision,
        )

    def steps(self) -> Mapping[tuple[str | None, str], Sequence[str]]:
        """Group the hosts to write by their old cell (None: not mapped) and their new one."""
        before, after = self._before, self._after
        created = grouped({host: new for host, new in after.items() if host not in before})
        moved = {host: (old, after[host]) for host, old in before.items() if old != after[host]}
        return {**{(None, new): hosts for new, hosts in created.items()}, **grouped(moved)}
