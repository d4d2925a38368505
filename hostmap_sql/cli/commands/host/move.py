"""`hostmap host move`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hostmap_sql.cli.commands.host.arguments import (
    cell_argument,
    from_option,
    hosts_argument,
    refuse_missing,
)
from hostmap_sql.cli.framework.cells import find_cell, find_cell_uuid
from hostmap_sql.cli.framework.commands import Command
from hostmap_sql.cli.framework.options import WRITES
from hostmap_sql.cli.output.formats import show_one_or_many
from hostmap_sql.cli.output.rows import HOST_COLUMNS, host_row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hostmap_sql import WriteTransaction
    from hostmap_sql.cli.framework.settings import Settings
    from hostmap_sql.models import HostMapping


@click.command(
    "move",
    cls=Command,
    columns=HOST_COLUMNS,
    uses=WRITES,
    example="hostmap host move compute-1 compute-2 cell2 --from cell1 --reason 'rack 9 rewired'",
)
@hosts_argument
@cell_argument
@from_option
@click.pass_obj
def move_hosts(
    settings: Settings, /, *, hosts: tuple[str, ...], cell: str, from_cell: str | None
) -> None:
    """Move hosts to a cell, in one change: all of them or none.

    Hosts that are in the cell already stay as they are.
    """
    wanted = list(dict.fromkeys(hosts))

    def work(changes: WriteTransaction) -> Sequence[HostMapping]:
        new = find_cell(changes, cell).uuid
        expected = find_cell_uuid(changes, from_cell, "--from")
        refuse_missing(wanted, changes.hosts.get_many(wanted))
        return [changes.hosts.move(host, new, expected_cell_uuid=expected) for host in wanted]

    with settings.open() as hostmap:
        moved = hostmap.run(work)
    rows = [host_row(mapping) for mapping in moved]
    show_one_or_many(settings, HOST_COLUMNS, rows, asked=len(hosts))
