"""``tornadopy version``."""

from __future__ import annotations

import click

from tornadopy.utils.versions import versions


@click.command("version", short_help="Show the versions of tornadopy, Tornado and Python.")
def command() -> None:
    """Show the versions of tornadopy and of what it stands on."""
    for name, version in versions().items():
        click.echo(f"{name} {version}")
