"""``tornadopy completion SHELL``: the script that teaches a shell the commands."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")


@click.command("completion", short_help="Print the script that completes commands in a shell.")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the script that lets SHELL complete commands and options.

    In ~/.bashrc:  eval "$(tornadopy completion bash)"
    """
    found = get_completion_class(shell)
    if found is None:
        raise click.BadParameter(f"click knows no completion for {shell}", param_hint="SHELL")
    click.echo(found(ctx.find_root().command, {}, "tornadopy", "_TORNADOPY_COMPLETE").source())
