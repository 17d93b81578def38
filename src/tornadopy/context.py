"""The request that is being served here, and what ends with it.

`RequestContext` is made for each request by the application, before routing, and is found through the context variable
`current_request` by everything that runs for the request: hooks, handler, threads of `async_execute`. It knows nothing
of what hangs on it.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tornado.httputil import HTTPServerRequest
    from tornado.web import RequestHandler

    from tornadopy.application import Application

__all__ = ["RequestContext", "current_request", "request_context"]

Closer = Callable[[], Awaitable[None] | None]


class RequestContext:
    """What belongs to one request from before its routing until its end.

    Attributes:
        application: The application that serves it.
        request: Tornado's request.
        handler: The handler, once there is one.
        route_name: The name of the route that matched, if it has one.
        cleared: Whether a hook has dropped the remaining hooks.
        failure: An error that arose before there was a handler; the handler raises it first.
        state: What middlewares keep for the request, by a key of their own.

    .. versionadded:: 2.0
    """

    __slots__ = ("_closers", "application", "cleared", "failure", "handler", "request", "route_name", "state")

    def __init__(self, application: Application, request: HTTPServerRequest) -> None:
        self.application = application
        self.request = request
        self.handler: RequestHandler | None = None
        self.route_name: str | None = None
        self.cleared = False
        self.failure: BaseException | None = None
        self.state: dict[Any, Any] = {}
        self._closers: list[Closer] = []

    def clear(self) -> None:
        """Drop every remaining hook of every phase for this request."""
        self.cleared = True

    def on_end(self, closer: Closer) -> None:
        """Call *closer* when the response is finished and the handler has returned, or on abort.

        Closers run in reverse order, whatever happened to the request, `clear` included; they may be asynchronous.
        """
        self._closers.append(closer)

    async def end(self) -> None:
        """Run the closers, each of them even if another fails."""
        while self._closers:
            closer = self._closers.pop()
            try:
                result = closer()
                if isawaitable(result):
                    await result
            except Exception:
                logging.getLogger("tornado.application").exception("Error at the end of a request, in %r", closer)

    @property
    def has_closers(self) -> bool:
        """Whether anything waits for the request's end."""
        return bool(self._closers)


current_request: ContextVar[RequestContext | None] = ContextVar("tornadopy.current_request", default=None)
"""The request that is being served here, or None."""


class CurrentRequest:
    """A view of the current request for code that is not handed it.

    .. versionadded:: 2.0
    """

    @property
    def context(self) -> RequestContext:
        """The context of the current request.

        Raises:
            RuntimeError: No request is being served here.
        """
        context = current_request.get()
        if context is None:
            raise RuntimeError(
                "no request is being served here; request_context works in handlers, hooks and their tasks"
            )
        return context

    @property
    def request(self) -> HTTPServerRequest:
        """Tornado's request."""
        return self.context.request

    @property
    def handler(self) -> RequestHandler | None:
        """The handler of the request, once it is routed."""
        return self.context.handler

    @property
    def application(self) -> Application:
        """The application that serves the request."""
        return self.context.application

    def __bool__(self) -> bool:
        return current_request.get() is not None


request_context = CurrentRequest()
"""The current request: ``request_context.request``, ``.handler``, ``.application``."""
