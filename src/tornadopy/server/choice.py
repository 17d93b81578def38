"""Which class serves: the one that ``HTTP_SERVER`` names.

Called where a server is made: by `tornadopy.webserver`, and by ``Application.listen``. Knows nothing of the servers
themselves, so that tornadopy's is imported only where it serves.
"""

from __future__ import annotations

import socket
from inspect import isclass
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPServerConnectionDelegate

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


def start_server(
    declared: str | type,
    delegate: HTTPServerConnectionDelegate,
    port: int,
    address: str | None = None,
    *,
    family: socket.AddressFamily = socket.AF_UNSPEC,
    backlog: int = BACKLOG,
    flags: int | None = None,
    reuse_port: bool = False,
    **kwargs: Any,
) -> HTTPServer:
    """Make a server and let it accept connections on a port, as `tornado.web.Application.listen` does.

    Args:
        declared: The value of ``HTTP_SERVER``.
        delegate: What is served.
        port: Where; 0 takes a free one.
        address: As Tornado's, and so are family, flags and reuse_port.
        family: See there.
        backlog: How many connections wait to be accepted.
        flags: See there.
        reuse_port: See there.
        **kwargs: For the server.

    Raises:
        ConfigError: *declared* is no HTTP server.

    .. versionadded:: 2.0
    """
    server = import_server(declared)(delegate, **kwargs)
    server.listen(port, address=address, family=family, backlog=backlog, flags=flags, reuse_port=reuse_port)
    return server
