"""WebSockets whose handshake passes the middleware pipeline like any other request.

What is opened while a message is handled ends with that message, not with the connection, which may last for days. The
handshake with `open`, and `on_close`, count as messages of their own.
"""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextvars import copy_context
from types import MappingProxyType
from typing import Any, cast

from tornado.httputil import HTTPServerRequest
from tornado.web import Application
from tornado.websocket import WebSocketHandler as TornadoWebSocketHandler
from tornado.websocket import WebSocketProtocol, WebSocketProtocol13, _WebSocketParams

from tornadopy.context import Closer, Scope, current_message
from tornadopy.handler import ErrorPageHandler
from tornadopy.lifecycle import LifecycleHandler
from tornadopy.utils.awaitables import complete

__all__ = ["WebSocketHandler"]


class WebSocketHandler(TornadoWebSocketHandler, ErrorPageHandler):
    """Tornado's `WebSocketHandler` with middleware.

    The ``response`` hooks run before the handshake is accepted; one that finishes the response, or raises, refuses it.

    .. versionadded:: 2.0
    """

    _kept_kwargs: Mapping[str, Any] = MappingProxyType({})  # Tornado's __init__ hands none on

    def __init__(self, application: Application, request: HTTPServerRequest, /, **kwargs: Any) -> None:
        # NOTE: Tornado's __init__ comes next, and cannot take a route's "application" or "request".
        if kwargs:
            self._kept_kwargs = kwargs
        super().__init__(application, request)
        self._opening = _Opening(self.context)
        current_message.set(self._opening)

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

    def _end_opening(self) -> Awaitable[None] | None:
        """End what was opened for the handshake; return what is to be awaited for that, if anything."""
        # PERF: what a dictionary has grown by, it keeps; its copy has the size of what is in it.
        self.__dict__ = dict(vars(self).items())
        return self._opening.end_now()

    def on_connection_close(self) -> None:
        """Tell `on_close`, as Tornado does; what it opens ends with the request."""
        if self.context.is_ended:
            super().on_connection_close()
            return
        closing = Scope()
        self.context.on_end(closing.end_now)
        token = current_message.set(closing)
        try:
            super().on_connection_close()
        finally:
            current_message.reset(token)


class _Opening(Scope):
    """The scope of a handshake and of `open`; a request that ends before them ends what they have opened.

    Args:
        context: The request's.
    """

    def __init__(self, context: Scope) -> None:
        self._context = context

    def on_end(self, closer: Closer) -> None:
        """Call *closer* when the first message may come, or when the request ends."""
        # PERF: the request gets to know of this scope only where it opens something; most keep nothing for it.
        if not self.has_opened and not self.is_ended:
            self._context.on_end(self.end_now)
        super().on_end(closer)


class _HookedProtocol(WebSocketProtocol13):
    # PERF: a coroutine that waits for the next one is memory that an idle socket keeps (benchmarks/harness/idle.py);
    # where there is nothing to wait for before it, there is only Tornado's own.

    def accept_connection(self, handler: TornadoWebSocketHandler) -> Coroutine[Any, Any, None]:
        if isinstance(handler, LifecycleHandler):
            if handler._has_work_before_headers or handler._finished:
                return self._accept_after_hooks(handler)
            handler._write_buffer.clear()
        return super().accept_connection(handler)

    async def _accept_after_hooks(self, handler: LifecycleHandler) -> None:
        await handler.run_response_hooks()
        if not handler._finished:
            handler._write_buffer.clear()  # a handshake has no body, whatever a hook has appended
            await super().accept_connection(cast("TornadoWebSocketHandler", handler))

    def _receive_frame_loop(self) -> Coroutine[Any, Any, None]:
        if isinstance(self.handler, WebSocketHandler):
            ending = self.handler._end_opening()
            if ending is not None:
                return self._receive_after(ending)
        return super()._receive_frame_loop()

    async def _receive_after(self, ending: Awaitable[None]) -> None:
        await ending
        await super()._receive_frame_loop()

    def _run_callback(self, callback: Callable[..., Any], *args: Any, **kwargs: Any) -> Future[Any] | None:
        """Call what handles a message in a scope of its own; the next message waits for the end of both."""
        message, variables = Scope(), copy_context()
        variables.run(current_message.set, message)
        handled = variables.run(super()._run_callback, callback, *args, **kwargs)
        # NOTE: in this order, for a thread may open something between the two; see `Scope.on_end`.
        message.is_ended = handled is None and not message.has_opened
        if message.is_ended and not message.has_opened:
            return None
        return asyncio.ensure_future(_end_after(handled, message))


async def _end_after(handled: Future[Any] | None, message: Scope) -> None:
    try:
        if handled is not None:
            await handled
    finally:
        await complete(message.end())
