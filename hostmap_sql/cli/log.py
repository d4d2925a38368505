"""`hostmap log`."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from hostmap_sql.cli import errors
from hostmap_sql.cli.arguments import REVISION, SECONDS
from hostmap_sql.cli.conflicts import cell_names
from hostmap_sql.cli.context import Command, Settings
from hostmap_sql.cli.filters import FILTERS, change_filter, filter_options
from hostmap_sql.cli.history import BRIEF_COLUMNS, COLUMNS, batches, rows_of, warn_of_future
from hostmap_sql.cli.output import row_writer
from hostmap_sql.cli.service import stopping
from hostmap_sql.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hostmap_sql.cli.filters import ChangeFilter
    from hostmap_sql.cli.output import RowWriter
    from hostmap_sql.cli.service import Stop
    from hostmap_sql.hostmap import HostMap
    from hostmap_sql.models import ChangeSet

# While the database is away: how long a look may take. To stop must not take longer.
LONGEST_LOOK = 2.0


class Since(click.ParamType[int | datetime]):
    """A revision, or a time as ISO 8601 writes it."""

    name = "since"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number, or the time with its zone."""
        if value.isascii() and value.isdigit():
            return REVISION.convert(value, param, ctx)
        try:
            time = datetime.fromisoformat(value)
            return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            problem = "is neither a revision nor a time such as 2026-01-31T12:00:00+01:00"
            self.fail(f"{value!r} {problem}", param, ctx)


@dataclass
class Log:
    """Prints changes, and knows which was the last; None: all are to be printed that there are."""

    hostmap: HostMap
    writer: RowWriter
    wanted: ChangeFilter
    names: dict[str, str]
    last: int | None = None
    change_id: str | None = None
    """Which change the last one was, once that is known."""

    def print_new(self, stop: Stop | None = None) -> None:
        """Print what came after the last; leave off when told to stop."""
        newest = self.hostmap.revision()
        for batch in batches(self.hostmap, self.last, self.wanted):
            self._print(batch)
            if stop is not None and stop.is_set():
                return
        if newest > (self.last or 0):
            # What came after the last that was wanted has been looked at, too.
            self.last, self.change_id = newest, None
        self.print_header()

    def print_header(self) -> None:
        """Print the header, if nothing was to be printed yet."""
        self.writer.write(())
        sys.stdout.flush()

    def has_new(self) -> bool:
        """Whether there is something to print.

        :raises Failure: the database is not the one any more that the last change was made in.
        """
        last = self.last or 0
        now = self.hostmap.history.poll(last)
        is_another = None not in (now.change_id, self.change_id) and now.change_id != self.change_id
        if now.revision < last or is_another:
            raise errors.Failure(
                f"revision {last}, the last that was shown, is not there any more: the "
                "database was restored from a backup; begin anew"
            )
        self.change_id = self.change_id or now.change_id
        return now.revision != self.last

    def _print(self, changesets: Sequence[ChangeSet]) -> None:
        if self.wanted.hosts or any(changeset.cells for changeset in changesets):
            # There may be new names. A deleted cell keeps the name by which it was known.
            self.names |= cell_names(self.hostmap)
        rows = [*rows_of(changesets, self.names, self.wanted)]
        if rows:
            self.writer.write(rows)
            sys.stdout.flush()
        self.last, self.change_id = changesets[-1].revision, changesets[-1].change_id


@click.command(
    "log",
    cls=Command,
    columns=COLUMNS,
    uses=FILTERS,
    only_with={"interval": "follow"},
    example="hostmap log --since 2026-01-31 --cell cell1 --author ops --reason 'rack 9'\n"
    "timeout --signal TERM --preserve-status 5 hostmap log --follow --format json",
)
@click.option(
    "--since",
    metavar="REV|TIME",
    type=Since(),
    help="Only what came after this revision, or from this time on: ISO 8601 with "
    "its dashes, in UTC unless it names a zone. An error if some of that was pruned.",
)
@filter_options
@click.option("--follow", is_flag=True, help="Go on, with changes as they come.")
@click.option(
    "--interval",
    metavar="SECONDS",
    type=SECONDS,
    default=1.0,
    help="How often to look for changes. Default: 1.",
)
@click.pass_obj
def log(
    settings: Settings,
    /,
    *,
    since: int | datetime | None,
    hosts: tuple[str, ...],
    cells: tuple[str, ...],
    follow: bool,
    interval: float,
) -> None:
    """Show the changes, oldest first; with --follow, also those that are still to come.

    To follow ends with SIGTERM (exit status 0) or Ctrl-C. Should the database go away meanwhile,
    it is waited for, and no change is missed. With --follow, json is an object a line.
    """
    with settings.open() as hostmap:
        log = begun(settings, hostmap, hosts, cells, json_lines=follow)
        log.last = hostmap.history.last_before(since) if isinstance(since, datetime) else since
        if not follow:
            warn_of_future(hostmap, log.last)
            log.print_new()
    if follow:
        with stopping() as stop, settings.open(longest=LONGEST_LOOK) as log.hostmap:
            follow_changes(log, stop, interval)
    log.writer.end()


def begun(
    settings: Settings,
    hostmap: HostMap,
    hosts: Sequence[str],
    cells: Sequence[str],
    *,
    json_lines: bool,
) -> Log:
    """A log of which nothing is printed yet."""
    wanted = change_filter(settings, hostmap, hosts, cells)
    writer = row_writer(settings, COLUMNS, BRIEF_COLUMNS, json_lines=json_lines)
    return Log(hostmap, writer, wanted, cell_names(hostmap))


def follow_changes(log: Log, stop: Stop, interval: float) -> None:
    """Print what there is and what comes, until told to stop."""
    log.print_header()
    is_away = False
    while True:
        try:
            if log.has_new():
                log.print_new(stop)
        except DatabaseUnavailable as error:
            if not is_away:
                errors.say(f"{error}: waiting for it")
            is_away = True
        else:
            if is_away:
                errors.say("the database is back")
            is_away = False
        if stop.wait(interval):
            return
