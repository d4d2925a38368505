"""The command-line options for reading a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hostmap_sql.cli.input.reader import FORMATS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection


def input_format_option(*, without: Collection[str] = ()) -> Callable[[Any], Any]:
    """Return the option --input-format.

    :param without: the formats that the command cannot read.
    """
    return click.option(
        "--input-format",
        type=click.Choice([name for name in FORMATS if name not in without]),
        help="The format of FILE. Default: detected from its first lines.",
    )


def format_options(*, cells: bool) -> Callable[[Any], Any]:
    """Return the options for a file of hosts: its format and its columns.

    :param cells: whether the command reads the cells too.
    """

    def decorate(command: Any) -> Any:
        if cells:
            command = click.option(
                "--cell-column",
                metavar="NAME",
                help="The column, or key, with the names or UUIDs of the cells.",
            )(command)
        command = click.option(
            "--host-column", metavar="NAME", help="The column, or key, with the hosts."
        )(command)
        return input_format_option()(command)

    return decorate
