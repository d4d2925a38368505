"""Checks of the options of every command, so that no value is ignored silently."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from hostmap_sql.cli.framework.redaction import quotable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def long_name(option: click.Parameter) -> str:
    """Return the long name of an option, such as --columns."""
    return max(option.opts, key=len)


def parse_all_values(
    command: click.Command, ctx: click.Context, args: Sequence[str]
) -> Mapping[click.Option, Sequence[Any]]:
    """Parse every value of each option; click itself keeps only the last."""
    parser = click.Command.make_parser(command, ctx)
    options = {
        param.name: param
        for param in command.get_params(ctx)
        if isinstance(param, click.Option) and param.name
    }
    for name, option in options.items():
        if not option.is_flag:
            parser.add_option(option, option.opts, name, action="append", nargs=option.nargs)
        else:
            for names, value in ((option.opts, True), (option.secondary_opts, False)):
                parser.add_option(option, names, name, action="append_const", const=value)
    typed, _, _ = parser.parse_args([*args])
    return {options[name]: values for name, values in typed.items() if name in options}


def refuse_extra(ctx: click.Context, extra: Sequence[str]) -> None:
    """Refuse arguments that the command does not take. They may be passwords."""
    if extra:
        noun = "argument" if len(extra) == 1 else "arguments"
        quoted = " ".join(map(quotable, extra))
        raise click.UsageError(f"got unexpected extra {noun} ({quoted})", ctx)


def refuse_ambiguous(ctx: click.Context, typed: Mapping[click.Option, Sequence[Any]]) -> None:
    """Refuse empty values, and two values of an option that takes one. Quotes no value."""
    for option, values in typed.items():
        if "" in values and not getattr(option.type, "takes_empty", False):
            other = "" if option.required else " or leave it out"
            raise click.UsageError(f"{long_name(option)} is empty: give it a value{other}", ctx)
        if not option.multiple:
            refuse_different(ctx, option, values)


def refuse_different(ctx: click.Context, option: click.Parameter, values: Sequence[Any]) -> None:
    """Refuse an option that has different values. The same value twice is accepted."""
    if len({*values}) <= 1:
        return
    name = long_name(option)
    if option.secondary_opts:
        problem = f"{name} and {option.secondary_opts[0]} do not go together: give one"
    else:
        problem = f"{name} was given twice, with different values: give it once"
    raise click.UsageError(problem, ctx)


def refuse_incomplete(
    ctx: click.Context, command: click.Command, only_with: Mapping[str, str]
) -> None:
    """Refuse options that are given without another option that they need.

    :param only_with: the name of the other option, by the name of the one that needs it.
    """
    params = {param.name: param for param in command.params}
    for name, other in only_with.items():
        is_typed = ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if is_typed and not ctx.params.get(other):
            problem = f"has no effect without {long_name(params[other])}: give both or neither"
            raise click.UsageError(f"{long_name(params[name])} {problem}", ctx)
