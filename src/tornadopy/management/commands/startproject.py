"""``tornadopy startproject``: a new project that runs."""

from __future__ import annotations

import secrets
from pathlib import Path

import click

from tornadopy.management import scaffold


@click.command("startproject", short_help="Write a new project.")
@click.argument("name")
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
def command(name: str, folder: Path | None) -> None:
    """Write the project NAME into DIR, or into a new folder of its name.

    It has settings with fresh secrets, an app 'main' with a welcome page, and tests.
    """
    scaffold.check_name(name, "project")
    target = folder or Path(name)
    values = {
        "name": name,
        "upper": name.upper(),
        "cookie_secret": secrets.token_urlsafe(48),
        "session_secret": secrets.token_urlsafe(48),
        "token_secret": secrets.token_urlsafe(48),
    }
    scaffold.write("project", target, values)
    click.echo(f"The project {name} is in {target}. Serve it:\n")
    if target.resolve() != Path.cwd():
        click.echo(f"    cd {target}")
    click.echo("    python runserver.py\n\nThen open http://127.0.0.1:8000")
