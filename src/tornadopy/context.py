"""The request that is being served here, and what ends with it.

`RequestContext` is made for each request by the application, before routing, and is found through the context variable
`current_request` by everything that runs for the request: hooks, handler, threads of `async_execute`. It knows nothing
of what hangs on it.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from contextvars import Context, ContextVar, copy_context
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from tornadopy.utils.awaitables import settle

if TYPE_CHECKING:
    from tornado.httputil import HTTPServerRequest
    from tornado.web import RequestHandler

    from tornadopy.application import Application

__all__ = ["RequestContext", "current_context", "current_request", "request_context"]

P = ParamSpec("P")
T = TypeVar("T")
Closer = Callable[[], Awaitable[None] | None]
_Waiting = tuple[Closer, Awaitable[None]]


class Scope:
    """What is opened for a piece of work, and ends with it: for a request, or for one message of a WebSocket.

    Attributes:
        is_ended: Whether the work is over, and with it what was opened.
        has_work: Whether there ever was something that has to be done before the headers go out, or at the end.

    .. versionadded:: 2.0
    """

    # PERF: most requests set none of these (benchmarks/overhead.py).
    is_ended = False
    has_work = False
    _holders: set[object] | None = None
    _state: dict[Any, Any] | None = None
    _closers: list[Closer] | None = None

    @property
    def state(self) -> dict[Any, Any]:
        """What middlewares and others keep for the work, by a key of their own."""
        state: dict[Any, Any] = self.__dict__.setdefault("_state", {})  # two threads may come first
        return state

    @property
    def has_opened(self) -> bool:
        """Whether there is something that the end has to close."""
        return bool(self._closers)

    @property
    def is_holding(self) -> bool:
        """Whether something is held that others may be waiting for, such as a connection of a pool."""
        return bool(self._holders)

    def hold(self, holder: object) -> None:
        """Take note that *holder* holds something that others may be waiting for."""
        holders: set[object] = self.__dict__.setdefault("_holders", set())
        holders.add(holder)

    def let_go(self, holder: object) -> None:
        """Take note that *holder* does not hold it any more."""
        if self._holders is not None:
            self._holders.discard(holder)

    def on_end(self, closer: Closer) -> None:
        """Call *closer* when the response is finished and the handler has returned, or on abort.

        That of a message's scope comes when the message has been handled. Closers run in reverse order, whatever
        happened to the request, `clear` included; they may be asynchronous.

        Raises:
            RuntimeError: The work is over, and nobody would call it.
        """
        self.has_work = True
        closers: list[Closer] = self.__dict__.setdefault("_closers", [])
        closers.append(closer)
        # NOTE: in this order, for a thread may come here while the event loop ends the work in the opposite order.
        if self.is_ended:
            with suppress(ValueError):  # the event loop has found it all the same, and called it
                closers.remove(closer)
                raise RuntimeError("the request has ended; nothing more can be opened for it")

    async def end(self) -> None:
        """Run the closers, each of them even if another fails."""
        await self._end_after(self._run_closers())

    def end_now(self) -> Awaitable[None] | None:
        """Run the closers as far as nothing has to be waited for; return what is to be awaited, if anything."""
        waiting = self._run_closers()
        return None if waiting is None else self._end_after(waiting)

    def _run_closers(self) -> _Waiting | None:
        """Run closers up to the first that hands back something to await; return both."""
        while self._closers or not self.is_ended:
            if not self._closers:
                self.is_ended = True
                continue
            try:
                closer = self._closers.pop()
            except IndexError:
                continue  # a thread has just been refused, and has taken its own back
            try:
                result = closer()
            except (Exception, asyncio.CancelledError) as error:
                _log_closer(closer, error)
            else:
                if isawaitable(result):
                    return closer, result
        return None

    async def _end_after(self, waiting: _Waiting | None) -> None:
        cancellation: asyncio.CancelledError | None = None
        while waiting is not None:
            closer, result = waiting
            try:
                await settle(result)
            except asyncio.CancelledError as error:
                cancellation = error
            except Exception as error:
                _log_closer(closer, error)
            waiting = self._run_closers()
        if cancellation is not None:
            raise cancellation


class RequestContext(Scope):
    """What belongs to one request from before its routing until its end.

    Args:
        application: The application that serves it.
        request: Tornado's request.
        variables: The context variables that it is made in, and that are its own; None for a copy of those here.

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
    _preludes: list[Closer] | None = None
    _tasks: set[asyncio.Task[None]] | None = None

    def __init__(self, application: Application, request: HTTPServerRequest, variables: Context | None = None) -> None:
        self.application = application
        self.request = request
        # PERF: each request asks for these, and what the object has is found faster than what its class has.
        self.cleared = self.has_work = False
        self.failure: BaseException | None = None
        self.request_id_if_known: str | None = None
        self.variables: Context | None = variables
        if variables is not None:
            current_request.set(self)
        else:
            self.variables = copy_context()
            self.variables.run(current_request.set, self)

    @property
    def request_id(self) -> str:
        """The id of the request, made when it is first asked for: sixteen hexadecimal digits."""
        if self.request_id_if_known is None:
            self.request_id_if_known = os.urandom(8).hex()
        return self.request_id_if_known

    def clear(self) -> None:
        """Drop every remaining hook of every phase for this request."""
        self.cleared = True

    @property
    def has_preludes(self) -> bool:
        """Whether something is to be done before the headers go out."""
        return bool(self._preludes)

    def before_headers(self, prelude: Closer) -> None:
        """Call *prelude* once, after the response hooks and before the headers go out; it may be asynchronous.

        It runs whatever happened to the request, `clear` included: for pages and errors, before the first `flush` of a
        streamed response, before a handshake is accepted. An error in it is answered like that of a response hook.
        After the headers it is not called any more.
        """
        self.has_work = True
        if self._preludes is None:
            self._preludes = []
        self._preludes.append(prelude)

    def run_preludes(self) -> Awaitable[None] | None:
        """Run what is to be done before the headers go out; return what is still to be awaited."""
        while self._preludes:
            result = self._preludes.pop(0)()
            if isawaitable(result):
                return self._run_preludes_after(result)
        return None

    async def _run_preludes_after(self, waiting: Awaitable[None] | None) -> None:
        while waiting is not None:
            await settle(waiting)
            waiting = self.run_preludes()

    def end_then(self, then: Callable[[], None]) -> None:
        """Run the closers, and call *then* whatever becomes of them: at once, unless one of them has to wait."""
        # PERF: most closers have nothing to wait for, and need no task of their own (benchmarks/sessions.py).
        waiting = None
        self.is_ended = not self._closers
        if self._closers:
            here = current_request.get() is self
            waiting = self._run_closers() if here else self.run(self._run_closers)
        if waiting is None:
            then()
        else:
            self.spawn(self._end_then(waiting, then))

    async def _end_then(self, waiting: _Waiting, then: Callable[[], None]) -> None:
        try:
            await self._end_after(waiting)
        finally:
            then()

    def release(self) -> None:
        """Let go of what refers back to this context, so that nothing of a request waits for the garbage collector."""
        self.handler = self.failure = self.variables = self._preludes = None

    def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call *function* among the request's context variables; once it has ended, among those that are there."""
        if self.variables is None:
            return function(*args, **kwargs)
        return self.variables.run(function, *args, **kwargs)

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


def _log_closer(closer: Closer, error: BaseException) -> None:
    logging.getLogger("tornado.application").error("Error at the end of a request, in %r", closer, exc_info=error)


current_request: ContextVar[RequestContext | None] = ContextVar("tornadopy.current_request", default=None)
"""The request that is being served here, or None."""

current_context = current_request.get
"""Return the request that is being served here. PERF: without a bound method for each call."""

current_message: ContextVar[Scope | None] = ContextVar("tornadopy.current_message", default=None)
"""The scope of the message of a WebSocket that is being handled here, or None."""


def current_scope() -> Scope | None:
    """Return what the work done here is part of: the message of a WebSocket, else the request; None outside of both."""
    return current_message.get() or current_request.get()


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
