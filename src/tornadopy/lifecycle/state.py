"""What a handler remembers of its request's way; the ground that the other rooms of `tornadopy.lifecycle` stand on."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any, ClassVar

from tornado.web import RequestHandler

from tornadopy.context import RequestContext
from tornadopy.lifecycle.plan import Plan
from tornadopy.middleware.pipeline import Hook, Pipeline


class HandlerState(RequestHandler):
    """A Tornado handler with the state of its request.

    Attributes:
        context: The request's `RequestContext`.
        routed_class: The class that was routed, if this one only serves it; else None.
        _pipeline: The application's hooks.
        _plan: What of the request may be done in one go.
        _url_kwargs: The keyword arguments of the route and its `Url`, for this request alone.
        _task: The task that runs the handler.
        _flush_task, _finish_task: What sends the response once its asynchronous hooks are through.
        _fail_task: What answers a failed response once the asynchronous exception hooks are through.
        _response_hooks: The response hooks that have not run yet; None before the first.
        _sealed: Whether `finish` has been called and waits for asynchronous hooks.
        _sent: What resolves when the bytes of the response are on their way.
        _hook_finished: Whether a response hook has called `finish`.
        _is_in_hooks: Whether a plain response hook is running.
        _aborted: Whether the client is gone.
        _returned: Whether the handler's method has returned.
        _is_gone: Whether there is nothing more to do, and the bytes of the response are on their way.
        _concluded, _completed: Whether what comes after the response has begun, and is through.
        _streamed_length: The bytes of body that have been flushed before the end.
        _spawned: Whether tasks have been started for the response.
        _body_is_broken: Whether a streamed body has broken off.
    """

    context: RequestContext
    _pipeline: Pipeline
    _plan: Plan
    _plan_of_class: ClassVar[Plan] = Plan()  # PERF: an attribute that class and instance have is read slowly
    _url_kwargs: dict[str, Any]

    routed_class: ClassVar[type[RequestHandler] | None] = None
    _task: asyncio.Task[Any] | None = None
    _prepared_future = None
    _flush_task: asyncio.Task[None] | None = None
    _finish_task: asyncio.Task[None] | None = None
    _fail_task: asyncio.Task[None] | None = None
    _response_hooks: Iterator[Hook] | None = None
    _sent: asyncio.Future[None] | None = None
    _sealed = False
    _hook_finished = False
    _is_in_hooks = False
    _aborted = False
    _returned = False
    _is_gone = False
    _concluded = False
    _completed = False
    _streamed_length = 0
    _spawned = False
    _body_is_broken = False

    @property
    def _answered(self) -> bool:
        """Whether there is an answer already, for the code that asks: the one that answers a failure is not bound."""
        if self._finished or self._sealed:
            return True
        return self._fail_task is not None and asyncio.current_task() is not self._fail_task

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run *work* as a task of this request, in the context that its handler sees."""
        self._spawned = True
        return self.context.spawn(work)
