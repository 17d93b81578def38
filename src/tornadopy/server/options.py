"""The command-line options that every server knows, beside the user's own.

Command-line options are the process's (Tornado's ``options``); they are defined when a server reads them.
"""

from __future__ import annotations

from collections.abc import Sequence

from tornado.options import OptionParser

from tornadopy.exceptions import ArgumentError
from tornadopy.utils.suggest import nearest


def define_options(options: OptionParser) -> None:
    """Define the built-in options on *options*, except those that the user has defined already."""
    for name, default, kind, text in (
        ("port", 8000, int, "port to listen on"),
        ("address", "127.0.0.1", str, "address to listen on; 0.0.0.0 for all"),
        ("settings", "", str, "settings module, such as settings.setting"),
        ("logging_dir", "", str, "folder of the log files; wins over LOGGING_DIR"),
        ("log_port_prefix", False, bool, "put the port into the names of log files"),
        ("disable_log", True, bool, "False uses Tornado's own logging in place of tornadopy's"),
        ("log_patch", True, bool, "False uses the standard library's log file handler, which one process can use"),
        ("traceback", False, bool, "show the traceback of an error that ends the start"),
    ):
        if name not in options:
            options.define(name, default=default, type=kind, help=text, group="tornadopy")


def refuse_unknown(options: OptionParser, args: Sequence[str]) -> None:
    """Refuse an option that *options* does not know, in a line; Tornado would print all that it knows before.

    Args:
        options: With every option defined.
        args: The command line with the program's name first.

    Raises:
        ArgumentError: An option is unknown.
    """
    for argument in args[1:]:
        if not argument.startswith("-") or argument == "--":
            return
        name = argument.lstrip("-").partition("=")[0]
        if name not in options:
            guess = nearest(name.replace("-", "_"), (each.replace("-", "_") for each in options))
            hint = f" (did you mean --{guess}?)" if guess else ""
            raise ArgumentError(f"command line: Unrecognized command line option: {name!r}; see --help{hint}")


def argument_at_fault(args: Sequence[str], error: ValueError) -> str:
    """Return the argument whose value *error* quotes, with a colon; nothing if that is not known."""
    values = ((argument, argument.partition("=")[2]) for argument in args[1:])
    return next((f"{argument}: " for argument, value in values if value and repr(value) in str(error)), "")
