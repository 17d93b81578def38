"""``tornadopy showmigrations``: which migrations there are, and which have been applied."""

from __future__ import annotations

import click

from tornadopy.management.databases import connection_option, histories
from tornadopy.management.output import style
from tornadopy.management.project import Project, pass_project


@click.command("showmigrations", short_help="Show the migrations and which are applied.")
@connection_option
@pass_project
def command(project: Project, connection: str | None) -> None:
    """Show the migrations of each connection in their order; [X] has been applied, [ ] has not."""
    from tornadopy.db.migrations.history import title  # noqa: PLC0415 - optional

    with histories(project, connection) as found:
        for migrations in found:
            click.echo(style(migrations.database.name, bold=True))
            applied = migrations.applied() if migrations.exist else set()
            scripts = migrations.scripts()
            for script in scripts:
                click.echo(f"  [{'X' if script.revision in applied else ' '}] {script.revision} {title(script)}")
            if not scripts:
                click.echo("  (no migrations)")
