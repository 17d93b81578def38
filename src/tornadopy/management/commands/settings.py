"""``tornadopy settings``: the values in force, and where each comes from."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import click

from tornadopy.conf.values import thaw
from tornadopy.exceptions import ConfigError
from tornadopy.management.output import table, terminal_width
from tornadopy.management.project import Project, pass_project
from tornadopy.utils.masking import mask
from tornadopy.utils.suggest import nearest

Row = tuple[str, Any, str]


@click.command("settings", short_help="Show the settings in force and their origin.")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--all/--changed", "show_all", default=True, help="Show all settings, or those that are no defaults.")
@pass_project
def command(project: Project, name: str | None, as_json: bool, show_all: bool) -> None:
    """Show the settings in force and the origin of each: a default, the settings module, the environment.

    NAME is a setting, or a key of one: DEBUG, SESSION, SESSION.expires. Secrets are masked.
    """
    rows = list(project.configure().items())
    if name:
        rows = _only(name, rows)
    elif not show_all:
        rows = [row for row in rows if row[2] != "default"]
    shown = [(key, mask(key, thaw(value)), origin) for key, value, origin in rows]
    if as_json:
        values = {key: {"value": value, "origin": origin} for key, value, origin in shown}
        click.echo(json.dumps(values, indent=2, default=repr, ensure_ascii=False))
        return
    cells = [(key, repr(value), origin) for key, value, origin in shown]
    for line in table(("NAME", "VALUE", "ORIGIN"), cells, width=terminal_width()):
        click.echo(line)


def _only(name: str, rows: Iterable[Row]) -> list[Row]:
    found = [row for row in rows if row[0] == name or row[0].startswith(f"{name}.")]
    if not found:
        known = {key for row in rows for key in (row[0], row[0].partition(".")[0])}
        guess = nearest(name, known)
        advice = f"did you mean {guess!r}?" if guess else "'tornadopy settings' lists all"
        raise ConfigError(f"there is no setting {name!r}; {advice}")
    return found
