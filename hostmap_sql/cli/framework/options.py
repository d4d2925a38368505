"""The options of `hostmap` itself, and those that several commands share."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from hostmap_sql.cli.framework.database_source import DEFAULT_DATABASE, FILE_VARIABLE, VARIABLE
from hostmap_sql.cli.framework.settings import Settings
from hostmap_sql.hostmap import DEFAULT_TIMEOUT
from hostmap_sql.validation import MAX_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    Decorator = Callable[[Any], Any]

FORMATS = ("table", "json", "csv", "value")

# Sets of names of the options of `hostmap` itself.
READS = ("database", "timeout")
WRITES = (*READS, "author", "reason")
SEALS = ("key_file",)
REVEALS = (*SEALS, "reference_folder", "reference_prefix")
SHOWS = ("format", "columns")
EVERYWHERE = ("verbose",)
ALL = (*WRITES, *REVEALS, *SHOWS, *EVERYWHERE)


class UrlOption(click.types.StringParamType):
    """A URL, which may be empty: the library's own error is clearer."""

    takes_empty = True


class ColumnNames(click.ParamType[tuple[str, ...]]):
    """Names of columns, separated by commas."""

    name = "names"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Split the names; each command checks them against its columns."""
        del param, ctx
        return tuple(name.strip() for name in value.split(","))


def global_options(*, hidden: bool) -> list[click.Option]:
    """Make the options of `hostmap` itself.

    :param hidden: leave them out of the help, where they are accepted after a command.
    """

    def option(*names: str, **attributes: Any) -> click.Option:
        # multiple: collect() keeps all values, and the command refuses different ones.
        attributes = {"multiple": True, **attributes}
        return click.Option(
            names, hidden=hidden, expose_value=False, callback=collect, **attributes
        )

    return [
        option(
            "--database",
            metavar="URL",
            type=UrlOption(),
            help="The database: sqlite:///FILE, mysql://USER:PASSWORD@HOST/DB or postgresql://...; "
            "@FILE reads the URL from a file, which keeps the password out of the process list. "
            f"Default: the environment variable {VARIABLE}, the file that the variable "
            f"{FILE_VARIABLE} names, or {DEFAULT_DATABASE}.",
        ),
        option(
            "-f",
            "--format",
            type=click.Choice(FORMATS),
            help="The output format: table (default), json, csv with a header, or value: no "
            "header, values separated by spaces, - for none.",
        ),
        option(
            "-c",
            "--columns",
            metavar="NAMES",
            type=ColumnNames(),
            help="Show only these columns, in this order: name,name. May be given several times.",
        ),
        option(
            "--csv-safe",
            is_flag=True,
            multiple=False,
            help="With --format csv: write a ' before values that begin with = + - or @, which a "
            "spreadsheet would take for formulas.",
        ),
        option(
            "--timeout",
            metavar="SECONDS",
            type=click.FloatRange(0, MAX_SECONDS, min_open=True),
            help=f"Give up after this time. Default: {DEFAULT_TIMEOUT:g}.",
        ),
        option(
            "--author",
            metavar="NAME",
            help="The author of the change, for the history. Default: the login name. For log: "
            "show only changes by this author.",
        ),
        option(
            "--reason",
            metavar="TEXT",
            help="The reason for the change, for the history. For log: show only changes whose "
            "reason contains this text.",
        ),
        option(
            "--key-file",
            metavar="FILE",
            envvar=None if hidden else "HOSTMAP_KEY_FILE",
            show_envvar=True,
            help="The file of the keys that seal and open the URLs of cells; see `hostmap "
            "secrets`.",
        ),
        option(
            "--reference-folder",
            metavar="FOLDER",
            envvar=None if hidden else "HOSTMAP_REFERENCE_FOLDER",
            show_envvar=True,
            help="Follow references of the form file:///FOLDER/NAME, in the place of URLs of "
            "cells, to files in this folder.",
        ),
        option(
            "--reference-prefix",
            metavar="PREFIX",
            envvar=None if hidden else "HOSTMAP_REFERENCE_PREFIX",
            show_envvar=True,
            help="Follow references of the form env://NAME, in the place of URLs of cells, to "
            "environment variables whose names begin with this.",
        ),
        option(
            "-v",
            "--verbose",
            is_flag=True,
            multiple=False,
            help="Log to standard error, and show the traceback of an unexpected error.",
        ),
    ]


def collect(ctx: click.Context, option: click.Parameter, value: Any) -> None:
    """Add the values of an option to the settings, as a callback of click."""
    settings = ctx.ensure_object(Settings)
    name = option.name or ""
    if isinstance(option, click.Option) and option.is_flag:
        setattr(settings, name, getattr(settings, name) or value)
        return
    if not value:
        return
    if isinstance(option.type, ColumnNames):
        value = (*settings.columns, *chain.from_iterable(value))
        settings.columns = value
    else:
        setattr(settings, name, value[-1])
    if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
        settings.typed.setdefault(name, []).extend(value)


# --- options of several commands ------------------------------------------------------------------

dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Show the planned changes, and write nothing."
)


def multi_option(*names: str, help: str, **attributes: Any) -> Decorator:
    """Make an option that may be given several times, and say so in its help."""
    text = f"{help} May be given several times."
    return click.option(*names, multiple=True, help=text, **attributes)


def combine(*options: Decorator) -> Decorator:
    """Make one decorator of several options; the help lists them in this order."""

    def decorate(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate
