"""The columns to read: their names in the files of other tools, and how to find them."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

# Names are compared without case, spaces and joining characters: "Host Name" is hostname.
_JOINTS = re.compile(r"[\s_.\-]+")


def simplified(name: str) -> str:
    """Return the name of a column in the form that is compared."""
    return _JOINTS.sub("", name).lower()


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# --- the names of columns -------------------------------------------------------------------------

HOST_NAMES = _words(
    "host hostname hypervisor hypervisorhostname hypervisorname computehost computenode compute "
    "computename fqdn node nodename nodehostname server servername serverhostname machine "
    "machinename device devicename inventoryhostname"
)
"""The names of a column of hosts."""

CELL_NAMES = _words("cell cellname novacell")
"""The names of a column with the names or UUIDs of cells."""

CELL_UUID_NAMES = _words("celluuid cellid cellmappinguuid")
"""The names of a column with the UUIDs of cells."""

# OpenStack lists the services of the hosts in it.
_BINARY_NAMES = frozenset(["binary"])

# A column of hosts, if there is no other one and the file does not list something else.
_NAME = "name"

# Beside these columns, "name" is the name of a cell, an instance, a pod or a group of hosts.
_LISTS_OF_OTHER_THINGS = _words(
    "transporturl databaseconnection flavor flavorname image imagename networks restarts "
    "clusterip uptodate hosts members subnets error message"
)

# Lists of anything have these columns beside "name": aggregates, images, domains, namespaces.
_LISTS_OF_ANYTHING = _words("id uuid age availabilityzone")

# Among such lists, only lists of machines have these columns too.
_LISTS_OF_MACHINES = _words(
    "rack site roles devicetype hostgroup operatingsystem powerstate provisioningstate"
)

_OTHER_NAMES = _words("address aggregate az id ip rack region site state status uuid zone")

COLUMN_WORDS = frozenset(
    f"{name}{plural}"
    for name in HOST_NAMES | CELL_NAMES | CELL_UUID_NAMES | _OTHER_NAMES | {_NAME}
    for plural in ("", "s")
)
"""Words that head columns: a line that is one of them does not name a host."""


# --- finding columns ------------------------------------------------------------------------------

# More than any tool writes: hostile lines can have a million.
_MAX_COLUMNS = 1_000


class ColumnProblem(Exception):
    """The columns cannot be found.

    :param problem: the fault of the header, without a subject: "has no host".
    :param is_header: the names are column names all the same.
    """

    def __init__(self, problem: str, *, is_header: bool) -> None:
        super().__init__(problem)
        self.is_header = is_header


@dataclass(frozen=True)
class Columns:
    """The columns to read.

    :param known: the names of the column of each role; the first role is the key, which each
        record needs.
    :param example: a header, for messages.
    :param chosen: the columns that options name, by role.
    :param takes_names: whether the name of a host alone is a record.
    :param is_secret: messages must not quote the file, and unknown columns are refused.
    """

    known: Mapping[str, frozenset[str]]
    example: str
    chosen: Mapping[str, str] = field(default_factory=dict)
    takes_names: bool = False
    is_secret: bool = False

    @property
    def key(self) -> str:
        """The role that each record needs."""
        return next(iter(self.known))

    @property
    def no_key(self) -> str:
        """The problem of a record without its key."""
        return f"names no {self.key}" if self.is_secret else f"has no {self.key}"

    def find(self, names: Sequence[str]) -> dict[str, int]:
        """Return the place of each role's column among some names.

        :raises ColumnProblem: the key's column is missing, or a column is ambiguous.
        """
        _refuse_too_many(names)
        found = {role: self._chosen_place(role, name, names) for role, name in self.chosen.items()}
        taken = {*found.values()}
        if len(taken) < len(found):
            problem = "has one column for both --host-column and --cell-column: name two"
            raise ColumnProblem(problem, is_header=True)
        free = {place: simplified(name) for place, name in enumerate(names) if place not in taken}
        for role, known in self.known.items():
            if role in found or (role == "cell_uuid" and "cell" in self.chosen):
                continue
            places = [place for place, name in free.items() if name in known]
            if not places and role == "host":
                places = [place for place, name in free.items() if name == _NAME]
                if places and self._may_list_other_things([*map(simplified, names)]):
                    raise _doubtful(names[places[0]])
            if len(places) > 1:
                raise self._ambiguous(role, [names[place].strip() for place in places[:2]])
            if places:
                found[role] = places[0]
        if self.key not in found:
            raise ColumnProblem(self.no_key, is_header=False)
        if self.is_secret and len(found) < len(names):
            raise ColumnProblem("has an unknown column", is_header=True)
        return found

    def _may_list_other_things(self, names: Collection[str]) -> bool:
        """Return whether "name" beside these columns may be the name of something else."""
        if _LISTS_OF_OTHER_THINGS.intersection(names):
            return True
        of_hosts = CELL_NAMES | CELL_UUID_NAMES | _LISTS_OF_MACHINES
        lists_hosts = "cell" in self.chosen or of_hosts.intersection(names)
        return bool(_LISTS_OF_ANYTHING.intersection(names)) and not lists_hosts

    def _chosen_place(self, role: str, wanted: str, names: Sequence[str]) -> int:
        """Return the place of the column that an option names, exactly or else in simple form."""
        places = [place for place, name in enumerate(names) if name.strip() == wanted.strip()]
        if not places:
            similar = simplified(wanted)
            places = [place for place, name in enumerate(names) if simplified(name) == similar]
        if len(places) == 1:
            return places[0]
        option = f"--{role}-column"
        if places:
            problem = f"has {len(places)} columns {wanted!r}, and {option} can mean any of them"
            raise ColumnProblem(problem, is_header=True)
        known = ", ".join(repr(name.strip()) for name in names[:20])
        problem = f"has no column {wanted!r}, which {option} names: there are {known}"
        raise ColumnProblem(problem, is_header=False)

    def _ambiguous(self, role: str, names: Sequence[str]) -> ColumnProblem:
        first, second = names
        noun = role.replace("_", " ")
        if self.is_secret or first == second:
            problem = f"names the {noun} twice: leave one of the columns out"
        else:
            option = "cell" if role == "cell_uuid" else role
            problem = (
                f"has two columns for the {noun}, {first!r} and {second!r}: choose one by "
                f"--{option}-column"
            )
        return ColumnProblem(problem, is_header=True)


def _refuse_too_many(names: Sequence[str]) -> None:
    if len(names) > _MAX_COLUMNS:
        problem = f"has {len(names):,} columns, more than {_MAX_COLUMNS:,}"
        raise ColumnProblem(problem, is_header=False)


def _doubtful(name: str) -> ColumnProblem:
    name = name.strip()
    problem = (
        f"has {name!r}, which may name something other than hosts: if it names hosts, write "
        f"--host-column {shlex.quote(name)}"
    )
    return ColumnProblem(problem, is_header=True)


def inventory_columns(
    host_column: str | None = None, cell_column: str | None = None, *, takes_names: bool = False
) -> Columns:
    """Return the columns of a list of hosts.

    :param host_column: the name of the column of hosts, if an option gives it.
    :param cell_column: the name of the column of cells, if an option gives it.
    :param takes_names: whether the name of a host alone is a record.
    """
    chosen = {"host": host_column, "cell": cell_column}
    return Columns(
        {
            "host": HOST_NAMES,
            "cell": CELL_NAMES,
            "cell_uuid": CELL_UUID_NAMES,
            "binary": _BINARY_NAMES,
        },
        "host,cell",
        {role: name for role, name in chosen.items() if name is not None},
        takes_names,
    )


ROTATION_COLUMNS = Columns(
    {
        "cell": CELL_NAMES | CELL_UUID_NAMES,
        "transport_url": frozenset(["transporturl"]),
        "database_connection": frozenset(["databaseconnection"]),
    },
    "cell,transport_url,database_connection",
    is_secret=True,
)
"""The columns of a list of new URLs of cells."""
