"""What all commands share: the options of `hostmap` itself, and the directory they open."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from hostmap_sql.cli import errors
from hostmap_sql.cli.options import (
    UrlOption,
    refuse_second,
    refuse_unclear,
    refuse_without_effect,
    values_typed,
)
from hostmap_sql.cli.suggestions import add_suggestion
from hostmap_sql.errors import CellMappingNotFound, HostMappingNotFound, InvalidValue
from hostmap_sql.hostmap import DEFAULT_TIMEOUT, connect
from hostmap_sql.models import valid_name

if TYPE_CHECKING:
    import logging
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from hostmap_sql.hostmap import Changes, HostMap
    from hostmap_sql.models import CellMapping

DEFAULT_DATABASE = "sqlite:///hostmap.db"
FORMATS = ("table", "json", "csv", "value")

# Longer than anybody waits, and short enough for every system call that takes a time-out.
_LONGEST_TIMEOUT = 86_400

# The options of `hostmap` itself that a command uses: of those that read the directory, and of
# those that write to it.
READS = ("database", "timeout")
WRITES = (*READS, "author", "reason")
_SHOWS = ("format", "columns")
_EVERYWHERE = ("verbose",)
_ALL = (*WRITES, *_SHOWS, *_EVERYWHERE)


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
    typed: dict[str, list[Any]] = field(default_factory=dict)
    """All values that were typed, by the option's name: which of them count, the command says."""

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


def _epilog(uses: Collection[str]) -> str:
    names = ", ".join(f"--{name}" for name in _ALL if name in uses)
    return f"The options of `hostmap` itself may stand here as well: {names}. See `hostmap --help`."


class _Checked(click.Command):
    """A command whose options are checked once they are all parsed, by `--help` not at all."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments, as click does."""
        before = [*args]
        rest = super().parse_args(ctx, args)
        if not ctx.resilient_parsing:
            refuse_unclear(ctx, values_typed(self, ctx, before))
        return rest


class Command(_Checked):
    """A command that has an example, and takes the options of `hostmap` itself too.

    Those that it does not use are refused. An option of its own with the name of one of them
    stands for it, also where it comes before the command.

    :param example: command lines, as one would type them.
    :param columns: what it can show, for `--columns`.
    :param plan_columns: what it shows instead with `--dry-run`.
    :param uses: which options of `hostmap` itself have an effect on it; `--format` and `--columns`
        have one where there are columns, and `--verbose` has everywhere.
    :param only_with: the names of options that need another one, and that other one.
    """

    def __init__(
        self,
        *args: Any,
        example: str = "",
        columns: Sequence[str] = (),
        plan_columns: Sequence[str] = (),
        uses: Collection[str] = READS,
        only_with: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.example = example
        self.columns = tuple(columns)
        self.plan_columns = tuple(plan_columns)
        self.uses = frozenset((*uses, *(_SHOWS if columns else ()), *_EVERYWHERE))
        self.only_with = only_with or {}
        own = {param.name for param in self.params}
        self.params.extend(o for o in global_options(hidden=True) if o.name not in own)
        known = f"Columns: {', '.join(columns)}.\n\n" if columns else ""
        plan = f"Columns with --dry-run: {', '.join(plan_columns)}.\n\n" if plan_columns else ""
        self.epilog = f"{_example_text(example)}{known}{plan}{_epilog(self.uses)}"

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
        self._refuse_without_effect(ctx, settings)
        if settings.verbose:
            _log_to_standard_error(ctx)
        return super().invoke(ctx)

    def _refuse_without_effect(self, ctx: click.Context, settings: Settings) -> None:
        """Refuse what was typed and would not count, wherever it stood."""
        params = {param.name: param for param in self.params}
        for name, values in settings.typed.items():
            if name not in self.uses:
                problem = f"--{name} has no effect on `{ctx.command_path}`: leave it out"
                raise click.UsageError(problem, ctx)
            # Those of `hostmap` itself are hidden here: what a command shows as its own, it takes
            # as often as it says.
            is_own = not getattr(params[name], "hidden", False)
            if is_own:
                setattr(settings, name, None)  # it signs nothing
            elif name != "columns" and len({*values}) > 1:
                refuse_second(ctx, params[name])
        refuse_without_effect(ctx, self, self.only_with)


class Group(_Checked, click.Group):
    """A group of such commands."""

    command_class = Command
    group_class = type

    def __init__(self, *args: Any, example: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.example = example
        is_root = isinstance(self, Root)
        self.params.extend(global_options(hidden=not is_root))
        self.epilog = f"{_example_text(example)}{self.epilog if is_root else _epilog(_ALL)}"


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
        # Each is collected from all places, and the command then says whether it takes several.
        attributes = {"multiple": True, **attributes}
        return click.Option(
            names, hidden=hidden, expose_value=False, callback=collect, **attributes
        )

    return [
        option(
            "--database",
            metavar="URL",
            type=UrlOption(),
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
            help="Who the history says made the change. Default: the login name. For log, history "
            "and watch: whose changes to show.",
        ),
        option(
            "--reason",
            metavar="TEXT",
            help="Why, for the history. For log, history and watch: what the reason contains.",
        ),
        option(
            "-v",
            "--verbose",
            is_flag=True,
            multiple=False,
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


def collect(ctx: click.Context, option: click.Parameter, value: Any) -> None:
    """Keep all values of an option that were given here. The last one is the setting."""
    settings = ctx.ensure_object(Settings)
    name = option.name or ""
    if name == "verbose":
        settings.verbose = settings.verbose or value
        return
    if not value and isinstance(option.envvar, str) and option.envvar in os.environ:
        value = ("",)  # a variable that is set and empty, which click takes for one that is not set
    if not value:
        return
    if isinstance(option.type, _Names):
        value = (*settings.columns, *chain.from_iterable(value))
        settings.columns = value
    else:
        setattr(settings, name, value[-1])
    if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
        settings.typed.setdefault(name, []).extend(value)


def _login_name() -> str | None:
    """The name of whoever is logged in, if that can be told."""
    import getpass  # noqa: PLC0415 - only for those who give no author

    try:
        return valid_name(getpass.getuser(), "author")
    except Exception:  # noqa: BLE001 - KeyError, OSError and others: there is no such user
        return None


def say_warnings(ctx: click.Context) -> None:
    """Show the warnings of the library as the command shows errors."""
    import logging  # noqa: PLC0415 - only for commands that are warned

    settings = ctx.ensure_object(Settings)

    class Sayer(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if not settings.verbose:  # which shows all there is
                errors.say(record.getMessage())

    _handle_log(ctx, "hostmap_sql", Sayer(logging.WARNING))


def _log_to_standard_error(ctx: click.Context) -> None:
    import logging  # noqa: PLC0415 - only for those who ask

    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    for name in ("hostmap_sql", "yoyo", "psycopg"):
        logging.getLogger(name).setLevel(logging.DEBUG)
        _handle_log(ctx, name, handler)


def _handle_log(ctx: click.Context, name: str, handler: logging.Handler) -> None:
    import logging  # noqa: PLC0415

    logger = logging.getLogger(name)
    logger.addHandler(handler)
    ctx.call_on_close(lambda: logger.removeHandler(handler))
