"""``tornadopy check``: what is wrong with the project, before it is started."""

from __future__ import annotations

import click

from tornadopy.management.checks import Problem, find_problems
from tornadopy.management.deployment import find_open_doors
from tornadopy.management.output import style
from tornadopy.management.project import Project, pass_project


@click.command("check", short_help="Look for problems in the project.")
@click.option("--deploy", is_flag=True, help="Look for what is dangerous in production, too.")
@click.option(
    "--fail-level",
    type=click.Choice(["ERROR", "WARNING"], case_sensitive=False),
    default="ERROR",
    show_default=True,
    help="The least problem that makes the exit status 1.",
)
@pass_project
def command(project: Project, deploy: bool, fail_level: str) -> None:
    """Look for problems in settings, apps, routes, middlewares, templates and secrets.

    Each problem is one line: E for an error, W for a warning. The exit status is 1 if there is an error.
    """
    conf = project.configure()
    problems, application = find_problems(conf)
    if deploy:
        problems += [Problem("W", text) for text in find_open_doors(conf, application)]
    for problem in problems:
        level, text = str(problem).split(" ", 1)
        click.echo(f"{style(level, colour='red' if level == 'E' else 'yellow', bold=True)} {text}")
    errors = sum(problem.level == "E" for problem in problems)
    summary = f"{_count(errors, 'error')}, {_count(len(problems) - errors, 'warning')}"
    if errors or (problems and fail_level.upper() == "WARNING"):
        raise click.ClickException(f"check found {summary}; see the lines above")
    click.echo(f"No errors. {summary}" if problems else "No problems.")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
