"""Options that several commands below `hostmap nova` share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hostmap_sql.cli.framework.options import combine, multi_option
from hostmap_sql.cli.framework.param_types import CELL, URL
from hostmap_sql.errors import InvalidValue
from hostmap_sql.nova import CellAccess

if TYPE_CHECKING:
    from hostmap_sql.cli.framework.options import Decorator
    from hostmap_sql.cli.framework.settings import Settings

ACCESS_ONLY_WITH = {"trusted_hosts": "template_url"}
"""The options of `access_options` that need another one."""

access_options = combine(
    multi_option(
        "--cell",
        "cells",
        metavar="CELL",
        type=CELL,
        help="Only this cell, even if it is disabled. Default: all enabled cells except cell0.",
    ),
    click.option(
        "--parallel",
        metavar="N",
        type=click.IntRange(1, 256),
        default=CellAccess.parallel,
        help=f"Read this number of cells in parallel. Default: {CellAccess.parallel}.",
    ),
    click.option(
        "--cell-options",
        metavar="OPTIONS",
        help="Change the options in the URLs of the cells' databases: OPTION=VALUE sets one, "
        "-OPTION removes one, and & separates them, as in 'sslmode=prefer&-ssl_verify_cert'.",
    ),
    click.option(
        "--template-url",
        metavar="URL",
        envvar="HOSTMAP_TEMPLATE_URL",
        show_envvar=True,
        type=URL,
        help="The URL that fills the templates among the URLs of cells: the connection in the "
        "section [database] of nova.conf; @FILE reads it from a file.",
    ),
    multi_option(
        "--trust-host",
        "trusted_hosts",
        metavar="HOST",
        help="A host to which templates may send the user and password of --template-url, besides "
        "the host of that URL.",
    ),
    multi_option(
        "--trust-file",
        "trusted_files",
        metavar="FILE",
        help="A file on this machine that the URLs of cells may name, such as a read_default_file "
        "or an ssl_ca, written exactly as in the URL. Files in --cell-options and --template-url "
        "are trusted anyway.",
    ),
)


def make_access(
    settings: Settings,
    *,
    parallel: int,
    cell_options: str | None,
    template_url: str | None,
    trusted_hosts: tuple[str, ...],
    trusted_files: tuple[str, ...],
) -> CellAccess:
    """Make the access to the cells that `access_options` describe.

    :raises InvalidValue: under the name of the option.
    """
    try:
        return CellAccess(
            cell_options,
            template_url,
            trusted_hosts,
            parallel,
            settings.timeout,
            trusted_files=trusted_files,
        )
    except InvalidValue as error:
        place = {"options": "--cell-options", "template_url": "--template-url"}[error.field]
        raise InvalidValue(place, error.problem) from None


def api_url_option(name: str) -> Decorator:
    """Make the option, --from or --to, that names Nova's API database."""
    return click.option(
        name,
        "url",
        metavar="URL",
        type=URL,
        required=True,
        help="The URL of the database nova_api, as in nova.conf; @FILE reads it from a file.",
    )


def on_conflict_option(help: str) -> Decorator:
    """Make the option that reports or moves rows that differ."""
    return click.option(
        "--on-conflict", type=click.Choice(["report", "move"]), default="report", help=help
    )
