"""The command ``tornadopy``: finds the command that is asked for, runs it, and says in one line what went wrong.

Called by the console script, by ``python -m tornadopy`` and by a project's ``manage.py``. Commands are imported when
they are asked for; those of the installed apps stand beside the built-in ones.
"""

from __future__ import annotations

import copy
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from tornadopy.exceptions import TornadopyError
from tornadopy.management import discovery
from tornadopy.management.project import Project, peek_settings
from tornadopy.version import __version__

__all__ = ["cli", "main"]

_LISTING = "tornadopy.listing"
COMPLETE_VARIABLE = "_TORNADOPY_COMPLETE"
INTERRUPTED = 130  # as shells count: 128 and the number of SIGINT


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and end the process with its exit status.

    An error that the user can mend is one line on standard error and status 1, a wrong usage is status 2.

    Args:
        arguments: The command line without the program's name; None takes ``sys.argv``.

    .. versionadded:: 2.0
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    _put_working_directory_on_path()
    try:
        status = cli.main(given, complete_var=COMPLETE_VARIABLE, standalone_mode=False, obj=Project())
    except TornadopyError as error:
        status = _report(error, show_traceback="--traceback" in given)
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except click.Abort:
        status = INTERRUPTED
    sys.exit(status if isinstance(status, int) else 0)


class Commands(click.Group):
    """The built-in commands and those of the installed apps; each knows the options that all of them share."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands; those of the apps are left out if the settings cannot be loaded."""
        return sorted({*discovery.built_in_names(), *self._app_commands(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command *cmd_name*: the built-in one, else that of the first app that has one."""
        command = discovery.built_in(cmd_name)
        if command is None:
            conf = ctx.ensure_object(Project).configure()
            try:
                command = discovery.of_apps(conf.INSTALLED_APPS, cmd_name)
            except TornadopyError as error:
                if not (ctx.resilient_parsing or ctx.meta.get(_LISTING)):
                    raise
                command = click.Command(cmd_name, short_help=f"({error})")  # listed all the same
        return None if command is None else with_shared_options(command)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command among *args*; an option after it may say where the settings with its app are."""
        project = ctx.ensure_object(Project)
        project.settings_module = peek_settings(args) or project.settings_module
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands; one that cannot be imported does not spoil it."""
        ctx.meta[_LISTING] = True
        super().format_commands(ctx, formatter)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the epilog, and why the commands of the apps are missing, if they are."""
        super().format_epilog(ctx, formatter)
        try:
            discovery.app_command_names(ctx.ensure_object(Project).configure().INSTALLED_APPS)
        except TornadopyError as error:
            formatter.write_paragraph()
            formatter.write_text(f"The commands of the installed apps are not listed: {error}")

    def _app_commands(self, ctx: click.Context) -> list[str]:
        try:
            return discovery.app_command_names(ctx.ensure_object(Project).configure().INSTALLED_APPS)
        except TornadopyError:
            return []  # the help says so, see format_epilog


def with_shared_options(command: click.Command) -> click.Command:
    """Return *command* with ``--settings`` and ``--traceback``, unless it has options of these names itself."""
    taken = {name for each in command.params for name in each.opts}
    missing = [option for option in _shared_options() if not taken.intersection(option.opts)]
    extended = copy.copy(command)
    extended.params = [*command.params, *missing]
    return extended


def _shared_options() -> list[click.Option]:
    return [
        click.Option(
            ["--settings"],
            metavar="MODULE",
            help="Settings module, such as settings.setting.",
            expose_value=False,
            is_eager=True,
            callback=_remember_settings,
        ),
        click.Option(
            ["--traceback"],
            is_flag=True,
            help="Show where an error arose.",
            expose_value=False,
            is_eager=True,
        ),
    ]


def _remember_settings(ctx: click.Context, _parameter: click.Parameter, value: str | None) -> None:
    if value:
        ctx.ensure_object(Project).settings_module = value


def _put_working_directory_on_path() -> None:
    """Let the project in the working directory be imported, as ``python -m`` does; a script's folder stays first."""
    folder = str(Path.cwd())
    if folder not in sys.path and "" not in sys.path:
        sys.path.insert(1, folder)


def _report(error: TornadopyError, *, show_traceback: bool) -> int:
    if show_traceback:
        traceback.print_exception(error)
    else:
        click.echo(f"Error: {' '.join(str(error).split())}", err=True)
    return 1


def _print_version(ctx: click.Context, _parameter: click.Parameter, value: Any) -> None:
    if value and not ctx.resilient_parsing:
        click.echo(f"tornadopy {__version__}")
        ctx.exit()


cli = Commands(
    name="tornadopy",
    help="""Make, run and look into a tornadopy project.

    Without --settings, the module is named by the environment variable TORNADOPY_APP_SETTINGS, or is settings.setting
    if the working directory has settings/setting.py.""",
    epilog="'tornadopy COMMAND --help' tells more about a command.",
    params=[
        *_shared_options(),
        click.Option(
            ["--version"],
            is_flag=True,
            help="Show the version and exit.",
            expose_value=False,
            is_eager=True,
            callback=_print_version,
        ),
    ],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
