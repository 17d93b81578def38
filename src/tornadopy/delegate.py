"""From a routed request to a running handler: the delegate that the server feeds, and the classes it makes handlers of.

Called by the application; knows the handler's life cycle and the request's context.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from inspect import iscoroutine
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from tornado.concurrent import Future
from tornado.httputil import HTTPHeaders, RequestStartLine, ResponseStartLine
from tornado.web import OutputTransform, RequestHandler, StaticFileHandler, _HandlerDelegate
from tornado.websocket import WebSocketHandler as TornadoWebSocketHandler

from tornadopy.handler import ErrorHandler, ErrorPageHandler
from tornadopy.lifecycle import LifecycleHandler
from tornadopy.lifecycle.errors import status_of
from tornadopy.lifecycle.response import LengthCounter
from tornadopy.websocket import WebSocketHandler

if TYPE_CHECKING:
    from tornadopy.application import Application
    from tornadopy.context import RequestContext
    from tornadopy.types import PathArgument


_SMALL = 4096  # bytes; pieces of a body that have fewer are put together as they come
_NOTHING: Mapping[str, PathArgument] = MappingProxyType({})


def adapt(handler_class: type[RequestHandler]) -> type[LifecycleHandler]:
    """Return the class that serves what is routed to *handler_class*.

    A class of ours serves itself. Any other gets a subclass of its own name in which `LifecycleHandler` stands right
    above Tornado's `RequestHandler`, below everything that the class itself defines, with tornadopy's error pages.
    """
    if issubclass(handler_class, LifecycleHandler):
        handler_class.look_at_overrides()
        return handler_class
    base = WebSocketHandler if issubclass(handler_class, TornadoWebSocketHandler) else ErrorPageHandler
    names = {
        "__module__": handler_class.__module__,
        "__qualname__": handler_class.__qualname__,
        "__doc__": handler_class.__doc__,
        "routed_class": handler_class,
    }
    bases = (base,) if issubclass(base, handler_class) else (handler_class, base)  # RequestHandler itself can be routed
    return type(handler_class.__name__, bases, names)


class HandlerDelegate(_HandlerDelegate):
    """Collect a request for its handler, or stream it there, and start the handler."""

    application: Application
    handler: LifecycleHandler
    handler_class: type[LifecycleHandler]
    chunks: list[bytes | bytearray]  # type: ignore[assignment]  # Tornado copies each piece

    def __init__(
        self,
        application: Application,
        context: RequestContext,
        handler_class: type[LifecycleHandler],
        handler_kwargs: dict[str, Any] | None,
        path_args: list[bytes] | None,
        path_kwargs: dict[str, bytes] | None,
    ) -> None:
        # PERF: what Tornado's own does, without a second call.
        request = context.request
        self.application = application
        self.connection = request.connection
        self.request = request
        self.handler_class = handler_class
        self.handler_kwargs = handler_kwargs or {}
        self.path_args = path_args or []
        self.path_kwargs = path_kwargs or {}
        self.stream_request_body = handler_class._stream_request_body
        self.chunks = []
        self.context = context

    @property
    def collects(self) -> bool:
        """Whether it takes pieces of any size, for it only puts them together; our own server asks."""
        return not self.stream_request_body

    @property
    def takes_whole(self) -> bool:
        """Whether it can `serve` the request, which has come whole to our own server: its body is not too large."""
        connection: Any = self.connection
        return not self.stream_request_body and len(self.request.body) <= connection.max_body_size

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        """Start a handler that streams its body; any other waits for it."""
        if self.stream_request_body:
            return super().headers_received(start_line, headers)
        self.application.receiving.add(self)
        return None

    def finish(self) -> None:
        """Take note that the body has come whole; a handler that does not stream it is started now."""
        if self.stream_request_body:
            super().finish()
            return
        self.request.body = b"".join(self.chunks)
        self.execute()

    def execute(self) -> Awaitable[None] | None:
        """Make the handler and start it; return what the server awaits before it streams the body."""
        application = self.application
        application.receiving.discard(self)
        if application.forgets_files:
            self._forget_cached_files()
        return self.context.run(self._start, application, self.context)

    def serve(self) -> None:
        """Serve the request, which has come whole, among its context variables."""
        if self.application.forgets_files:
            self._forget_cached_files()
        serve(self.application, self.context, self.handler_class, self.handler_kwargs, self.path_args, self.path_kwargs)

    def _start(self, application: Application, context: RequestContext) -> Awaitable[None] | None:
        if not self.stream_request_body:
            self.handler = serve(
                application, context, self.handler_class, self.handler_kwargs, self.path_args, self.path_kwargs
            )
            return None
        self.handler = handler = _make(application, context, self.handler_class, self.handler_kwargs)
        application.active.add(handler)
        if context.failure is not None:
            self.path_args, self.path_kwargs = [], {}
        handler._prepared_future = Future()  # type: ignore[assignment]  # Tornado infers None
        transforms = _transforms(application, handler)
        _execute(handler, transforms, self.path_args, self.path_kwargs).add_done_callback(_raise_error)
        return handler._prepared_future

    def data_received(self, data: bytes) -> Awaitable[None] | None:
        """Take in a piece of the body; a handler that streams gets it in the request's own context.

        A handler that has answered gets no more, even while asynchronous hooks hold its answer back.
        """
        if not self.stream_request_body:
            self._collect(data)
            return None
        if self.handler._answered:
            return None
        result = self.context.run(self.handler.data_received, data)
        return self.context.spawn(result) if iscoroutine(result) else result

    def _collect(self, data: bytes) -> None:
        # PERF: large pieces are copied once, at the end. Who sends byte by byte takes no more memory than the body has,
        # and no more time than it takes to copy it a few times.
        chunks = self.chunks
        if len(data) >= _SMALL:
            chunks.append(data)
        elif chunks and isinstance(chunks[-1], bytearray):
            chunks[-1] += data
        else:
            chunks.append(bytearray(data))

    def on_connection_close(self) -> None:
        """Tell the handler, if there is one yet, that the client is gone."""
        handler = getattr(self, "handler", None)
        if handler is not None:
            handler._connection_closed()
        else:
            self.chunks = []
            self.context.end_then(self._be_gone)

    def _be_gone(self) -> None:
        self.application.receiving.discard(self)
        self.application.look_for_idleness()

    def _forget_cached_files(self) -> None:
        # In debug a change to a template or a static file shows without a restart, as in Tornado.
        application = self.application
        if not application.settings.get("compiled_template_cache", True):
            application.templates.reset()
        if not application.settings.get("static_hash_cache", True):
            application.settings.get("static_handler_class", StaticFileHandler).reset()


def serve(
    application: Application,
    context: RequestContext,
    handler_class: type[LifecycleHandler],
    handler_kwargs: dict[str, Any] | None,
    path_args: Sequence[PathArgument] = (),
    path_kwargs: Mapping[str, PathArgument] = _NOTHING,
) -> LifecycleHandler:
    """Make the handler of a request that has come whole, start it, and return it; among the request's variables."""
    if handler_kwargs:
        handler = _make(application, context, handler_class, handler_kwargs)
    else:
        try:
            handler = handler_class(application, context.request)  # PERF: without another call
        except Exception as error:
            handler = _make_after(error, application, context)
    if context.failure is not None:
        path_args, path_kwargs = (), _NOTHING
    transforms = _transforms(application, handler) if application.transforms else []
    # PERF: most handlers wait for nothing, and a task costs as much as half of the rest (benchmarks/handlers.py).
    if context.request.method in handler._plan.methods_at_once and not handler._pipeline.is_asynchronous:
        task = handler.execute_at_once(transforms, path_args, path_kwargs)
        if handler._is_gone:
            return handler
    else:
        task = _execute(handler, transforms, path_args, path_kwargs)
    application.active.add(handler)
    if task is not None:
        task.add_done_callback(_raise_error)
    return handler


def _make(
    application: Application,
    context: RequestContext,
    handler_class: type[LifecycleHandler],
    kwargs: dict[str, Any] | None,
) -> LifecycleHandler:
    try:
        return handler_class(application, context.request, **(kwargs or {}))
    except Exception as error:
        return _make_after(error, application, context)


def _make_after(error: Exception, application: Application, context: RequestContext) -> LifecycleHandler:
    """Return what answers *error*, which arose before there was a handler."""
    context.failure = error
    return ErrorHandler(application, context.request, status_code=status_of(error))


def _transforms(application: Application, handler: LifecycleHandler) -> list[OutputTransform]:
    transforms = [transform(handler.request) for transform in application.transforms]
    return [*transforms, LengthCounter(handler)] if transforms else []


def _execute(
    handler: LifecycleHandler,
    transforms: list[OutputTransform],
    path_args: Sequence[PathArgument],
    path_kwargs: Mapping[str, PathArgument],
) -> asyncio.Task[None]:
    args = [_as_tornado_has_it(value) for value in path_args]
    kwargs = {name: _as_tornado_has_it(value) for name, value in path_kwargs.items()}
    return asyncio.get_running_loop().create_task(
        handler._execute(transforms, *args, **kwargs), context=handler.context.variables
    )


def _as_tornado_has_it(argument: PathArgument) -> Any:
    return argument.encode() if isinstance(argument, str) else argument


def _raise_error(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        task.result()  # the handler has answered every error of its own; anything else is for the loop's log
