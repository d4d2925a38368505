"""Planning a bulk write: what is to be done with each pair, given where its host is now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from hostmap_sql.errors import HostMappingExists, InvalidValue
from hostmap_sql.models import BulkResult, Conflict, valid_cell_of_host, valid_host
from hostmap_sql.parts import grouped

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

OnConflict = Literal["report", "move", "fail"]
"""What is to be done with a host that is in another cell already."""

Pair = tuple[str, str]


def valid_on_conflict(value: str) -> OnConflict:
    """One of the ways to treat a conflict.

    :raises InvalidValue: it is none of them.
    """
    for known in get_args(OnConflict):
        if value == known:
            way: OnConflict = known
            return way
    raise InvalidValue("on_conflict", f"{value!r} is not one of {', '.join(get_args(OnConflict))}")


def valid_pairs(pairs: Iterable[tuple[str, str]]) -> list[Pair]:
    """All pairs of host and cell UUID, checked before the first of them is written.

    :raises InvalidValue: a pair is none, or holds a host or UUID that cannot be used.
    """
    uuids: dict[str, str] = {}
    valid: list[Pair] = []
    for number, pair in enumerate(pairs, 1):
        try:
            host, cell = pair
            uuid = uuids.get(cell)
            if uuid is None:
                uuid = uuids[cell] = valid_cell_of_host(cell)
            valid.append((valid_host(host), uuid))
        except InvalidValue as error:
            raise InvalidValue(f"pair {number}: {error.field}", error.problem) from None
        except (TypeError, ValueError):
            problem = "must be a host and the UUID of its cell"
            raise InvalidValue(f"pair {number}", problem) from None
    return valid


def valid_hosts(hosts: Iterable[str]) -> list[str]:
    """All host names, each once, checked.

    :raises InvalidValue: a name cannot be used, or one name was given instead of many.
    """
    refuse_one_name(hosts)
    return list(dict.fromkeys(map(valid_host, hosts)))


def refuse_one_name(hosts: object) -> None:
    """Refuse a text, of which each letter would be taken for a host.

    :raises InvalidValue: it is one.
    """
    if isinstance(hosts, str):
        raise InvalidValue("hosts", "must be many names, not one: put it into a list")


class Plan:
    """What to do with some pairs, in their order, where `cells` tells the cell each host is in."""

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
        """What doing it comes to; `revision` is the one that it was written as, if it was."""
        conflicts = tuple(self.conflicts)
        return BulkResult(self.created, self.unchanged, self.moved, conflicts, revision)

    def steps(self) -> Mapping[tuple[str | None, str], Sequence[str]]:
        """The hosts to write, by the cells they come from (None: from nowhere) and go to."""
        before, after = self._before, self._after
        created = grouped({host: new for host, new in after.items() if host not in before})
        moved = {host: (old, after[host]) for host, old in before.items() if old != after[host]}
        return {**{(None, new): hosts for new, hosts in created.items()}, **grouped(moved)}
