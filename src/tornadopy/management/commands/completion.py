"""``tornadopy completion SHELL``: the script that teaches a shell the commands."""

from __future__ import annotations

import click
from click.shell_completion import BashComplete, FishComplete, ZshComplete

SHELLS = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}


@click.command("completion", short_help="Print the script that completes commands in a shell.")
@click.argument("shell", type=click.Choice(list(SHELLS)))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the script that lets SHELL complete commands and options.

    In ~/.bashrc:  eval "$(tornadopy completion bash)"
    """
    click.echo(SHELLS[shell](ctx.find_root().command, {}, "tornadopy", "_TORNADOPY_COMPLETE").source())
