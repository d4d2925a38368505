"""`hostmap completion`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from hostmap_sql.cli.framework.commands import Command

SHELLS = ("bash", "zsh", "fish")


@click.command(
    "completion",
    cls=Command,
    uses=(),
    example="hostmap completion bash > ~/.local/share/bash-completion/completions/hostmap\n"
    "hostmap completion fish > ~/.config/fish/completions/hostmap.fish",
)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print a shell script that completes commands, cells and hosts."""
    kind = get_completion_class(shell)
    if kind is None:  # pragma: no cover - click knows all three
        raise click.UsageError(f"{shell} is not known to this version of click")
    script = kind(ctx.find_root().command, {}, "hostmap", "_HOSTMAP_COMPLETE").source()
    click.echo(script.strip())
