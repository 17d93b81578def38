"""``tornadopy runserver``: the project's server, without a ``runserver.py``."""

from __future__ import annotations

import re

import click

from tornadopy.exceptions import ArgumentError
from tornadopy.management.project import Project, pass_project
from tornadopy.webserver import Server

_ADDRESS = re.compile(r"(?:(?P<address>\[[^\]]+\]|[^:]+):)?(?P<port>\d+)")


@click.command(
    "runserver",
    short_help="Serve the project.",
    context_settings={"ignore_unknown_options": True},
    epilog="Any other option, such as --logging_dir=DIR or --log_port_prefix=true, is handed to the server as it is; "
    "'python runserver.py --help' lists them.",
)
@click.option("--port", metavar="PORT", help="Port to listen on.  [default: 8000]")
@click.option("--address", metavar="ADDRESS", help="Address to listen on, 0.0.0.0 for all.  [default: 127.0.0.1]")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[[ADDRESS:]PORT] [OPTIONS]")
@pass_project
def command(project: Project, port: str | None, address: str | None, arguments: tuple[str, ...]) -> None:
    """Serve the project until Ctrl+C or SIGTERM.

    PORT and ADDRESS can also be given as one word: tornadopy runserver 0.0.0.0:8001
    """
    options = [each for each in arguments if each.startswith("-")]
    words = [each for each in arguments if not each.startswith("-")]
    chosen = {**_read_place(words), **{name: text for name, text in (("port", port), ("address", address)) if text}}
    module = project.find_settings_module()
    if module:
        chosen["settings"] = module
    server = Server()
    server.parse_command(["tornadopy", *(f"--{name}={text}" for name, text in chosen.items()), *options])
    server.load_all()
    server.start()


def _read_place(words: list[str]) -> dict[str, str]:
    """Return the options that the word ``[ADDRESS:]PORT`` stands for."""
    if not words:
        return {}
    found = _ADDRESS.fullmatch(words[0])
    if len(words) > 1 or found is None:
        raise ArgumentError(
            f"runserver: {' '.join(words)!r} is no [ADDRESS:]PORT, such as 8001 or 0.0.0.0:8001; options with a value "
            "are written --name=value"
        )
    return {name: text.strip("[]") for name, text in found.groupdict().items() if text}
