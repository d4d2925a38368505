"""The command `hostmap` itself, with all of its commands."""

from __future__ import annotations

import click

import hostmap_sql
from hostmap_sql.cli.commands.cell.group import cell
from hostmap_sql.cli.commands.check import check
from hostmap_sql.cli.commands.completion import completion
from hostmap_sql.cli.commands.demo import demo
from hostmap_sql.cli.commands.grants import grants
from hostmap_sql.cli.commands.host.group import host
from hostmap_sql.cli.commands.log import log
from hostmap_sql.cli.commands.migrate import migrate
from hostmap_sql.cli.commands.nova.group import nova
from hostmap_sql.cli.commands.outcome import outcome
from hostmap_sql.cli.commands.secrets.group import secrets
from hostmap_sql.cli.framework.commands import Root
from hostmap_sql.cli.framework.errors import EXIT_STATUSES

_STATUSES = "\n".join(f"  {status:<3}  {meaning}" for status, meaning in EXIT_STATUSES.items())

_EPILOG = f"""\b
Exit status:
{_STATUSES}

The options above are also accepted after the command: `hostmap host list --format json`.
"""


@click.group(
    "hostmap",
    cls=Root,
    aliases={"history": "log", "watch": "log"},
    example="hostmap demo\n"
    "export HOSTMAP_DATABASE=sqlite:///hostmap-demo.db\n"
    "hostmap host show cmp-r07-u12.ams.example.org",
    epilog=_EPILOG,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
        "default_map": {"watch": {"follow": True, "since": "now"}},
    },
)
@click.version_option(hostmap_sql.__version__, prog_name="hostmap")
def app() -> None:
    """Which cell is this host in? The directory of hosts and cells.

    CELL is the name or the UUID of a cell. Results go to standard output, everything else to
    standard error.
    """


for command in (
    migrate,
    cell,
    host,
    log,
    outcome,
    check,
    grants,
    secrets,
    nova,
    demo,
    completion,
):
    app.add_command(command)
