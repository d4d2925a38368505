"""The root of the command: `hostmap` itself."""

from __future__ import annotations

import click

import hostmap_sql
from hostmap_sql.cli import (
    drain,  # noqa: F401 - these add themselves to their groups
    exports,  # noqa: F401
    imports,  # noqa: F401
    nova_check,  # noqa: F401
    nova_discover,  # noqa: F401
    nova_export,  # noqa: F401
    rotate,  # noqa: F401
    waiting,  # noqa: F401
)
from hostmap_sql.cli.cells import cells
from hostmap_sql.cli.check import check
from hostmap_sql.cli.completion import completion
from hostmap_sql.cli.context import Root
from hostmap_sql.cli.demo import demo
from hostmap_sql.cli.history import history
from hostmap_sql.cli.hosts import hosts
from hostmap_sql.cli.log import log
from hostmap_sql.cli.migrate import migrate
from hostmap_sql.cli.nova import nova
from hostmap_sql.cli.outcome import outcome
from hostmap_sql.cli.watch import watch

_EPILOG = """\b
Exit status:
  0  done
  1  any other failure
  2  wrong usage, or a value that cannot be used
  3  not found
  4  exists, stale or in conflict
  5  refused because in use
  6  not in time: the database could not be reached, or hosts that were waited for are not there
  7  outcome unknown: the answer to a commit was lost; ask `hostmap outcome`
  130 interrupted; 141 the reader of the output went away

The options above may also stand after the command, as in `hostmap host list --format json`.
"""


@click.group(
    "hostmap",
    cls=Root,
    example="hostmap demo\n"
    "export HOSTMAP_DATABASE=sqlite:///hostmap-demo.db\n"
    "hostmap host show cmp-r07-u12.ams.example.org",
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(hostmap_sql.__version__, prog_name="hostmap")
def app() -> None:
    """Which cell is this host in? The directory of hosts and cells.

    CELL is always a cell's name or its UUID. Results go to standard output, everything else to
    standard error.
    """


for command in (migrate, cells, hosts, history, log, watch, outcome, check, nova, demo, completion):
    app.add_command(command)
