"""`hostmap host delete`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hostmap_sql.cli.commands.host.arguments import from_option, hosts_argument, refuse_missing
from hostmap_sql.cli.framework.cells import find_cell_uuid
from hostmap_sql.cli.framework.commands import Command
from hostmap_sql.cli.framework.options import WRITES
from hostmap_sql.cli.framework.wording import plural
from hostmap_sql.cli.output.formats import show_summary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hostmap_sql import WriteTransaction
    from hostmap_sql.cli.framework.settings import Settings
    from hostmap_sql.models import HostChange


@click.command(
    "delete",
    cls=Command,
    columns=("deleted", "revision"),
    uses=WRITES,
    example="hostmap host delete compute-1 compute-2 --from cell1 --reason 'scrapped'",
)
@hosts_argument
@from_option
@click.pass_obj
def delete_hosts(settings: Settings, /, *, hosts: tuple[str, ...], from_cell: str | None) -> None:
    """Delete the mappings of hosts, in one change: all of them or none."""
    wanted = list(dict.fromkeys(hosts))

    def work(changes: WriteTransaction) -> Sequence[HostChange]:
        expected = find_cell_uuid(changes, from_cell, "--from")
        refuse_missing(wanted, changes.hosts.get_many(wanted))
        return [changes.hosts.delete(host, expected_cell_uuid=expected) for host in wanted]

    with settings.open() as hostmap:
        deleted = hostmap.run(work)
    row = {"deleted": len(deleted), "revision": deleted[0].revision}
    sentence = f"deleted {plural(len(deleted), 'host')} (revision {deleted[0].revision})"
    show_summary(settings, row, sentence)
