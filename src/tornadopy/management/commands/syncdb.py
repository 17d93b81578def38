"""``tornadopy syncdb``: the tables of all models, without migrations."""

from __future__ import annotations

import click

from tornadopy.management.databases import connection_option, databases
from tornadopy.management.project import Project, pass_project


@click.command("syncdb", short_help="Create the tables that are missing, without migrations.")
@connection_option
@pass_project
def command(project: Project, connection: str | None) -> None:
    """Create the tables of the models of all installed apps, where they are missing.

    Tables that are there stay as they are; to change them, use makemigrations and migrate.
    """
    from tornadopy.db.creation import create_missing  # noqa: PLC0415 - optional

    with databases(project, connection) as found:
        for database in found:
            tables = create_missing(database)
            click.echo(f"{database.name}: {', '.join(tables) or 'nothing to create'}")
