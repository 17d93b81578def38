"""``tornadopy dbshell``: the database's own client, connected."""

from __future__ import annotations

import os
import shutil
import sys

import click

from tornadopy.exceptions import ArgumentError, ConfigError
from tornadopy.management.clients import Client, client_for
from tornadopy.management.project import Project, pass_project


@click.command(
    "dbshell", short_help="Start the database's own client.", context_settings={"ignore_unknown_options": True}
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[CONNECTION] [-- OPTIONS]")
@pass_project
def command(project: Project, arguments: tuple[str, ...]) -> None:
    """Start psql, mysql, mariadb or sqlite3 on the master of CONNECTION, 'default' if it is not named.

    What comes after -- is handed to that program: tornadopy dbshell default -- -c "SELECT 1"
    """
    from tornadopy.db.connector import Connector  # noqa: PLC0415 - optional

    named = bool(arguments) and not arguments[0].startswith("-")
    name, options = (arguments[0], arguments[1:]) if named else ("default", arguments)
    _replace_process(client_for(Connector.of(project.configure())[name].master.config), options)


def _replace_process(client: Client, options: tuple[str, ...]) -> None:
    """Become the client; the password is in its environment, where other users cannot see it."""
    program = next(filter(None, map(shutil.which, client.programs)), None)
    if program is None:
        raise ConfigError(
            f"dbshell: {' or '.join(client.programs)} is not on the PATH; install it with {client.package}"
        )
    sys.stdout.flush()
    try:
        environment = {**os.environ, **client.environment}
        os.execve(program, [program, *client.arguments, *options], environment)  # noqa: S606 - no shell
    except OSError as exc:
        raise ArgumentError(f"dbshell: {program} cannot be started: {exc.strerror}") from exc
