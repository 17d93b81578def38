"""The request that is being served here, and what ends with it.

`RequestContext` is made for each request by the application, before routing, and is found through the context variable
`current_request` by everything that runs for the request: hooks, handler, threads of `async_execute`. It knows nothing
of what hangs on it.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from tornadopy.utils.awaitables import settle

if TYPE_CHECKING:
    from tornado.httputil import HTTPServerRequest
    from tornado.web import RequestHandler

    from tornadopy.application import Application

__all__ = ["RequestContext", "current_request", "request_context"]

P = ParamSpec("P")
T = TypeVar("T")
Closer = Callable[[], Awaitable[None] | None]


class RequestContext:
    """What belongs to one request from before its routing until its end.

    Attributes:
        application: The application that serves it.
        request: Tornado's request.
        handler: The handler, once there is one, until the request's end.
        route_name: The name of the route that matched, if it has one.
        cleared: Whether a hook has dropped the remaining hooks.
        failure: An error that arose before there was a handler; the handler raises it first.
        request_id_if_known: The request's id, if there is one already.
        variables: The context variables that all code of the request shares, until its end.

    .. versionadded:: 2.0
    """

    # PERF: most requests set none of these (benchmarks/overhead.py).
    handler: RequestHandler | None = None
    route_name: str | None = None
    _state: dict[Any, Any] | None = None
    _tasks: set[asyncio.Task[None]] | None = None

    def __init__(self, application: Application, request: HTTPServerRequest) -> None:
        self.application = application
        self.request = request
        # PERF: each request asks for these, and what the object has is found faster than what its class has.
        self.cleared = False
        self.failure: BaseException | None = None
        self.request_id_if_known: str | None = None
        self._closers: list[Closer] | None = None
        variables = copy_context()
        self.variables: Context | None = variables
        # PERF: most of what runs among them does so before the end (benchmarks/handler.py).
        self.run = variables.run  # type: ignore[method-assign,assignment]
        self.run(current_request.set, self)

    @property
    def state(self) -> dict[Any, Any]:
        """What middlewares keep for the request, by a key of their own."""
        if self._state is None:
            self._state = {}
        return self._state

    @property
    def request_id(self) -> str:
        """The id of the request, made when it is first asked for: sixteen hexadecimal digits."""
        if self.request_id_if_known is None:
            self.request_id_if_known = secrets.token_hex(8)
        return self.request_id_if_known

    def clear(self) -> None:
        """Drop every remaining hook of every phase for this request."""
        self.cleared = True

    def on_end(self, closer: Closer) -> None:
        """Call *closer* when the response is finished and the handler has returned, or on abort.

        Closers run in reverse order, whatever happened to the request, `clear` included; they may be asynchronous.
        """
        if self._closers is None:
            self._closers = []
        self._closers.append(closer)

    async def end(self) -> None:
        """Run the closers, each of them even if another fails."""
        cancellation: asyncio.CancelledError | None = None
        while self._closers:
            closer = self._closers.pop()
            try:
                result = closer()
                if isawaitable(result):
                    await settle(result)
            except asyncio.CancelledError as error:
                cancellation = error
            except Exception:
                logging.getLogger("tornado.application").exception("Error at the end of a request, in %r", closer)
        if cancellation is not None:
            raise cancellation

    def end_then(self, then: Callable[[], None]) -> None:
        """Run the closers, as a task if there are any, and call *then* whatever becomes of them."""
        if self._closers:
            self.spawn(self._end_then(then))
        else:
            then()

    async def _end_then(self, then: Callable[[], None]) -> None:
        try:
            await self.end()
        finally:
            then()

    def release(self) -> None:
        """Let go of what refers back to this context, so that nothing of a request waits for the garbage collector."""
        if self.variables is not None:
            del self.run
        self.handler = self.failure = self.variables = None

    def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call *function* among the request's context variables; once it has ended, among those that are there."""
        return function(*args, **kwargs)

    def spawn(self, work: Coroutine[Any, Any, None], *, variables: Context | None = None) -> asyncio.Task[None]:
        """Run *work* as a task of the request, and hold it until it is done.

        *work* handles its own errors; only that of a client which is gone may come out of it.

        Args:
            work: What is to be done.
            variables: The context variables to do it in; None means the request's own.
        """
        task = asyncio.get_running_loop().create_task(work, context=variables or self.variables)
        if self._tasks is None:
            self._tasks = set()
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        return task

    def cancel_tasks(self) -> None:
        """Cancel what has been spawned and is not done."""
        for task in tuple(self._tasks or ()):
            task.cancel()

    def _forget(self, task: asyncio.Task[None]) -> None:
        if self._tasks is not None:
            self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waits for the task gets it; nobody has to


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
