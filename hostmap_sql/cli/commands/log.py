"""`hostmap log`, also known as `hostmap history` and, with --follow, `hostmap watch`."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import click

from hostmap_sql.cli.commands.log_filter import (
    filter_options,
    make_filter,
    report_unknown_hosts,
    require_known_hosts,
)
from hostmap_sql.cli.commands.log_rows import BRIEF_COLUMNS, COLUMNS, change_rows, read_batches
from hostmap_sql.cli.framework import errors
from hostmap_sql.cli.framework.commands import Command
from hostmap_sql.cli.framework.options import READS
from hostmap_sql.cli.framework.param_types import HOST, REVISION, SECONDS
from hostmap_sql.cli.framework.shutdown import stopping
from hostmap_sql.cli.output.formats import row_writer
from hostmap_sql.cli.output.rows import cell_names
from hostmap_sql.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hostmap_sql.cli.commands.log_filter import ChangeFilter
    from hostmap_sql.cli.framework.settings import Settings
    from hostmap_sql.cli.framework.shutdown import Stop
    from hostmap_sql.cli.output.formats import RowWriter
    from hostmap_sql.hostmap import HostMap
    from hostmap_sql.models import ChangeSet

# The timeout of one poll, in seconds: while the database is down, SIGTERM waits for it.
_POLL_TIMEOUT = 2.0

Start = int | datetime | Literal["now"]


class Since(click.ParamType[Start]):
    """A revision, an ISO 8601 time, or the word now."""

    name = "since"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number, the time in UTC, or "now"."""
        if value == "now":
            return value
        if value.isascii() and value.isdigit():
            return REVISION.convert(value, param, ctx)
        try:
            time = datetime.fromisoformat(value)
            return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            problem = "is neither a revision nor a time such as 2026-01-31T12:00:00+01:00"
            self.fail(f"{value!r} {problem}", param, ctx)


@click.command(
    "log",
    cls=Command,
    columns=COLUMNS,
    uses=(*READS, "author", "reason"),
    only_with={"interval": "follow"},
    example="hostmap log compute-1\n"
    "hostmap log --since 2026-01-31 --cell cell1 --author ops --reason 'rack 9'\n"
    "timeout --signal TERM --preserve-status 5 hostmap log --follow --format json",
)
@click.argument("names", metavar="[HOST]...", type=HOST, nargs=-1)
@click.option(
    "--since",
    metavar="REV|TIME|now",
    type=Since(),
    help="Only changes after this revision, or from this time on: ISO 8601 with dashes, in UTC "
    "unless it has a zone. now: only new changes. Fails if some of these changes were pruned.",
)
@filter_options
@click.option("--follow", is_flag=True, help="Continue with new changes, until SIGTERM or Ctrl-C.")
@click.option(
    "--interval",
    metavar="SECONDS",
    type=SECONDS,
    default=1.0,
    help="The time between two polls. Default: 1.",
)
@click.pass_obj
def log(
    settings: Settings,
    /,
    *,
    names: tuple[str, ...],
    since: Start | None,
    hosts: tuple[str, ...],
    cells: tuple[str, ...],
    follow: bool,
    interval: float,
) -> None:
    """Show the changes, oldest first.

    Shows the changes of each HOST, or all of them. An unknown HOST is an error. A change is shown
    if it matches every option that is given.

    With --follow, SIGTERM ends the command with exit status 0. If the database becomes unavailable,
    the command waits for it and misses no change. JSON is then one object a line; pass the
    `revision` of the last one to --since to resume.

    `hostmap history` is another name for this command, and `hostmap watch` is
    `hostmap log --follow --since now`.
    """
    with settings.open() as hostmap:
        require_known_hosts(hostmap, names)
        report_unknown_hosts(hostmap, hosts)
        printer = _Printer(
            hostmap,
            row_writer(settings, COLUMNS, BRIEF_COLUMNS, json_lines=follow),
            make_filter(settings, hostmap, (*names, *hosts), cells),
            cell_names(hostmap),
            _start_revision(hostmap, since),
        )
        if not follow:
            _warn_of_future(hostmap, printer.last)
            printer.print_new()
    if follow:
        with stopping() as stop, settings.open(max_timeout=_POLL_TIMEOUT) as printer.hostmap:
            _follow(printer, stop, interval)
    printer.writer.end()


def _start_revision(hostmap: HostMap, since: Start | None) -> int | None:
    if since == "now":
        return hostmap.revision()
    return hostmap.history.last_before(since) if isinstance(since, datetime) else since


def _warn_of_future(hostmap: HostMap, since: int | None) -> None:
    newest = hostmap.revision()
    if since is not None and since > newest:
        errors.print_status(
            f"revision {since} is above the newest, {newest}: it belongs to another database, or "
            "this one was restored from a backup"
        )


@dataclass
class _Printer:
    """Prints changes, and remembers the last one.

    :param last: the revision of the last change; None: print from the oldest on.
    :param change_id: the change ID of that revision, once it is known.
    """

    hostmap: HostMap
    writer: RowWriter
    wanted: ChangeFilter
    names: dict[str, str]
    last: int | None
    change_id: str | None = None

    def print_new(self, stop: Stop | None = None) -> None:
        """Print the changes after the last one, until a stop is requested."""
        newest = self.hostmap.revision()
        for batch in read_batches(self.hostmap, self.last, self.wanted.hosts):
            self._print(batch)
            if stop is not None and stop.is_set():
                return
        if newest > (self.last or 0):
            # The changes up to the newest one were read too, but do not match.
            self.last, self.change_id = newest, None
        self.print_header()

    def print_header(self) -> None:
        """Print the header, unless it is printed already."""
        self.writer.write(())
        sys.stdout.flush()

    def has_new(self) -> bool:
        """Return whether there are changes after the last one.

        :raises Failure: the last change is no longer in the database.
        """
        last = self.last or 0
        now = self.hostmap.history.position(last)
        is_another = None not in (now.change_id, self.change_id) and now.change_id != self.change_id
        if now.revision < last or is_another:
            raise errors.Failure(
                f"revision {last}, the last that was shown, is no longer there: the "
                "database was restored from a backup; start again"
            )
        self.change_id = self.change_id or now.change_id
        return now.revision != self.last

    def _print(self, changesets: Sequence[ChangeSet]) -> None:
        if self.wanted.hosts or any(changeset.cells for changeset in changesets):
            # Cells may be new or renamed. A deleted cell keeps its last name.
            self.names |= cell_names(self.hostmap)
        rows = [*change_rows(changesets, self.names, self.wanted)]
        if rows:
            self.writer.write(rows)
            sys.stdout.flush()
        self.last, self.change_id = changesets[-1].revision, changesets[-1].change_id


def _follow(printer: _Printer, stop: Stop, interval: float) -> None:
    """Print all changes and new ones until a stop is requested."""
    printer.print_header()
    is_available = True
    while True:
        try:
            if printer.has_new():
                printer.print_new(stop)
        except DatabaseUnavailable as error:
            if is_available:
                errors.print_status(f"{error}: waiting for it")
            is_available = False
        else:
            if not is_available:
                errors.print_status("the database is back")
            is_available = True
        if stop.wait(interval):
            return
