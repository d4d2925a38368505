"""What all commands share: the options of `hostmap` itself, and the directory they open."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

import click

from hostmap_sql.cli import errors
from hostmap_sql.cli.suggestions import add_suggestion
from hostmap_sql.errors import CellMappingNotFound, HostMappingNotFound, InvalidValue
from hostmap_sql.hostmap import DEFAULT_TIMEOUT, connect
from hostmap_sql.models import valid_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hostmap_sql.hostmap import Changes, HostMap
    from hostmap_sql.models import CellMapping

DEFAULT_DATABASE = "sqlite:///hostmap.db"
FORMATS = ("table", "json", "csv", "value")

# Longer than anybody waits, and short enough for every system call that takes a time-out.
_LONGEST_TIMEOUT = 86_400

_EPILOG = (
    "The options of `hostmap` itself may stand here as well: --database, --format, --columns, "
    "--timeout, --author, --reason, --verbose. See `hostmap --help`."
)


@dataclass
class Settings:
    """The values of the options of `hostmap` itself, wherever on the command line they stood."""

    database: str = DEFAULT_DATABASE
    format: str = "table"
    columns: tuple[str, ...] = ()
    timeout: float = DEFAULT_TIMEOUT
    author: str | None = None
    reason: str | None = None
    verbose: bool = False

    @contextmanager
    def open(self, *, longest: float = _LONGEST_TIMEOUT) -> Iterator[HostMap]:
        """The directory for a block, its writes signed as the options say.

        :param longest: when to give up at the latest, whatever the options say: for commands that
            try again themselves.
        """
        author = _login_name() if self.author is None else self.author
        timeout = min(self.timeout, longest)
        with connect(self.database, timeout=timeout, author=author) as hostmap:
            try:
                yield hostmap.signed(reason=self.reason)
            except (CellMappingNotFound, HostMappingNotFound, errors.Failure) as error:
                add_suggestion(hostmap, error)
                raise


def find_cell(directory: HostMap | Changes, cell: str, place: str = "CELL") -> CellMapping:
    """The cell of a name or UUID that was given at some place of the command line."""
    try:
        return directory.cells.find(cell)
    except InvalidValue as error:
        raise InvalidValue(place, error.problem) from None


def uuid_of(directory: HostMap | Changes, cell: str | None, option: str) -> str | None:
    """The UUID of the cell that an option names, None where it was not given."""
    return None if cell is None else find_cell(directory, cell, option).uuid


def _example_text(example: str) -> str:
    lines = "".join(f"  {line}\n" for line in example.splitlines())
    return f"\b\nExample:\n{lines}\n"


class Command(click.Command):
    """A command that has an example, and takes the options of `hostmap` itself too.

    :param example: command lines, as one would type them.
    :param columns: what it can show, for `--columns`.
    :param plan_columns: what it shows instead with `--dry-run`.
    """

    def __init__(
        self,
        *args: Any,
        example: str = "",
        columns: Sequence[str] = (),
        plan_columns: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.example = example
        self.columns = tuple(columns)
        self.plan_columns = tuple(plan_columns)
        self.params.extend(global_options(hidden=True))
        known = f"Columns: {', '.join(columns)}.\n\n" if columns else ""
        plan = f"Columns with --dry-run: {', '.join(plan_columns)}.\n\n" if plan_columns else ""
        self.epilog = f"{_example_text(example)}{known}{plan}{_EPILOG}"

    def invoke(self, ctx: click.Context) -> Any:
        """Look at the options first, before anything is done."""
        settings = ctx.ensure_object(Settings)
        plan = self.plan_columns if ctx.params.get("dry_run") else ()
        columns = plan or self.columns
        unknown = [name for name in settings.columns if name not in columns]
        if unknown:
            known = f"known are {', '.join(columns)}" if columns else "it shows none"
            here = (
                "with --dry-run" if plan else "without --dry-run" if self.plan_columns else "here"
            )
            raise click.UsageError(f"--columns {unknown[0]!r} is not a column {here}: {known}", ctx)
        if settings.verbose:
            _log_to_standard_error(ctx)
        return super().invoke(ctx)


class Group(click.Group):
    """A group of such commands."""

    command_class = Command
    group_class = type

    def __init__(self, *args: Any, example: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.example = example
        is_root = isinstance(self, Root)
        self.params.extend(global_options(hidden=not is_root))
        self.epilog = f"{_example_text(example)}{self.epilog if is_root else _EPILOG}"


class Root(Group):
    """The command itself. It ends with one line and an exit status whatever happens."""

    def main(self, *args: Any, standalone_mode: bool = True, **kwargs: Any) -> Any:
        """Run it, as click's `main` does."""
        settings = kwargs.setdefault("obj", Settings())
        run = partial(super().main, *args, standalone_mode=False, **kwargs)
        if not standalone_mode:
            return run()

        sys.exit(errors.exit_status(run, settings))

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Make it, and see to it that what `--help` printed has really been written."""
        with _written():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Do it, and see to it that all output has really been written."""
        with _written():
            super().invoke(ctx)


@contextmanager
def _written() -> Iterator[None]:
    # Before click sees it, which would end it with a status of its own.
    try:
        try:
            yield
        except click.exceptions.Exit:
            sys.stdout.flush()
            raise
        sys.stdout.flush()
    except BrokenPipeError:
        raise errors.ReaderWentAway from None
    except KeyboardInterrupt:
        raise errors.Stopped from None


def global_options(*, hidden: bool) -> list[click.Option]:
    """The options of `hostmap` itself; hidden, where they are accepted only because people try."""

    def option(*names: str, **attributes: Any) -> click.Option:
        return click.Option(names, hidden=hidden, expose_value=False, callback=_set, **attributes)

    return [
        option(
            "--database",
            metavar="URL",
            envvar=None if hidden else "HOSTMAP_DATABASE",
            show_envvar=True,
            help="The database: sqlite:///FILE, mysql://USER:PASSWORD@HOST/DB or postgresql://... "
            f"Default: {DEFAULT_DATABASE}. The variable keeps the password out of the list of "
            "processes.",
        ),
        option(
            "-f",
            "--format",
            type=click.Choice(FORMATS),
            help="How to show results: a table (default), json, csv with a header, or value: no "
            "header, values separated by a space, - for none.",
        ),
        option(
            "-c",
            "--columns",
            metavar="NAMES",
            type=_Names(),
            multiple=True,
            help="Show only these columns, in this order: name,name; may be given several times.",
        ),
        option(
            "--timeout",
            metavar="SECONDS",
            type=click.FloatRange(0, _LONGEST_TIMEOUT, min_open=True),
            help=f"How long to try before giving up. Default: {DEFAULT_TIMEOUT:g}.",
        ),
        option(
            "--author",
            metavar="NAME",
            help="Who the history says made the change. Default: the login name.",
        ),
        option("--reason", metavar="TEXT", help="Why, for the history."),
        option(
            "-v",
            "--verbose",
            is_flag=True,
            help="Log to standard error; show where an unexpected error happened.",
        ),
    ]


class _Names(click.ParamType[tuple[str, ...]]):
    """Names with commas between them."""

    name = "names"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Each by itself; whether they are columns, the command knows."""
        del param, ctx
        return tuple(name.strip() for name in value.split(","))


def _set(ctx: click.Context, option: click.Parameter, value: Any) -> None:
    """Keep the value of an option, unless it was not given here."""
    if value in (None, False, ()) or not option.name:
        return
    if isinstance(option.type, _Names):
        value = tuple(chain.from_iterable(value))
    setattr(ctx.ensure_object(Settings), option.name, value)


def _login_name() -> str | None:
    """The name of whoever is logged in, if that can be told."""
    import getpass  # noqa: PLC0415 - only for those who give no author

    try:
        return valid_name(getpass.getuser(), "author")
    except Exception:  # noqa: BLE001 - KeyError, OSError and others: there is no such user
        return None


def _log_to_standard_error(ctx: click.Context) -> None:
    import logging  # noqa: PLC0415 - only for those who ask

    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    for name in ("hostmap_sql", "yoyo", "psycopg"):
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
        ctx.call_on_close(lambda logger=logger: logger.removeHandler(handler))
