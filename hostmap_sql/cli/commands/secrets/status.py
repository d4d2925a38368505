"""`hostmap secrets status`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hostmap_sql.cli.framework.commands import Command
from hostmap_sql.cli.framework.options import READS, SEALS
from hostmap_sql.cli.output.formats import show_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hostmap_sql.cli.framework.settings import Settings
    from hostmap_sql.directory.secrets import KeyUse

COLUMNS = ("kind", "key", "urls", "unreadable", "active")


@click.command(
    "status",
    cls=Command,
    columns=COLUMNS,
    uses=(*READS, *SEALS),
    example="hostmap secrets status --key-file hostmap.keys",
)
@click.pass_obj
def show_status(settings: Settings, /) -> None:
    """Count the sealed URLs of each key, and the other URLs.

    The others are references and URLs in clear text. `unreadable` is the number of URLs that the
    keys of --key-file do not open; without that option, no sealed URL can be opened. A key without
    URLs can be removed from the file, unless it is the active one.
    """
    with settings.open() as hostmap:
        uses = hostmap.secrets.status()
    show_rows(settings, COLUMNS, map(_row, uses))


def _row(use: KeyUse) -> Mapping[str, Any]:
    return {
        "kind": use.kind,
        "key": use.key,
        "urls": use.urls,
        "unreadable": use.unreadable,
        "active": use.is_active,
    }
