"""The filter of `hostmap log`: changes of some hosts or cells, by an author, for a reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hostmap_sql.cli.framework import errors
from hostmap_sql.cli.framework.cells import find_cell
from hostmap_sql.cli.framework.options import collect, combine, multi_option
from hostmap_sql.cli.framework.param_types import CELL, HOST
from hostmap_sql.cli.framework.suggestions import add_suggestion
from hostmap_sql.errors import HostMappingNotFound
from hostmap_sql.validation import canonical_uuid, valid_host, valid_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hostmap_sql.cli.framework.settings import Settings
    from hostmap_sql.hostmap import HostMap
    from hostmap_sql.models import ChangeSet

filter_options = combine(
    multi_option(
        "--host",
        "hosts",
        metavar="HOST",
        type=HOST,
        help="Only changes of this host, which may be new to the directory.",
    ),
    multi_option(
        "--cell",
        "cells",
        metavar="CELL",
        type=CELL,
        help="Only changes of this cell, and of hosts that were moved into it or out of it. A "
        "deleted cell is given by its UUID.",
    ),
    multi_option(
        "--author",
        metavar="NAME",
        expose_value=False,
        callback=collect,
        help="Only changes by exactly this author.",
    ),
    multi_option(
        "--reason",
        metavar="TEXT",
        expose_value=False,
        callback=collect,
        help="Only changes whose reason contains this text; case matters.",
    ),
)


@dataclass(frozen=True)
class ChangeFilter:
    """Selects changes. An empty criterion matches every change."""

    hosts: Sequence[str]
    cell_uuids: frozenset[str]
    authors: Sequence[str]
    reasons: Sequence[str]

    def matches(self, changeset: ChangeSet) -> bool:
        """Return whether the author and reason of a changeset match."""
        if self.authors and changeset.author not in self.authors:
            return False
        reason = changeset.reason or ""
        return not self.reasons or any(text in reason for text in self.reasons)

    def matches_row(self, row: Mapping[str, Any]) -> bool:
        """Return whether the host and cell of one change match."""
        if self.hosts and row["host"] not in self.hosts:
            return False
        uuids = self.cell_uuids
        return not uuids or row["old_cell_uuid"] in uuids or row["new_cell_uuid"] in uuids


def make_filter(
    settings: Settings, hostmap: HostMap, hosts: Sequence[str], cells: Sequence[str]
) -> ChangeFilter:
    """Make the filter of some hosts and cells, and of all --author and --reason options.

    :raises InvalidValue: a host or author has an invalid name.
    :raises CellMappingNotFound: there is no such cell.
    """
    return ChangeFilter(
        hosts=[*dict.fromkeys(map(valid_host, hosts))],
        # A deleted cell has no name any more, but its UUID is in the history.
        cell_uuids=frozenset(
            canonical_uuid(cell) or find_cell(hostmap, cell, "--cell").uuid for cell in cells
        ),
        authors=[valid_name(author, "author") for author in settings.typed.get("author", ())],
        reasons=settings.typed.get("reason", ()),
    )


def require_known_hosts(hostmap: HostMap, hosts: Sequence[str]) -> None:
    """Refuse hosts that are neither in the directory nor in its history.

    :raises HostMappingNotFound: for the first such host.
    """
    for host in _unknown_hosts(hostmap, hosts):
        raise HostMappingNotFound(host)


def report_unknown_hosts(hostmap: HostMap, hosts: Sequence[str]) -> None:
    """Report hosts that are neither in the directory nor in its history; they may still come."""
    for host in _unknown_hosts(hostmap, hosts):
        error = HostMappingNotFound(host)
        add_suggestion(hostmap, error)
        errors.print_status(errors.with_notes(str(error), error))


def _unknown_hosts(hostmap: HostMap, hosts: Sequence[str]) -> Sequence[str]:
    valid = [*dict.fromkeys(map(valid_host, hosts))]
    mapped = hostmap.hosts.get_many(valid)
    return [host for host in valid if host not in mapped and not hostmap.history.of_host(host)]
