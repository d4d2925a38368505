"""`hostmap migrate`."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

import click

from hostmap_sql.cli.framework import errors
from hostmap_sql.cli.framework.commands import Command
from hostmap_sql.cli.framework.wording import plural
from hostmap_sql.cli.output.formats import show_rows
from hostmap_sql.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hostmap_sql.cli.framework.settings import Settings
    from hostmap_sql.hostmap import HostMap
    from hostmap_sql.models import MigrationLock

COLUMNS = ("id", "applied")


@click.command(
    "migrate",
    cls=Command,
    columns=COLUMNS,
    only_with={"yes": "rollback"},
    example="hostmap migrate\nhostmap migrate --status\nhostmap migrate --break-lock",
)
@click.option(
    "--status", is_flag=True, help="Show whether each migration is applied; apply nothing."
)
@click.option(
    "--rollback",
    metavar="ID",
    help="Roll back this migration and all later ones. THE DATA IN THEIR TABLES IS LOST.",
)
@click.option(
    "--break-lock",
    is_flag=True,
    help="Remove the lock of a migration that was killed; apply nothing.",
)
@click.option("-y", "--yes", is_flag=True, help="Roll back without asking.")
@click.pass_obj
def migrate(
    settings: Settings,
    /,
    *,
    status: bool,
    rollback: str | None,
    break_lock: bool,
    yes: bool,
) -> None:
    """Create the tables of the directory, or bring them up to date.

    Creates an SQLite file that does not exist. If the tables are up to date, it writes nothing and
    needs no permission to write. Concurrent runs wait for each other.
    """
    given = {"--status": status, "--rollback": rollback is not None, "--break-lock": break_lock}
    together = [name for name, is_given in given.items() if is_given]
    if len(together) > 1:
        raise click.UsageError(f"{' and '.join(together)} do not go together")
    # yoyo logs failures with tracebacks, which only --verbose shows.
    logging.getLogger("yoyo").addHandler(logging.NullHandler())
    with settings.open() as hostmap:
        if status:
            rows = [{"id": m.id, "applied": m.applied} for m in hostmap.migration_status()]
            show_rows(settings, COLUMNS, rows)
        elif break_lock:
            show_rows(settings, COLUMNS, [])
            errors.print_status(_describe_removed(hostmap.break_migration_lock()))
        elif rollback is None:
            _show(settings, hostmap.migrate(), applied=True)
        else:
            if not yes:
                _confirm(hostmap, rollback)
            _show(settings, hostmap.rollback_migrations(rollback), applied=False)


def _show(settings: Settings, ids: Sequence[str], *, applied: bool) -> None:
    show_rows(settings, COLUMNS, [{"id": id_, "applied": applied} for id_ in ids])
    done = "applied" if applied else "rolled back"
    errors.print_status(
        f"{done} {plural(len(ids), 'migration')}" if ids else "the tables are up to date"
    )


def _describe_removed(lock: MigrationLock | None) -> str:
    if lock is None:
        return "there is no lock, so none was removed"
    owner = "a `hostmap migrate`" if lock.pid is None else f"process {lock.pid}"
    since = "" if lock.taken_at is None else f" took at {lock.taken_at:%Y-%m-%d %H:%M:%S} UTC"
    return f"removed the lock that {owner}{since or ' took'}: if it still runs, stop it now"


def _confirm(hostmap: HostMap, first: str) -> None:
    """Show the migrations to roll back, and ask for confirmation.

    click's `confirm` cannot tell Ctrl-C from the end of the input.
    """
    applied = [migration.id for migration in hostmap.migration_status() if migration.applied]
    if first not in applied:
        problem = f"{first!r} is not applied: see `hostmap migrate --status`"
        raise InvalidValue("migration", problem)
    undone = applied[applied.index(first) :]
    click.echo(
        f"This undoes {', '.join(undone)}.\nTHE DATA IN THEIR TABLES IS LOST. Go on? [y/N] ",
        err=True,
        nl=False,
    )
    answer = sys.stdin.readline()
    if not answer.endswith("\n"):
        click.echo(err=True)
    if answer.strip().lower() not in ("y", "yes"):
        raise errors.Failure("not confirmed, so nothing was done: answer y, or give --yes")
