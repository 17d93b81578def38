"""The way in: from a routed request to the handler's own method.

A handler class that is not ours is served through a subclass that puts `LifecycleHandler` right above Tornado's
`RequestHandler`, so that whatever the user overrides still comes first.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import tornado.web
from tornado.httputil import HTTPInputError, HTTPServerRequest
from tornado.iostream import StreamClosedError
from tornado.web import Application, HTTPError, OutputTransform, RequestHandler

from tornadopy.context import RequestContext, current_context
from tornadopy.lifecycle.plan import Plan
from tornadopy.lifecycle.response import RespondingHandler
from tornadopy.middleware.pipeline import Pipeline, run_short, run_synchronous

if TYPE_CHECKING:
    from tornadopy.types import PathArgument

_NO_PIPELINE = Pipeline()
_NO_STEPS: Iterator[Awaitable[Any]] = iter(())
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})  # Tornado lets them through (RFC 9110 §9.2.1)
_TORNADOS_INIT = RequestHandler.__init__
_TORNADOS_PARAMETERS = ("application", "request")
_OWN_FILES = frozenset({__file__, str(tornado.web.__file__)})


class LifecycleHandler(RespondingHandler):
    """A Tornado handler whose requests pass the middleware pipeline."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.look_at_overrides()

    @classmethod
    def look_at_overrides(cls) -> None:
        """Plan what is done in one go for the requests of this class, as it is now."""
        cls._plan_of_class = Plan.of(cls, LifecycleHandler)

    def __init__(self, application: Application, request: HTTPServerRequest, /, **kwargs: Any) -> None:
        context = current_context()
        if context is None or context.request is not request:
            context = RequestContext(application, request)  # type: ignore[arg-type]  # a plain Tornado application
        context.handler = self
        self.context = context
        try:
            self._pipeline: Pipeline = application.pipeline  # type: ignore[attr-defined]  # a plain one has none
        except AttributeError:
            self._pipeline = _NO_PIPELINE
        self._plan = plan = self._plan_of_class
        self._spawned = self._returned = self._completed = False
        is_traced = RequestHandler.__init__ is not _TORNADOS_INIT
        self._url_kwargs = kwargs
        if kwargs or not plan.makes_at_once or is_traced:
            if not kwargs:
                kwargs = self._url_kwargs = dict(getattr(self, "_kept_kwargs", {}))
            super().__init__(application, request, **self._kwargs_of_initialize(kwargs))
            if is_traced:
                # NOTE: libraries that trace requests put a function of their own in the place of Tornado's, and others
                # into the class with the first handler that is made. What was planned before may be wrong.
                self._plan = Plan()
                self._headers = self._headers  # lists from here on
        else:
            # PERF: the same in one go (benchmarks/handlers.py).
            self.application = application
            self.request = request
            self._headers_written = self._finished = False
            self._auto_finish = True
            self.clear()
            if plan.initializes:
                self.initialize()
        request.connection.set_close_callback(self._connection_closed)  # type: ignore[union-attr]

    def _kwargs_of_initialize(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return those of *kwargs* that `initialize` takes, without those that Tornado's ``__init__`` cannot take.

        `initialize` gets these, too.
        """
        names = self._plan.initialize_names
        if names is not None:
            kwargs = {name: kwargs[name] for name in kwargs if name in names}
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

    def _execute(  # type: ignore[override]  # a group of a pattern may be named transforms, too
        self, transforms: list[OutputTransform], /, *args: bytes, **kwargs: bytes
    ) -> Coroutine[Any, Any, None]:
        # PERF: no coroutine around the other one, which an idle WebSocket would keep.
        self._transforms = transforms
        return self._go_on(self._steps(args, kwargs))

    def execute_at_once(
        self, transforms: list[OutputTransform], args: Sequence[PathArgument], kwargs: Mapping[str, PathArgument]
    ) -> asyncio.Task[None] | None:
        """Serve the request without a task, up to what has to be waited for.

        Returns:
            The task that does the rest, if there is something to be waited for.
        """
        self._transforms = transforms
        steps: Iterator[Awaitable[Any]] = _NO_STEPS
        try:
            if self._plan.prepares:
                steps = self._steps(args, kwargs)
                waiting = next(steps, None)
            else:
                # PERF: the same without a generator (benchmarks/handlers.py).
                waiting = None
                entering = self._enter(args, kwargs)
                if entering and entering is not True:
                    steps, waiting = self._steps_from_prepare(), entering
                elif not self._finished and not (self._spawned and self._answered):
                    method = getattr(self, self.request.method.lower())
                    waiting = method(*self.path_args, **self.path_kwargs) if args or kwargs else method()
                    if waiting is not None:
                        steps = self._last_step()
                    elif self._auto_finish and not self._finished and not (self._spawned and self._answered):  # type: ignore[redundant-expr]  # the method may have finished it
                        self.finish()
        except (Exception, asyncio.CancelledError) as error:
            waiting = self._fail(error)
        if waiting is None and not (self._spawned and self._running_tasks()):
            if not self._completed:
                self._return()
                return None
            self._returned = True
            context = self.context
            context.is_ended = True  # see `_end`
            if context.has_work or self._sent is None or not self._sent.done():
                self._end()
            else:  # PERF: nobody knows of it, so nobody is told
                context.release()
                self._is_gone = True
            return None
        rest = self._go_on(steps, waiting)
        self._task = asyncio.get_running_loop().create_task(rest, context=self.context.variables)
        return self._task

    async def _go_on(self, steps: Iterator[Awaitable[Any]], waiting: Awaitable[Any] | None = None) -> None:
        """Wait for *waiting*, then for what the remaining *steps* hand back; see that the request ends."""
        self._task = asyncio.current_task()
        try:
            if waiting is not None:
                await waiting
            for each in steps:
                await each
        except (Exception, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and _is_cancelled():
                self._answer_cancellation()
                raise
            failing = self._fail(error)
            if failing is not None:
                await failing
        finally:
            self._admit_body()  # whoever brings it must not wait for ever
            try:
                if self._spawned:
                    while running := self._running_tasks():
                        await asyncio.wait(running)
            finally:
                self._return()

    def _return(self) -> None:
        """Take note that the handler has nothing more to do."""
        self._returned = True
        if self._concluded:
            self._end()
        elif self._finished or self._aborted:
            self._conclude()

    def _steps(self, args: Sequence[PathArgument], kwargs: Mapping[str, PathArgument]) -> Iterator[Awaitable[Any]]:
        """Walk the request's way to the handler's method, and through it; yield what is to be awaited."""
        entering = self._enter(args, kwargs)
        if entering and entering is not True:
            yield entering
        yield from self._steps_from_prepare()

    def _steps_from_prepare(self) -> Iterator[Awaitable[Any]]:
        for prepare in (self.prepare, self.on_prepare):
            # PERF: only where a task has been started there may be an answer that is not finished.
            if self._finished or (self._spawned and self._answered):
                return
            prepared = prepare()
            if prepared is not None:
                yield prepared
        if self._finished or (self._spawned and self._answered):
            return
        if self._stream_request_body:
            yield self._receive_body()
            if self._body_is_broken:
                return
        method = getattr(self, str(self.request.method).lower())
        result = method(*self.path_args, **self.path_kwargs)
        if result is not None:
            yield result
        self._finish_if_it_is_left()

    def _last_step(self) -> Iterator[Awaitable[Any]]:
        """Do what comes after the handler's method; nothing has to be awaited."""
        self._finish_if_it_is_left()
        yield from _NO_STEPS

    def _finish_if_it_is_left(self) -> None:
        if self._auto_finish and not self._finished and not (self._spawned and self._answered):
            self.finish()

    def _enter(
        self, args: Sequence[PathArgument], kwargs: Mapping[str, PathArgument]
    ) -> bool | Coroutine[Any, Any, bool]:
        """Check the request, then run the ``request`` hooks as far as nothing has to be awaited.

        What failed before there was a handler is raised here. What Tornado refuses before it calls a handler is
        refused: the method, the body, a forged form.
        """
        context, request = self.context, self.request
        if context.failure is not None:
            raise context.failure
        method = request.method
        if method not in self.SUPPORTED_METHODS:
            raise HTTPError(405)
        headers = request.headers
        if not getattr(headers, "is_plain", False) and headers.get("Content-Type", "").startswith(_FORMS):
            self._parse_form()
        if not args:
            self.path_args = []
        elif self._plan.decodes:
            self.path_args = [self._decoded(value) for value in args]
        else:
            self.path_args = [value if type(value) is str else self._decoded(value) for value in args]
        self.path_kwargs = {name: self._decoded(value, name=name) for name, value in kwargs.items()} if kwargs else {}
        if method not in _SAFE_METHODS:
            self._cross_origin_protection()
        hooks = self._pipeline.request
        return run_short(iter(hooks), context, self) if hooks else False

    def _check_cross_origin(self, check: Callable[[str], bool]) -> str | None:
        # SECURITY: Tornado lets a request through that has neither of these, for browsers send one (tornado.web 6.6).
        # PERF: to see that in the text of the head takes 1.3 µs, to look both fields up 2.2.
        headers: Any = self.request.headers
        if getattr(headers, "is_plain", False) and not (
            headers.have("\r\norigin:") or headers.have("\r\nsec-fetch-site:")
        ):
            return None
        return super()._check_cross_origin(check)

    def _parse_form(self) -> None:
        if not self._stream_request_body:
            try:
                self.request._parse_body()
            except HTTPInputError as error:
                raise HTTPError(400, "Invalid body: %s", error) from error

    def _decoded(self, value: PathArgument, **name: str) -> str:
        """Return what a pattern took out of the path as the handler's method gets it."""
        if isinstance(value, str):
            if not self._plan.decodes:
                return value
            value = value.encode()
        return self.decode_argument(value, **name)  # type: ignore[arg-type]  # Tornado hands it None, too

    async def _receive_body(self) -> None:
        """Let a streamed body come in; note whether it came whole."""
        self._admit_body()
        try:
            await self.request._body_future
        except StreamClosedError:
            self._body_is_broken = True

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
        template = loader.load(template_name)
        page: bytes = template.generate(**{**self._names_for(template), **kwargs})
        return page

    def _names_for(self, template: Any) -> dict[str, Any]:  # noqa: ARG002 - for classes that know what it reads
        """Return what *template* sees beside what it is rendered with."""
        return self.get_template_namespace()


def _folder_of_caller() -> str:
    """Return the folder of the file that asked for a template: the first beyond Tornado's and ours."""
    frame = sys._getframe(1)
    while frame.f_code.co_filename in _OWN_FILES and frame.f_back is not None:
        frame = frame.f_back
    return str(Path(frame.f_code.co_filename).parent)


def _is_cancelled() -> bool:
    """Whether the running task itself has been cancelled, not something that it waited for."""
    task = asyncio.current_task()
    return task is not None and bool(task.cancelling())
