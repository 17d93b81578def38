"""Finds commands by name: the built-in ones, and those in ``commands/`` of the installed apps.

Asked by `tornadopy.management.cli`. Names are read from the folders, so that listing them imports no command.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from types import ModuleType

import click

from tornadopy.apps import import_app
from tornadopy.exceptions import ConfigError
from tornadopy.management import commands
from tornadopy.utils.imports import import_user_module


def built_in_names() -> list[str]:
    """Return the names of the built-in commands."""
    return [each.name for each in pkgutil.iter_modules(commands.__path__)]


def built_in(name: str) -> click.Command | None:
    """Return the built-in command *name*, if there is one."""
    if name not in built_in_names():
        return None
    command: click.Command = importlib.import_module(f"{commands.__name__}.{name}").command
    return command


def app_command_names(apps: Iterable[str]) -> list[str]:
    """Return the names of the commands that *apps* add.

    Raises:
        ConfigError: There is no such app, or it cannot be imported.
    """
    return [name for index, app in enumerate(apps) for name in _names_of(index, app)]


def of_apps(apps: Iterable[str], name: str) -> click.Command | None:
    """Return the command *name* of the first of *apps* that has one.

    Raises:
        ConfigError: An app or the command's module cannot be imported, or the module holds no command.
    """
    for index, app in enumerate(apps):
        if name in _names_of(index, app):
            return _only_command(import_user_module(f"{app}.commands.{name}", "the command"))
    return None


def _names_of(index: int, app: str) -> list[str]:
    package = import_app(f"INSTALLED_APPS[{index}]", app)
    folders = [f"{place}/commands" for place in getattr(package, "__path__", ())]
    return [each.name for each in pkgutil.iter_modules(folders) if not each.name.startswith("_")]


def _only_command(module: ModuleType) -> click.Command:
    """Return the object ``command`` of *module*, else the one command that it defines."""
    named = getattr(module, "command", None)
    if isinstance(named, click.Command):
        return named
    found = {id(each): each for each in vars(module).values() if isinstance(each, click.Command)}
    if len(found) != 1:
        raise ConfigError(
            f"{module.__file__} holds {len(found) or 'no'} commands; name the function under @click.command() 'command'"
        )
    return next(iter(found.values()))
