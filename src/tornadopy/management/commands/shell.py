"""``tornadopy shell``: Python with the project's settings and models."""

from __future__ import annotations

import code
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Iterable
from types import ModuleType
from typing import Any

import click

from tornadopy.apps import load_models as apps_models
from tornadopy.conf import settings
from tornadopy.management.project import Project, pass_project


@click.command("shell", short_help="Start Python with the project's settings and models.")
@click.option("-c", "--command", "source", metavar="CODE", help="Run CODE and end.")
@click.option("--plain", is_flag=True, help="Use Python's own shell even if IPython is installed.")
@pass_project
def command(project: Project, source: str | None, plain: bool) -> None:
    """Start Python with 'settings' and the classes of each installed app's 'models'.

    It is IPython if that is installed. What comes through a pipe is run as a script.
    """
    conf = project.configure()
    namespace: dict[str, Any] = {"__name__": "__main__", "settings": settings, **load_models(conf.INSTALLED_APPS)}
    if source is None and not sys.stdin.isatty():
        source = sys.stdin.read()
    if source is not None:
        exec(compile(source, "<shell>", "exec"), namespace)  # noqa: S102 - the user's own code is what this is for
    else:
        _interact(namespace, plain=plain)


def load_models(apps: Iterable[str]) -> dict[str, type]:
    """Import ``models`` of each app that has it, and return the public classes defined there.

    Raises:
        ConfigError: An app or its models cannot be imported.
    """
    models: dict[str, type] = {}
    for module in apps_models(apps):
        models |= _public_classes(module)
    return models


def _public_classes(module: ModuleType) -> dict[str, type]:
    return {
        name: each
        for name, each in vars(module).items()
        if inspect.isclass(each)
        and not name.startswith("_")
        and f"{each.__module__}.".startswith(f"{module.__name__}.")
    }


def _interact(namespace: dict[str, Any], *, plain: bool) -> None:
    imported = ", ".join(name for name in namespace if name != "__name__")
    banner = f"tornadopy shell; imported: {imported}"
    if not plain and importlib.util.find_spec("IPython") is not None:
        ipython = importlib.import_module("IPython")
        click.echo(banner)
        ipython.start_ipython(argv=["--no-banner"], user_ns=namespace)
    else:
        code.interact(banner=banner, local=namespace, exitmsg="")
