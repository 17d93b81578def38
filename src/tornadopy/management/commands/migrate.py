"""``tornadopy migrate``: bring the databases to a state of their migrations."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from tornadopy.exceptions import ArgumentError
from tornadopy.management.databases import connection_option, histories
from tornadopy.management.output import progress
from tornadopy.management.project import Project, pass_project

if TYPE_CHECKING:
    from tornadopy.db.migrations.history import Migrations, Plan


@click.command(
    "migrate", short_help="Apply migrations, or undo them.", context_settings={"ignore_unknown_options": True}
)
@click.argument("revision", default="head")
@connection_option
@click.option("--sql", is_flag=True, help="Print the SQL in place of executing it.")
@click.option("--fake", is_flag=True, help="Only note in the database that it is there.")
@pass_project
def command(project: Project, revision: str, connection: str | None, sql: bool, fake: bool) -> None:
    """Apply the migrations that are missing, or go to REVISION.

    REVISION is the identifier of a migration or its beginning, 'head', 'base' (before the first), '+1' (one further) or
    '-1' (one back).
    """
    if sql and fake:
        raise ArgumentError("migrate: --sql and --fake exclude each other; give one of them")
    if revision.startswith("--"):
        raise click.NoSuchOption(revision)
    with histories(project, connection) as found:
        existing = [each for each in found if each.exist]
        if not existing:
            raise ArgumentError(f"there are no migrations in {found[0].folder}; 'tornadopy makemigrations' writes them")
        if revision != "head" and len(existing) > 1:
            raise ArgumentError(
                f"migrate {revision}: several connections have migrations "
                f"({', '.join(each.database.name for each in existing)}); name one by --connection"
            )
        for migrations in existing:
            _migrate(migrations, migrations.plan(revision), sql=sql, fake=fake)


def _migrate(migrations: Migrations, plan: Plan, *, sql: bool, fake: bool) -> None:
    name = migrations.database.name
    if sql:
        migrations.run(plan, sql=sys.stdout)
    elif fake:
        migrations.mark(plan)
        click.echo(f"{name}: marked as being at {'head' if plan.target == 'heads' else plan.target}")
    elif not plan.scripts:
        click.echo(f"{name}: nothing to do")
    else:
        _run(migrations, plan)


def _run(migrations: Migrations, plan: Plan) -> None:
    from tornadopy.db.migrations.history import title  # noqa: PLC0415 - optional

    name, verb = migrations.database.name, "applied" if plan.direction == "up" else "undone"
    with progress(len(plan.scripts), name) as note:
        migrations.run(plan, notify=lambda script: note(f"{name}: {verb} {script.revision} {title(script)}"))
