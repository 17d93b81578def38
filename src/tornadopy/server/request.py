"""A request that is taken apart when somebody asks, for routers whose requests Tornado would make.

Called by `tornadopy.server.http`. What `tornado.httputil.HTTPServerRequest` refuses is refused here, and as early.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable
from typing import TYPE_CHECKING

from tornado import httputil
from tornado.escape import parse_qs_bytes
from tornado.httputil import HTTPHeaders, HTTPInputError, RequestStartLine, ResponseStartLine, split_host_and_port
from tornado.routing import _DefaultMessageDelegate, _RoutingDelegate

from tornadopy.utils.lazyattributes import Lazy

if TYPE_CHECKING:
    from tornadopy.server.exchange import Exchange
    from tornadopy.server.head import RequestHeaders
    from tornadopy.server.protocol import ServerConnection


class HTTPServerRequest(httputil.HTTPServerRequest):
    """Tornado's request; arguments and host name are parsed when they are first used.

    Args:
        connection: The answer.
        server_connection: The connection.
        start_line: The request line.
        headers: The header fields.

    Raises:
        HTTPInputError: There is no ``Host``, or it is malformed, or there are too many arguments.
    """

    # PERF: most requests have neither; and what is to be parsed is parsed when it is first asked for.
    body = b""
    query = ""
    _finish_time = None
    arguments = Lazy(lambda request: parse_query(request.query))
    query_arguments = Lazy(lambda request: parse_query(request.query))
    body_arguments = Lazy(lambda _request: {})
    files = Lazy(lambda _request: {})
    host_name = Lazy(lambda request: split_host_and_port(request.host.lower())[0])

    def __init__(
        self,
        connection: Exchange,
        server_connection: ServerConnection,
        start_line: RequestStartLine,
        headers: RequestHeaders,
    ) -> None:
        # NOTE: the attributes of Tornado's; its __init__ would parse everything.
        self.method, uri, self.version = start_line
        self.uri = uri
        self.headers = headers
        context = server_connection.context
        self.remote_ip = context.remote_ip
        self.protocol = context.protocol
        self.connection = connection
        self.server_connection = server_connection
        self._start_time = time.time()
        line = context.host_line
        if line and headers.repeat_host(line):
            self.host = context.host  # PERF: clients repeat the first field
        else:
            self.host = context.host = _host(headers, start_line.version)
            context.host_line = headers.host_line()
        if "?" not in uri:
            self.path = uri
            return
        self.path, _, self.query = uri.partition("?")
        if self.query.count("&") >= httputil._DEFAULT_PARSE_BODY_CONFIG.urlencoded.max_arguments:
            raise HTTPInputError("Invalid query string: too many fields")


def parse_query(query: str) -> dict[str, list[bytes]]:
    """Return the arguments of a query, as `tornado.escape.parse_qs_bytes` does with blank ones kept."""
    if "%" in query or "+" in query:
        return parse_qs_bytes(query, keep_blank_values=True)
    # PERF: without quoting this is a quarter of the work (benchmarks/http_server.py); one argument is the usual thing.
    if query and "&" not in query:
        name, _, value = query.partition("=")
        return {name: [value.encode("latin-1")]}
    arguments: dict[str, list[bytes]] = {}
    for pair in query.split("&"):
        if pair:
            name, _, value = pair.partition("=")
            arguments.setdefault(name, []).append(value.encode("latin-1"))
    return arguments


def _host(headers: RequestHeaders, version: str) -> str:
    """Return the host that is asked; see Tornado's."""
    host: str | None = headers.get("Host")
    if host is None:
        if version == "HTTP/1.0":
            return "127.0.0.1"
        raise HTTPInputError("Missing Host header")
    if not httputil._ABNF.host.fullmatch(host):
        raise HTTPInputError(f"Invalid Host header: {host!r}")
    if "," in host:
        raise HTTPInputError(f"Multiple host headers not allowed: {host!r}")
    return host


class RoutedRequest(_RoutingDelegate):
    """Tornado's way from a head to the delegate that a router finds, with a request of ours."""

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        """Make the request and route it."""
        request = HTTPServerRequest(self.request_conn, self.server_conn, start_line, headers)  # type: ignore[arg-type]
        delegate = self.router.find_handler(request)
        self.delegate = delegate = _DefaultMessageDelegate(self.request_conn) if delegate is None else delegate
        return delegate.headers_received(start_line, headers)
