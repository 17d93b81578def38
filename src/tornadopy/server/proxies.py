"""Trusted proxies: whose word counts about the client's address, its scheme, and the request's id.

Stands between the server and the application, whatever the server. `XHEADERS` puts it there; `TRUSTED_PROXIES` says
whose headers are believed.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Sequence
from ipaddress import ip_address
from typing import Any

from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    HTTPServerRequest,
    RequestStartLine,
    ResponseStartLine,
)

from tornadopy.utils.addresses import parse_addresses

_REQUEST_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{7,127}")
_LOOPBACK = ("127.0.0.0/8", "::1/128")


def incoming_request_id(headers: HTTPHeaders) -> str | None:
    """Return the request id in *headers*, if it is well-formed."""
    given = headers.get("X-Request-Id", "")
    return given if _REQUEST_ID.fullmatch(given) else None


def trusted_request_id(request: HTTPServerRequest) -> str | None:
    """Return the id that a trusted proxy has given *request*."""
    return getattr(getattr(request.connection, "context", None), "request_id", None)


class TrustedProxies(HTTPServerConnectionDelegate):
    """Believe the forwarding headers of trusted peers, and of nobody else.

    From a trusted peer ``X-Real-Ip``, ``X-Forwarded-For`` (the last address that is no trusted proxy), ``X-Scheme`` and
    ``X-Forwarded-Proto`` replace the connection's address and scheme, as with Tornado's ``xheaders``; its
    ``X-Request-Id`` is kept. From any other peer they mean nothing.

    Args:
        delegate: What requests are handed to.
        trusted: Addresses and networks; none means loopback and Unix sockets.

    Raises:
        ConfigError: An entry is neither an address nor a network.
    """

    def __init__(self, delegate: HTTPServerConnectionDelegate, trusted: Sequence[str]) -> None:
        self._delegate = delegate
        if hasattr(delegate, "is_behind_proxies"):
            delegate.is_behind_proxies = True
        self._addresses = parse_addresses(trusted or _LOOPBACK, source="TRUSTED_PROXIES")
        self._trusts_unix = not trusted

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        """Return the delegate of a new request."""
        return _ForwardedRequest(self, self._delegate.start_request(server_conn, request_conn), request_conn)

    def on_close(self, server_conn: object) -> None:
        """Pass on that a connection is closed."""
        self._delegate.on_close(server_conn)

    def trusts_peer(self, context: Any) -> bool:
        """Whether the peer of the connection with *context* is a trusted proxy."""
        if isinstance(context.address, tuple):
            return self.is_trusted(str(context.remote_ip))
        return self._trusts_unix

    def is_trusted(self, address: str) -> bool:
        """Whether *address* is that of a trusted proxy."""
        return address in self._addresses


class _ForwardedRequest(HTTPMessageDelegate):
    def __init__(self, proxies: TrustedProxies, delegate: HTTPMessageDelegate, connection: HTTPConnection) -> None:
        self._proxies = proxies
        self._delegate = delegate
        self._context: Any = getattr(connection, "context", None)
        self._original: tuple[str, str] | None = None

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        if self._context is not None and self._proxies.trusts_peer(self._context):
            self._original = self._context.remote_ip, self._context.protocol
            self._apply(headers)
        return self._delegate.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        return self._delegate.data_received(chunk)

    def finish(self) -> None:
        self._delegate.finish()
        self._restore()

    def on_connection_close(self) -> None:
        self._delegate.on_connection_close()
        self._restore()

    def _apply(self, headers: HTTPHeaders) -> None:
        given = headers.get("X-Real-Ip") or self._client_of(headers.get("X-Forwarded-For", ""))
        if given and _is_address(given):
            self._context.remote_ip = given
        scheme = headers.get("X-Scheme") or headers.get("X-Forwarded-Proto", "")
        scheme = scheme.rsplit(",", 1)[-1].strip().lower()
        if scheme in {"http", "https"}:
            self._context.protocol = scheme

        self._context.request_id = incoming_request_id(headers)

    def _client_of(self, forwarded: str) -> str:
        """Return the last address of *forwarded* that is no trusted proxy, or the first of all."""
        address = ""
        for each in reversed(forwarded.split(",")):
            address = each.strip()
            if not self._proxies.is_trusted(address):
                break
        return address

    def _restore(self) -> None:
        # The headers speak of one request; the connection's next one may come from another client.
        if self._original is not None:
            self._context.remote_ip, self._context.protocol = self._original
            self._context.request_id = None
            self._original = None


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
