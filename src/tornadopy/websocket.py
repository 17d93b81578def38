"""WebSockets whose handshake passes the middleware pipeline like any other request."""

from __future__ import annotations

from typing import Any

from tornado.httputil import HTTPServerRequest
from tornado.web import Application
from tornado.websocket import WebSocketHandler as TornadoWebSocketHandler
from tornado.websocket import WebSocketProtocol, WebSocketProtocol13, _WebSocketParams

from tornadopy.handler import ErrorPageHandler
from tornadopy.lifecycle import LifecycleHandler

__all__ = ["WebSocketHandler"]


class WebSocketHandler(TornadoWebSocketHandler, ErrorPageHandler):
    """Tornado's `WebSocketHandler` with middleware.

    The ``response`` hooks run before the handshake is accepted; one that finishes the response, or raises, refuses it.

    .. versionadded:: 2.0
    """

    def __init__(self, application: Application, request: HTTPServerRequest, /, **kwargs: Any) -> None:
        # NOTE: Tornado's __init__ comes next, and cannot take a route's "application" or "request".
        self._kept_kwargs = kwargs
        super().__init__(application, request)

    def get_websocket_protocol(self) -> WebSocketProtocol | None:
        """Return the protocol that takes the connection over; it waits for the ``response`` hooks first."""
        if self.request.headers.get("Sec-WebSocket-Version") != "13":
            return None
        parameters = _WebSocketParams(
            ping_interval=self.ping_interval,
            ping_timeout=self.ping_timeout,
            max_message_size=self.max_message_size,
            compression_options=self.get_compression_options(),
        )
        return _HookedProtocol(self, False, parameters)


class _HookedProtocol(WebSocketProtocol13):
    async def accept_connection(self, handler: TornadoWebSocketHandler) -> None:
        if isinstance(handler, LifecycleHandler):
            await handler.run_response_hooks()
            if handler._finished:
                return
            handler._write_buffer.clear()  # a handshake has no body, whatever a hook has appended
        await super().accept_connection(handler)
