"""Which class serves: the one that ``HTTP_SERVER`` names.

Called where a server is made: by `tornadopy.webserver`, and by ``Application.listen``. Knows nothing of the servers
themselves, so that tornadopy's is imported only where it serves.
"""

from __future__ import annotations

from inspect import isclass

from tornado.httpserver import HTTPServer

from tornadopy.exceptions import ConfigError
from tornadopy.utils.imports import import_setting

BACKLOG = 4096
"""How many connections wait to be accepted; with Tornado's 128, two thousand at once wait for seconds."""


def import_server(declared: str | type) -> type[HTTPServer]:
    """Return the class of the HTTP server.

    Args:
        declared: The value of ``HTTP_SERVER``: the class, or its dotted name.

    Raises:
        ConfigError: It cannot be imported, or is no HTTP server.

    .. versionadded:: 2.0
    """
    server_class = import_setting("HTTP_SERVER", declared) if isinstance(declared, str) else declared
    if not isclass(server_class) or not issubclass(server_class, HTTPServer):
        raise ConfigError(
            f"HTTP_SERVER: {declared!r} is no HTTP server; it does not inherit tornado.httpserver.HTTPServer"
        )
    return server_class
