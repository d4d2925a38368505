"""Which changes `hostmap log`, `history` and `watch` show: of these hosts, by this author, ..."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from hostmap_sql.cli import errors
from hostmap_sql.cli.arguments import CELL, HOST
from hostmap_sql.cli.context import READS, collect, uuid_of
from hostmap_sql.cli.suggestions import add_suggestion
from hostmap_sql.errors import HostMappingNotFound
from hostmap_sql.models import valid_host, valid_name
from hostmap_sql.uuids import canonical_uuid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hostmap_sql.cli.context import Settings
    from hostmap_sql.hostmap import HostMap
    from hostmap_sql.models import ChangeSet

# Commands that filter by author and reason, which elsewhere sign what is written.
FILTERS = (*READS, "author", "reason")

Command = Any


def filter_options(command: Command) -> Command:
    """The options that choose changes. Each may be given several times, for any of its values."""
    for option in reversed(
        (
            click.option(
                "--host",
                "hosts",
                metavar="HOST",
                type=HOST,
                multiple=True,
                help="Only changes of this host; may be given several times.",
            ),
            click.option(
                "--cell",
                "cells",
                metavar="CELL",
                type=CELL,
                multiple=True,
                help="Only changes of this cell and of hosts that came into it or went out of it; "
                "of a cell that is deleted, by its UUID. May be given several times.",
            ),
            click.option(
                "--author",
                metavar="NAME",
                multiple=True,
                expose_value=False,
                callback=collect,
                help="Only changes by this author, by the exact name; may be given several times.",
            ),
            click.option(
                "--reason",
                metavar="TEXT",
                multiple=True,
                expose_value=False,
                callback=collect,
                help="Only changes whose reason contains this text, in the same case; may be given "
                "several times.",
            ),
        )
    ):
        command = option(command)
    return command


@dataclass(frozen=True)
class ChangeFilter:
    """Which changes are wanted. An empty filter of a kind wants all."""

    hosts: Sequence[str]
    cell_uuids: frozenset[str]
    authors: Sequence[str]
    reasons: Sequence[str]

    def wants(self, changeset: ChangeSet) -> bool:
        """Whether a changeset has the right author and reason."""
        if self.authors and changeset.author not in self.authors:
            return False
        reason = changeset.reason or ""
        return not self.reasons or any(text in reason for text in self.reasons)

    def wants_row(self, row: Mapping[str, Any]) -> bool:
        """Whether one change of such a changeset is of the right host and cell."""
        if self.hosts and row["host"] not in self.hosts:
            return False
        uuids = self.cell_uuids
        return not uuids or row["old_cell_uuid"] in uuids or row["new_cell_uuid"] in uuids


def change_filter(
    settings: Settings, hostmap: HostMap, hosts: Sequence[str], cells: Sequence[str]
) -> ChangeFilter:
    """The filter that these options make, together with --author and --reason wherever they stood.

    :raises InvalidValue: no host or author can have such a name.
    :raises CellMappingNotFound: there is no such cell.
    """
    hosts = [*dict.fromkeys(map(valid_host, hosts))]
    _say_unknown(hostmap, hosts)
    return ChangeFilter(
        hosts=hosts,
        # A deleted cell has no name any more, but its UUID is on record.
        cell_uuids=frozenset(
            canonical_uuid(cell) or str(uuid_of(hostmap, cell, "--cell")) for cell in cells
        ),
        authors=[valid_name(author, "author") for author in settings.typed.get("author", ())],
        reasons=settings.typed.get("reason", ()),
    )


def _say_unknown(hostmap: HostMap, hosts: Sequence[str]) -> None:
    """Report the hosts that never were there. They may still come."""
    mapped = hostmap.hosts.get_many(hosts)
    for host in hosts:
        if host not in mapped and not hostmap.history.of_host(host):
            error = HostMappingNotFound(host)
            add_suggestion(hostmap, error)
            errors.say(errors.with_notes(str(error), error))
