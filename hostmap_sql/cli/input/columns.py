"""The columns that are read, and by which names they are known: the one place that lists them."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

# Compared without case, spaces, and the characters that join words: "Host Name" is hostname.
_JOINTS = re.compile(r"[\s_.\-]+")

HOST_NAMES = frozenset(
    [
        "host",
        "hostname",
        "hypervisor",
        "hypervisorhostname",
        "hypervisorname",
        "computehost",
        "computenode",
        "compute",
        "computename",
        "fqdn",
        "node",
        "nodename",
        "nodehostname",
        "server",
        "servername",
        "serverhostname",
        "machine",
        "machinename",
        "device",
        "devicename",
        "inventoryhostname",
    ]
)
"""The names of a column of hosts."""

_NAME = "name"
"""A column of hosts where no other column is one and the file is not a list of other things."""

_LISTS_OF_OTHER_THINGS = frozenset(
    [
        "transporturl",
        "databaseconnection",
        "flavor",
        "flavorname",
        "image",
        "imagename",
        "networks",
        "restarts",
        "clusterip",
        "uptodate",
        "hosts",
        "members",
        "subnets",
        "error",
        "message",
    ]
)
"""Columns beside which "name" is that of a cell, of an instance, of a pod, of a group of hosts."""

_LISTS_OF_ANYTHING = frozenset(["id", "uuid", "age", "availabilityzone"])
"""Columns that lists of anything have beside "name": aggregates, images, domains, name spaces."""

_LISTS_OF_MACHINES = frozenset(
    [
        "rack",
        "site",
        "roles",
        "devicetype",
        "hostgroup",
        "operatingsystem",
        "powerstate",
        "provisioningstate",
    ]
)
"""Columns that such a list has of machines alone."""

CELL_NAMES = frozenset(["cell", "cellname", "novacell"])
"""The names of a column with the names or UUIDs of cells."""

_BINARY_NAMES = frozenset(["binary"])
"""The names of a column with the services that run on the hosts, as OpenStack lists them."""

CELL_UUID_NAMES = frozenset(["celluuid", "cellid", "cellmappinguuid"])
"""The names of a column with the UUIDs of cells."""

_OTHER_NAMES = frozenset(
    [
        "address",
        "aggregate",
        "az",
        "id",
        "ip",
        "rack",
        "region",
        "site",
        "state",
        "status",
        "uuid",
        "zone",
    ]
)

NAMES_OF_NO_HOST = frozenset(
    f"{name}{plural}"
    for name in HOST_NAMES | CELL_NAMES | CELL_UUID_NAMES | _OTHER_NAMES | {_NAME}
    for plural in ("", "s")
)
"""Words that head columns; a line that is one of them does not name a host, unless it says so."""


def simplified(name: str) -> str:
    """The name of a column as it is compared."""
    return _JOINTS.sub("", name).lower()


class ColumnProblem(Exception):
    """The columns cannot be told. `is_header`: the names are those of columns all the same."""

    def __init__(self, problem: str, *, is_header: bool) -> None:
        super().__init__(problem)
        self.is_header = is_header


@dataclass(frozen=True)
class Columns:
    """Which columns are read.

    :param known: the names of the column of each role; the first role is the one that is needed.
    :param chosen: the columns that options name, by role.
    :param header: a header, for messages.
    :param takes_names: whether the name of a host alone is a record.
    :param is_secret: no message may quote the file, and a column that is not known is refused.
    """

    known: Mapping[str, frozenset[str]]
    header: str
    chosen: Mapping[str, str] = field(default_factory=dict)
    takes_names: bool = False
    is_secret: bool = False

    @property
    def needed(self) -> str:
        """The role without which a record is none."""
        return next(iter(self.known))

    @property
    def lacking(self) -> str:
        """What is said of a record without the value that is needed."""
        return f"names no {self.needed}" if self.is_secret else f"has no {self.needed}"

    def find(self, names: Sequence[str]) -> dict[str, int]:
        """Where among some names the column of each role is.

        :raises ColumnProblem: the needed one is not there, or more than one name will do.
        """
        found = {role: self._chosen_place(role, name, names) for role, name in self.chosen.items()}
        taken = {*found.values()}
        if len(taken) < len(found):
            problem = "has one column for both --host-column and --cell-column: name two"
            raise ColumnProblem(problem, is_header=True)
        simple = [simplified(name) for name in names]
        for role, known in self.known.items():
            if role in found or (role == "cell_uuid" and "cell" in self.chosen):
                continue
            places = [
                place for place, name in enumerate(simple) if name in known and place not in taken
            ]
            if not places and role == "host":
                places = [
                    place
                    for place, name in enumerate(simple)
                    if name == _NAME and place not in taken
                ]
                if places and self._is_name_of_anything(simple):
                    raise _doubtful(names[places[0]])
            if len(places) > 1:
                raise self._ambiguous(role, [names[place] for place in places[:2]])
            if places:
                found[role] = places[0]
        if self.needed not in found:
            raise ColumnProblem(self.lacking, is_header=False)
        if self.is_secret and len(found) < len(names):
            raise ColumnProblem("has a column of another name", is_header=True)
        return found

    def _is_name_of_anything(self, simple: Collection[str]) -> bool:
        """Whether the columns beside "name" leave it open what has that name."""
        if _LISTS_OF_OTHER_THINGS.intersection(simple):
            return True
        of_hosts = CELL_NAMES | CELL_UUID_NAMES | _LISTS_OF_MACHINES
        is_of_hosts = "cell" in self.chosen or of_hosts.intersection(simple)
        return bool(_LISTS_OF_ANYTHING.intersection(simple)) and not is_of_hosts

    def _chosen_place(self, role: str, wanted: str, names: Sequence[str]) -> int:
        places = [place for place, name in enumerate(names) if name.strip() == wanted.strip()]
        if not places:
            simple = simplified(wanted)
            places = [place for place, name in enumerate(names) if simplified(name) == simple]
        if len(places) == 1:
            return places[0]
        option = f"--{role}-column"
        if places:
            problem = f"has {len(places)} columns {wanted!r}, of which {option} can mean any"
            raise ColumnProblem(problem, is_header=True)
        known = ", ".join(repr(name.strip()) for name in names[:20])
        problem = f"has no column {wanted!r}, which {option} names: there are {known}"
        raise ColumnProblem(problem, is_header=False)

    def _ambiguous(self, role: str, names: Sequence[str]) -> ColumnProblem:
        first, second = (name.strip() for name in names)
        what = role.replace("_", " ")
        if self.is_secret or first == second:
            problem = f"names the {what} twice: leave one of the columns out"
        else:
            option = "cell" if role == "cell_uuid" else role
            problem = (
                f"has two columns for the {what}, {first!r} and {second!r}: choose one by "
                f"--{option}-column"
            )
        return ColumnProblem(problem, is_header=True)


def _doubtful(name: str) -> ColumnProblem:
    name = name.strip()
    return ColumnProblem(
        f"has {name!r}, which need not be that of a host here: if it is, write --host-column "
        f"{shlex.quote(name)}",
        is_header=True,
    )


def inventory_columns(
    host_column: str | None = None, cell_column: str | None = None, *, takes_names: bool = False
) -> Columns:
    """Those of a list of hosts; see `Columns`."""
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
"""Those of a list of new URLs of cells."""
