"""The command-line options that every server knows, beside the user's own.

Command-line options are the process's (Tornado's ``options``); they are defined when a server reads them.
"""

from __future__ import annotations

from tornado.options import OptionParser


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
