"""``tornadopy makemigrations``: write down what the models have and the databases have not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tornadopy.exceptions import ArgumentError
from tornadopy.management.databases import connection_option, histories
from tornadopy.management.output import style
from tornadopy.management.project import Project, pass_project

if TYPE_CHECKING:
    from tornadopy.db.migrations.history import Migrations
    from tornadopy.db.migrations.making import Made


@click.command("makemigrations", short_help="Write migrations for changed models.")
@click.option("-m", "--message", metavar="TEXT", help="What the migration is about; part of its file's name.")
@connection_option
@click.option("--empty", is_flag=True, help="Write one that does nothing yet, to change data.")
@click.option("--merge", is_flag=True, help="Write one that joins two newest migrations.")
@click.option("--check", is_flag=True, help="Write nothing; end with status 1 if there are changes.")
@pass_project
@click.pass_context
def command(
    ctx: click.Context,
    project: Project,
    message: str | None,
    connection: str | None,
    empty: bool,
    merge: bool,
    check: bool,
) -> None:
    """Compare the models of all installed apps with the databases, and write the difference into new files.

    Look at the file before 'tornadopy migrate' applies it.
    """
    if empty + merge + check > 1:
        raise ArgumentError("makemigrations: --empty, --merge and --check exclude each other; give one of them")
    with histories(project, connection) as found:
        if (empty or merge) and len(found) > 1:
            raise ArgumentError(
                "makemigrations: there are several connections "
                f"({', '.join(each.database.name for each in found)}); name one by --connection"
            )
        for migrations in found:
            made = _make(migrations, message, empty=empty, merge=merge, check=check)
            _report(migrations.database.name, made)
            if check and made.changes:
                ctx.exit(1)


def _make(migrations: Migrations, message: str | None, *, empty: bool, merge: bool, check: bool) -> Made:
    from tornadopy.db.migrations import making  # noqa: PLC0415 - optional

    if empty:
        return making.make_empty(migrations, message=message)
    if merge:
        return making.merge(migrations, message=message)
    return making.make(migrations, message=message, write=not check)


def _report(name: str, made: Made) -> None:
    if made.path is not None:
        click.echo(f"{name}: {_short(made.path)}")
    else:
        click.echo(f"{name}: {'changes without a migration' if made.changes else 'no changes'}")
    for change in made.changes:
        click.echo(f"  {change}")
    for hint in made.hints:
        click.echo(f"  {style('look at it:', colour='yellow')} {hint}")


def _short(path: Path) -> Path:
    """Return *path* as one would type it here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
