"""``tornadopy routes``: where a request may go, and the hooks that it meets on its way."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import click

from tornadopy.application import Application
from tornadopy.apps import load_urls
from tornadopy.httpmodule.httpmodule import HttpModuleMiddleware
from tornadopy.httpmodule.loading import full_name
from tornadopy.management.output import style, table, terminal_width
from tornadopy.management.patterns import matches
from tornadopy.management.project import Project, pass_project

if TYPE_CHECKING:
    from tornadopy.httpmodule.base import BaseHttpModule
    from tornadopy.httpmodule.rules import Entry, Rules


@click.command("routes", short_help="Show the routes and the pipeline of hooks.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_project
def command(project: Project, as_json: bool) -> None:
    """Show each route with its handler and HTTP modules, in the order in which they are tried.

    Below them stands the pipeline: the hooks of each phase, in the order in which a request meets them. HTTP modules
    after 'may:' are those of an expression of ROUTE_MODULES that some paths of the route match.
    """
    application = Application(load_urls(project.configure().INSTALLED_APPS))
    routes = describe(application)
    pipeline = application.pipeline.describe()
    if as_json:
        click.echo(json.dumps({"routes": routes, "pipeline": pipeline}, indent=2))
        return
    rows = [(route["pattern"], route["name"], route["handler"], _modules_cell(route)) for route in routes]
    for line in table(("PATTERN", "NAME", "HANDLER", "HTTP MODULES"), rows, width=terminal_width()):
        click.echo(line)
    click.echo(style("\nPIPELINE", bold=True))
    for phase, hooks in pipeline.items():
        click.echo(f"{phase:<10} {' → '.join(hooks) or '-'}")


def describe(application: Application) -> list[dict[str, Any]]:
    """Return pattern, name, handler and HTTP modules of each route of *application*."""
    rules = _rules(application)
    return [
        {"pattern": pattern, "name": name, "handler": handler, **_modules(rules, pattern, name)}
        for pattern, name, handler in application.describe_routes()
    ]


def _rules(application: Application) -> Rules | None:
    found = (each for each in application.pipeline.middlewares if isinstance(each, HttpModuleMiddleware))
    middleware = next(found, None)
    return middleware.rules if middleware else None


def _modules(rules: Rules | None, pattern: str, name: str) -> dict[str, Any]:
    """Return the modules that every request to the route meets, and those that depend on its path."""
    if rules is None:
        return {"modules": [], "conditional": []}
    verdicts = [(entry, _applies(entry, pattern, name)) for entry in rules.entries]
    sure = [entry for entry, verdict in verdicts if verdict]
    excluded = {module for entry in sure for module in entry.excluded}
    common = [module for module in rules.common if module not in excluded]
    own = [module for entry in sure for module in entry.modules]
    return {
        "modules": _names(dict.fromkeys([*common, *own])),
        "conditional": [
            {"expression": entry.key, "modules": _names(entry.modules), "excluded": _names(entry.excluded)}
            for entry, verdict in verdicts
            if verdict is None
        ],
    }


def _applies(entry: Entry, pattern: str, name: str) -> bool | None:
    return entry.key == name if entry.search is None else matches(entry.key, pattern)


def _names(modules: Iterable[BaseHttpModule]) -> list[str]:
    return [full_name(type(module)) for module in modules]


def _modules_cell(route: dict[str, Any]) -> str:
    short = [name.rpartition(".")[2] for name in route["modules"]]
    return ", ".join([*short, *_conditional_texts(route["conditional"])])


def _conditional_texts(conditional: Iterable[dict[str, Any]]) -> Iterator[str]:
    for entry in conditional:
        changes = [*entry["modules"], *(f"!{name}" for name in entry["excluded"])]
        short = " ".join(("!" if name.startswith("!") else "") + name.rpartition(".")[2] for name in changes)
        yield f"may: {short} ({entry['expression']})"
