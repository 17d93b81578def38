"""``tornadopy startapp``: a new app in the project."""

from __future__ import annotations

from pathlib import Path

import click

from tornadopy.management import scaffold
from tornadopy.management.project import Project, pass_project


@click.command("startapp", short_help="Add an app to the project.")
@click.argument("name")
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@pass_project
def command(project: Project, name: str, folder: Path | None) -> None:
    """Write the app NAME into DIR, or into a new folder of its name, and say how to install it.

    It has routes, a handler, a template and a test.
    """
    target = folder or Path(name)
    if not target.exists():
        scaffold.check_name(name, "app")
    dotted = _dotted_name(target) or name
    values = {
        "name": name,
        "dotted": dotted,
        "folder": dotted.replace(".", "/"),
        "settings_module": project.find_settings_module(),
        "with_base": _has_base_template(),
    }
    scaffold.write("app", target, values)
    click.echo(f"The app {name} is in {target}. Install it by this line in INSTALLED_APPS of the settings:\n")
    click.echo(f'    "{dotted}",\n\nThen open http://127.0.0.1:8000/{name}')


def _dotted_name(folder: Path) -> str | None:
    """Return the name under which the package in *folder* is imported from here, if it can be."""
    try:
        parts = folder.resolve().relative_to(Path.cwd()).parts
    except ValueError:
        return None
    return ".".join(parts) if parts and all(part.isidentifier() for part in parts) else None


def _has_base_template() -> bool:
    """Whether the project has a base template, in Tornado's language, with the blocks that a page fills."""
    try:
        text = Path("templates", "base.html").read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    return "{% block content %}" in text and "{% end %}" in text
