"""`hostmap migrate`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from hostmap_sql.cli import errors
from hostmap_sql.cli.context import Command, Settings
from hostmap_sql.cli.output import plural, show_rows
from hostmap_sql.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hostmap_sql.hostmap import HostMap
    from hostmap_sql.migrations import MigrationLock

COLUMNS = ("id", "applied")


@click.command(
    "migrate",
    cls=Command,
    columns=COLUMNS,
    only_with={"yes": "rollback"},
    example="hostmap migrate\nhostmap migrate --status\nhostmap migrate --break-lock",
)
@click.option("--status", is_flag=True, help="Only show which migrations are applied.")
@click.option(
    "--rollback",
    metavar="ID",
    help="Undo this migration and all after it. THE DATA IN THEIR TABLES IS LOST.",
)
@click.option(
    "--break-lock",
    is_flag=True,
    help="Remove the lock that a killed migration left behind; apply nothing.",
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask before a rollback.")
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
    """Make the tables of the directory, or bring them up to date.

    An SQLite file that does not exist is made. Doing it again does nothing, and needs no right to
    write. Of several at once one does it, and the others wait.
    """
    given = {"--status": status, "--rollback": rollback is not None, "--break-lock": break_lock}
    together = [name for name, is_given in given.items() if is_given]
    if len(together) > 1:
        raise click.UsageError(f"{' and '.join(together)} do not go together")
    import logging  # noqa: PLC0415 - only for those who migrate

    # yoyo logs what fails, tracebacks included; whoever wants that says --verbose.
    logging.getLogger("yoyo").addHandler(logging.NullHandler())
    with settings.open() as hostmap:
        if status:
            rows = [{"id": m.id, "applied": m.applied} for m in hostmap.migration_status()]
            show_rows(settings, COLUMNS, rows)
        elif break_lock:
            show_rows(settings, COLUMNS, [])
            errors.say(_removed(hostmap.break_migration_lock()))
        elif rollback is None:
            _show(settings, hostmap.migrate(), applied=True)
        else:
            if not yes:
                _confirm(hostmap, rollback)
            _show(settings, hostmap.rollback_migrations(rollback), applied=False)


def _show(settings: Settings, ids: Sequence[str], *, applied: bool) -> None:
    show_rows(settings, COLUMNS, [{"id": id_, "applied": applied} for id_ in ids])
    done = "applied" if applied else "rolled back"
    errors.say(f"{done} {plural(len(ids), 'migration')}" if ids else "the tables are up to date")


def _removed(lock: MigrationLock | None) -> str:
    if lock is None:
        return "no lock is left behind, so none was removed"
    who = "a `hostmap migrate`" if lock.pid is None else f"process {lock.pid}"
    since = "" if lock.taken_at is None else f" took at {lock.taken_at:%Y-%m-%d %H:%M:%S} UTC"
    return f"removed the lock that {who}{since or ' took'}: if it still runs, stop it now"


def _confirm(hostmap: HostMap, first: str) -> None:
    """Ask whether to go on, after saying what would be lost.

    Not with click's `confirm`, to which Ctrl-C and the end of the input are one.
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
        raise errors.Failure("not confirmed, so nothing was done: answer y, or say --yes")
