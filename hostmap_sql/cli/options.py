"""Checks that hold for the options of every command: no value is passed over in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class UrlOption(click.types.StringParamType):
    """The text of a URL, which may be empty: whoever reads the URL says what is wrong with it."""

    takes_empty = True

    def split_envvar_value(self, rv: str) -> Sequence[str]:
        """The value of the environment variable, whole."""
        return [rv]


def label(option: click.Parameter) -> str:
    """The long name of an option."""
    return max(option.opts, key=len)


def values_typed(
    command: click.Command, ctx: click.Context, args: Sequence[str]
) -> Mapping[click.Option, Sequence[Any]]:
    """All values that arguments give each option. click itself keeps the last one alone."""
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


def refuse_unclear(ctx: click.Context, typed: Mapping[click.Option, Sequence[Any]]) -> None:
    """Refuse empty values, and different ones for an option that takes one. None is quoted."""
    for option, values in typed.items():
        if "" in values and not getattr(option.type, "takes_empty", False):
            other = "" if option.required else " or leave it out"
            raise click.UsageError(f"{label(option)} is empty: give it a value{other}", ctx)
        if not option.multiple and len({*values}) > 1:
            refuse_second(ctx, option)


def refuse_second(ctx: click.Context, option: click.Parameter) -> None:
    """Refuse an option that was given twice, with different values."""
    if option.secondary_opts:
        problem = f"{label(option)} and {option.secondary_opts[0]} do not go together: give one"
    else:
        problem = f"{label(option)} was given twice, with different values: give it once"
    raise click.UsageError(problem, ctx)


def refuse_without_effect(
    ctx: click.Context, command: click.Command, only_with: Mapping[str, str]
) -> None:
    """Refuse options that were typed without the other one that they need.

    :param only_with: the names of the other options, by the names of those that need them.
    """
    params = {param.name: param for param in command.params}
    for name, other in only_with.items():
        is_typed = ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if is_typed and not ctx.params.get(other):
            problem = f"has no effect without {label(params[other])}: give both or neither"
            raise click.UsageError(f"{label(params[name])} {problem}", ctx)
