"""The way in: from a routed request to the handler's own method.

A handler class that is not ours is served through a subclass that puts `LifecycleHandler` right above Tornado's
`RequestHandler`, so that whatever the user overrides still comes first.
"""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Awaitable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import tornado.web
from tornado.httputil import HTTPInputError, HTTPServerRequest
from tornado.iostream import StreamClosedError
from tornado.web import Application, HTTPError, OutputTransform

from tornadopy.context import RequestContext, current_request
from tornadopy.lifecycle.response import LengthCounter, RespondingHandler
from tornadopy.middleware.pipeline import Pipeline, run, run_synchronous

_NO_PIPELINE = Pipeline()
_TORNADOS_PARAMETERS = ("application", "request")
_OWN_FILES = frozenset({__file__, str(tornado.web.__file__)})


class LifecycleHandler(RespondingHandler):
    """A Tornado handler whose requests pass the middleware pipeline."""

    _initialize_names: frozenset[str] | None = frozenset()
    _kept_kwargs: Mapping[str, Any] = MappingProxyType({})  # of a class whose __init__ hands none on

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._initialize_names = _parameters(cls.initialize)

    def __init__(self, application: Application, request: HTTPServerRequest, /, **kwargs: Any) -> None:
        context = current_request.get()
        if context is None or context.request is not request:
            context = RequestContext(application, request)  # type: ignore[arg-type]  # a plain Tornado application
        context.handler = self
        self.context = context
        self._pipeline: Pipeline = getattr(application, "pipeline", _NO_PIPELINE)
        self._url_kwargs = kwargs = kwargs or dict(self._kept_kwargs)
        names = self._initialize_names
        if kwargs and names is not None:
            kwargs = {name: kwargs[name] for name in kwargs if name in names}
        kwargs = self._set_aside(kwargs) if kwargs else kwargs
        super().__init__(application, request, **kwargs)
        request.connection.set_close_callback(self._connection_closed)  # type: ignore[union-attr]

    def _set_aside(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return *kwargs* without those that Tornado's ``__init__`` cannot take; `initialize` gets them too."""
        aside = {name: kwargs[name] for name in _TORNADOS_PARAMETERS if name in kwargs}
        if not aside:
            return kwargs
        self.initialize = partial(self.initialize, **aside)  # for this request alone
        return {name: value for name, value in kwargs.items() if name not in aside}

    def on_prepare(self) -> Awaitable[None] | None:
        """Run after `prepare` has finished, its asynchronous part included; may be async.

        .. versionadded:: 2.0
        """
        return None

    async def _execute(  # type: ignore[override]  # a group of a pattern may be named transforms, too
        self, transforms: list[OutputTransform], /, *args: bytes, **kwargs: bytes
    ) -> None:
        self._transforms = [*transforms, LengthCounter(self)] if transforms else transforms
        self._task = asyncio.current_task()
        try:
            await self._serve(args, kwargs)
        except (Exception, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and _is_cancelled():
                self._answer_cancellation()
                raise
            waiting = self._fail(error)
            if waiting is not None:
                await waiting
        finally:
            self._admit_body()  # whoever brings it must not wait for ever
            try:
                if self._spawned:
                    while running := self._running_tasks():
                        await asyncio.wait(running)
            finally:
                self._returned = True
                if self._finished or self._aborted:
                    self._conclude()

    async def _serve(self, args: tuple[bytes, ...], kwargs: dict[str, bytes]) -> None:
        if self.context.failure is not None:
            raise self.context.failure
        self._check_request(args, kwargs)
        if self._pipeline.request:
            result = run(iter(self._pipeline.request), self.context, self)
            if not isinstance(result, bool):
                await result
        # PERF: no coroutine of its own for each step (benchmarks/overhead.py).
        if not self._answered:
            prepared = self.prepare()
            if prepared is not None:
                await prepared
            if not self._answered:
                prepared = self.on_prepare()
                if prepared is not None:
                    await prepared
        if self._answered:
            return
        if self._stream_request_body and not await self._receive_body():
            return
        method = getattr(self, str(self.request.method).lower())
        result = method(*self.path_args, **self.path_kwargs)
        if result is not None:
            await result
        if self._auto_finish and not self._answered:
            self.finish()

    def _check_request(self, args: tuple[bytes, ...], kwargs: dict[str, bytes]) -> None:
        """Refuse what Tornado refuses before it calls a handler: the method, the body, a forged form."""
        if self.request.method not in self.SUPPORTED_METHODS:
            raise HTTPError(405)
        if not self._stream_request_body:
            try:
                self.request._parse_body()
            except HTTPInputError as error:
                raise HTTPError(400, "Invalid body: %s", error) from error
        self.path_args = [self.decode_argument(arg) for arg in args] if args else []
        self.path_kwargs = (
            {name: self.decode_argument(value, name=name) for name, value in kwargs.items()} if kwargs else {}
        )
        self._cross_origin_protection()

    async def _receive_body(self) -> bool:
        """Let a streamed body come in; return whether it came whole."""
        self._admit_body()
        try:
            await self.request._body_future
        except StreamClosedError:
            return False
        return True

    def _running_tasks(self) -> list[asyncio.Task[None]]:
        """Return the tasks that still work on the response."""
        tasks = (self._flush_task, self._finish_task, self._fail_task)
        return [task for task in tasks if task is not None and not task.done()]

    def _admit_body(self) -> None:
        prepared = cast("asyncio.Future[None] | None", self._prepared_future)
        if prepared is not None and not prepared.done():
            prepared.set_result(None)

    def render_string(self, template_name: str, **kwargs: Any) -> bytes:
        """Run the ``render`` hooks, then generate the template, as Tornado does.

        Without a template path the folder of the calling file is searched.
        """
        if self._pipeline.render:
            run_synchronous(self._pipeline.render, self.context, self, template_name, **kwargs)
        templates = getattr(self.application, "templates", None)
        if templates is None:
            return super().render_string(template_name, **kwargs)
        path = self.get_template_path() or _folder_of_caller()
        create = type(self).create_template_loader
        loader = templates.loader((create, path), lambda: self.create_template_loader(path))
        namespace = {**self.get_template_namespace(), **kwargs}
        page: bytes = loader.load(template_name).generate(**namespace)
        return page


def _folder_of_caller() -> str:
    """Return the folder of the file that asked for a template: the first beyond Tornado's and ours."""
    frame = sys._getframe(1)
    while frame.f_code.co_filename in _OWN_FILES and frame.f_back is not None:
        frame = frame.f_back
    return str(Path(frame.f_code.co_filename).parent)


def _parameters(initialize: Any) -> frozenset[str] | None:
    """Return the names that *initialize* takes, or None if it takes any."""
    parameters = list(inspect.signature(initialize).parameters.values())[1:]
    if any(each.kind is each.VAR_KEYWORD for each in parameters):
        return None
    return frozenset(each.name for each in parameters)


def _is_cancelled() -> bool:
    """Whether the running task itself has been cancelled, not something that it waited for."""
    task = asyncio.current_task()
    return task is not None and bool(task.cancelling())
