"""`hostmap secrets generate-key`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hostmap_sql.cli.framework import errors
from hostmap_sql.cli.framework.commands import Command
from hostmap_sql.cli.framework.options import SEALS, dry_run_option
from hostmap_sql.cli.output.formats import show_summary
from hostmap_sql.errors import InvalidValue
from hostmap_sql.sealing.key_file import KEY_FILE, generate_key

if TYPE_CHECKING:
    from hostmap_sql.cli.framework.settings import Settings

COLUMNS = ("action", "key", "active", "keys")

_SENTENCES = {
    "created": "created the file with the key {key}",
    "added": "added the key {key}",
    "activated": "activated the key {key}",
    "unchanged": "unchanged: the key {key} exists already",
}


@click.command(
    "generate-key",
    cls=Command,
    columns=COLUMNS,
    uses=SEALS,
    example="hostmap secrets generate-key --key-file hostmap.keys\n"
    "hostmap secrets generate-key --key-file hostmap.keys --key 2026-11 --inactive",
)
@click.option("--key", metavar="ID", help="The id of the key. Default: the date and random digits.")
@click.option(
    "--inactive",
    is_flag=True,
    help="Only add the key, to distribute the file before any program seals with it.",
)
@dry_run_option
@click.pass_obj
def generate(settings: Settings, /, *, key: str | None, inactive: bool, dry_run: bool) -> None:
    """Generate a key and write it to the file of --key-file.

    A missing file is created; only its owner can read it. Keep a backup: without the keys, the URLs
    that they sealed are lost.

    Without --key, an existing file is left as it is. With --key, a key with this id is added unless
    the file has it, and becomes the active key, which seals from then on. The other keys stay: they
    still open the URLs that they sealed.
    """
    if settings.key_file is None:
        raise InvalidValue(KEY_FILE, "is missing: name the file to create or to extend")
    done = generate_key(settings.key_file, key=key, active=not inactive, dry_run=dry_run)
    row = {"action": done.action, "key": done.key, "active": done.is_active, "keys": done.keys}
    show_summary(settings, row, _SENTENCES[done.action].format(key=done.key))
    if dry_run:
        errors.print_status("dry run: nothing was written")
