"""The project that a command works on: which settings it has.

Made by `tornadopy.management.cli` for each run; commands ask it for what they need, and pay for nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click

from tornadopy.conf import Settings, settings
from tornadopy.conf.loader import module_from_environment

USUAL_MODULE = "settings.setting"
"""The settings module of the usual layout, taken without being asked for where its file is in the working directory."""


class Project:
    """The project in the working directory.

    Attributes:
        settings_module: What ``--settings`` named, if it was given.
    """

    def __init__(self) -> None:
        self.settings_module: str | None = None
        self._conf: Settings | None = None

    def find_settings_module(self) -> str | None:
        """Return the module to load: ``--settings``, else the environment's, else the usual one if it is here."""
        chosen = self.settings_module or module_from_environment(os.environ)
        if chosen is None and Path(*USUAL_MODULE.split(".")).with_suffix(".py").is_file():
            return USUAL_MODULE
        return chosen

    def configure(self) -> Settings:
        """Load the settings as the process default, if that has not been done.

        Raises:
            ConfigError: The module cannot be imported, or a value is wrong.
        """
        if self._conf is None:
            self._conf = settings.configure(self.find_settings_module())
        return self._conf


def peek_settings(arguments: Sequence[str]) -> str | None:
    """Return what ``--settings`` names among *arguments* that have not been parsed yet."""
    for place, argument in enumerate(arguments):
        if argument.startswith("--settings="):
            return argument.partition("=")[2]
        if argument == "--settings" and place + 1 < len(arguments):
            return arguments[place + 1]
    return None


pass_project = click.make_pass_decorator(Project, ensure=True)
