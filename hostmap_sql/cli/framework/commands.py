"""The classes of all commands: they take the options of `hostmap` itself, and check them."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from hostmap_sql.cli.framework import errors
from hostmap_sql.cli.framework.log_output import show_log
from hostmap_sql.cli.framework.option_checks import (
    parse_all_values,
    refuse_ambiguous,
    refuse_different,
    refuse_extra,
    refuse_incomplete,
)
from hostmap_sql.cli.framework.options import ALL, EVERYWHERE, READS, REVEALS, SHOWS, global_options
from hostmap_sql.cli.framework.redaction import quotable
from hostmap_sql.cli.framework.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence


def _example_text(example: str) -> str:
    lines = "".join(f"  {line}\n" for line in example.splitlines())
    return f"\b\nExample:\n{lines}\n"


def _options_text(uses: Collection[str]) -> str:
    names = [f"--{name.replace('_', '-')}" for name in ALL if name in uses]
    if "columns" in uses:
        names.insert(names.index("--columns") + 1, "--csv-safe")
    known = ", ".join(names)
    return f"Options of `hostmap` itself are accepted here too: {known}. See `hostmap --help`."


class _CheckedCommand(click.Command):
    """A command that checks its options after parsing all of them, but not for `--help`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments as click does, then refuse extra ones and ambiguous options."""
        before = [*args]
        allows_extra, ctx.allow_extra_args = ctx.allow_extra_args, True
        rest = super().parse_args(ctx, args)
        ctx.allow_extra_args = allows_extra
        if not ctx.resilient_parsing:
            if not allows_extra:
                refuse_extra(ctx, rest)
            refuse_ambiguous(ctx, parse_all_values(self, ctx, before))
        return rest


class Command(_CheckedCommand):
    """A command with an example, which also takes the options of `hostmap` itself.

    It refuses those that it does not use. An option of the command that has the same name as one
    of `hostmap` itself replaces it, even before the command.

    :param example: command lines to type.
    :param columns: the columns that it shows, for `--columns`.
    :param plan_columns: the columns that it shows with `--dry-run`.
    :param uses: the options of `hostmap` itself that it uses; `--format` and `--columns` are added
        if it has columns, and `--verbose` always.
    :param only_with: for each option that needs another one, the name of the other.
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
        self.uses = frozenset((*uses, *(SHOWS if columns else ()), *EVERYWHERE))
        self.only_with = only_with or {}
        own = {param.name for param in self.params}
        self.params.extend(o for o in global_options(hidden=True) if o.name not in own)
        shown = f"Columns: {', '.join(columns)}.\n\n" if columns else ""
        plan = f"Columns with --dry-run: {', '.join(plan_columns)}.\n\n" if plan_columns else ""
        self.epilog = f"{_example_text(example)}{shown}{plan}{_options_text(self.uses)}"

    def invoke(self, ctx: click.Context) -> Any:
        """Check the options, then run the command."""
        settings = ctx.ensure_object(Settings)
        self._refuse_unknown_columns(ctx, settings)
        self._refuse_without_effect(ctx, settings)
        self._refuse_csv_safe(ctx, settings)
        refuse_incomplete(ctx, self, self.only_with)
        if settings.verbose:
            show_log(ctx)
        for name in {*REVEALS} - self.uses:
            setattr(settings, name, None)  # from the environment: the file need not be readable
        return super().invoke(ctx)

    def _refuse_unknown_columns(self, ctx: click.Context, settings: Settings) -> None:
        is_plan = bool(self.plan_columns and ctx.params.get("dry_run"))
        columns = self.plan_columns if is_plan else self.columns
        unknown = [name for name in settings.columns if name not in columns]
        if not unknown:
            return
        known = f"known are {', '.join(columns)}" if columns else "it shows none"
        here = "here"
        if self.plan_columns:
            here = "with --dry-run" if is_plan else "without --dry-run"
        name = quotable(unknown[0])
        raise click.UsageError(f"--columns {name!r} is not a column {here}: {known}", ctx)

    def _refuse_without_effect(self, ctx: click.Context, settings: Settings) -> None:
        """Refuse options of `hostmap` itself that this command does not use, wherever they stand.

        An option that the command shows as its own is no setting: it may have several values.
        """
        params = {param.name: param for param in self.params}
        for name, values in settings.typed.items():
            if name not in self.uses:
                option = params[name].opts[-1]
                problem = f"{option} has no effect on `{ctx.command_path}`: leave it out"
                raise click.UsageError(problem, ctx)
            is_own = not getattr(params[name], "hidden", False)
            if is_own:
                setattr(settings, name, None)
            elif name != "columns":
                refuse_different(ctx, params[name], values)

    def _refuse_csv_safe(self, ctx: click.Context, settings: Settings) -> None:
        """Refuse --csv-safe where no CSV is shown; a command with this option itself writes CSV."""
        own = {param.name for param in self.params if not getattr(param, "hidden", False)}
        shows_csv = "csv_safe" in own or (self.columns and settings.format == "csv")
        if settings.csv_safe and not shows_csv:
            raise click.UsageError("--csv-safe has no effect without --format csv", ctx)


class Group(_CheckedCommand, click.Group):
    """A group of such commands."""

    shows_global_options = False

    def __init__(self, *args: Any, example: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.example = example
        self.params.extend(global_options(hidden=not self.shows_global_options))
        self.epilog = f"{_example_text(example)}{self.epilog or _options_text(ALL)}"


class Root(Group):
    """The command `hostmap` itself. An error ends it with one line and an exit status.

    :param aliases: other names of commands, which neither the help nor completion lists.
    """

    shows_global_options = True

    def __init__(self, *args: Any, aliases: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._aliases = aliases or {}

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Find a command by its name or alias."""
        return super().get_command(ctx, self._aliases.get(cmd_name, cmd_name))

    def main(self, *args: Any, standalone_mode: bool = True, **kwargs: Any) -> Any:
        """Run the command, as click's `main` does, and exit."""
        settings = kwargs.setdefault("obj", Settings())
        run = partial(super().main, *args, standalone_mode=False, **kwargs)
        if not standalone_mode:
            return run()
        try:
            status: object = run()
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - no traceback is shown
            sys.exit(errors.report(error, verbose=settings.verbose))
        sys.exit(status if isinstance(status, int) else errors.OK)

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Parse the options; the output of `--help` is flushed here."""
        with _flushed_output():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, and flush its output."""
        with _flushed_output():
            super().invoke(ctx)


@contextmanager
def _flushed_output() -> Iterator[None]:
    """Flush standard output after a block.

    A closed pipe and Ctrl-C raise our exceptions: click's own have other exit statuses.
    """
    try:
        try:
            yield
        except click.exceptions.Exit:
            sys.stdout.flush()
            raise
        sys.stdout.flush()
    except BrokenPipeError:
        raise errors.OutputClosed from None
    except KeyboardInterrupt:
        raise errors.Interrupted from None
