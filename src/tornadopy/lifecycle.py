"""A request's way through its handler: the hooks before and after Tornado's own methods.

`LifecycleHandler` is the base of all handlers of tornadopy; a handler class that is not ours is served through a
subclass that puts it right above Tornado's `RequestHandler`, so that whatever the user overrides still comes first.
``docs/lifecycle.md`` numbers the steps. Knows the pipeline and the context; nothing of templates and error pages.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import sys
from collections.abc import Awaitable, Coroutine, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, cast

import tornado.web
from tornado.escape import utf8
from tornado.httputil import HTTPInputError, HTTPServerRequest
from tornado.iostream import StreamClosedError
from tornado.web import Application, Finish, HTTPError, OutputTransform, RequestHandler

from tornadopy.context import RequestContext, current_request
from tornadopy.middleware.pipeline import Hook, Pipeline, run
from tornadopy.utils.escaping import escape_control

app_log = logging.getLogger("tornado.application")
gen_log = logging.getLogger("tornado.general")

_NO_PIPELINE = Pipeline()
_OWN_FILES = frozenset({__file__, str(tornado.web.__file__)})


class LifecycleHandler(RequestHandler):
    """A Tornado handler whose requests pass the middleware pipeline.

    Attributes:
        context: The request's `RequestContext`.
        _url_kwargs: The keyword arguments of the route and its `Url`, for this request alone.
    """

    context: RequestContext

    _initialize_names: frozenset[str] | None = frozenset()
    _task: asyncio.Task[Any] | None = None
    _flush_task: asyncio.Task[None] | None = None
    _finish_task: asyncio.Task[None] | None = None
    _response_hooks: Iterator[Hook] | None = None
    _sealed = False
    _aborted = False
    _returned = False
    _concluded = False
    _completed = False
    _streamed_length = 0

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._initialize_names = _parameters(cls.initialize)

    def __init__(self, application: Application, request: HTTPServerRequest, **kwargs: Any) -> None:
        context = current_request.get()
        if context is None or context.request is not request:
            context = RequestContext(application, request)  # type: ignore[arg-type]  # a plain Tornado application
        context.handler = self
        self.context = context
        self._pipeline: Pipeline = getattr(application, "pipeline", _NO_PIPELINE)
        self._url_kwargs = kwargs
        names = self._initialize_names
        accepted = kwargs if names is None else {name: kwargs[name] for name in kwargs if name in names}
        super().__init__(application, request, **accepted)
        request.connection.set_close_callback(self._connection_closed)  # type: ignore[union-attr]

    # What a subclass may override

    def on_prepare(self) -> Awaitable[None] | None:
        """Run after `prepare` has finished, its asynchronous part included; may be async.

        .. versionadded:: 2.0
        """
        return None

    def complete_finish(self) -> Awaitable[None] | None:
        """Run after `on_finish` and the ``endcall`` hooks; may be async.

        .. versionadded:: 2.0
        """
        return None

    # The way in

    async def _execute(self, transforms: list[OutputTransform], *args: bytes, **kwargs: bytes) -> None:
        self._transforms = transforms
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
            while running := [task for task in (self._flush_task, self._finish_task) if task and not task.done()]:
                await asyncio.wait(running)
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
        if not self._answered:
            await self._prepare()
        if self._answered or not await self._receive_body():
            return
        method = getattr(self, str(self.request.method).lower())
        result = method(*self.path_args, **self.path_kwargs)
        if result is not None:
            await result
        if self._auto_finish and not self._answered:
            self.finish()

    async def _prepare(self) -> None:
        prepared = self.prepare()
        if prepared is not None:
            await prepared
        if not self._answered:
            prepared = self.on_prepare()
            if prepared is not None:
                await prepared

    async def _receive_body(self) -> bool:
        """Let a streamed body come in; return whether it came whole."""
        self._admit_body()
        if self._stream_request_body:
            try:
                await self.request._body_future
            except StreamClosedError:
                return False
        return True

    def _admit_body(self) -> None:
        prepared = cast("asyncio.Future[None] | None", self._prepared_future)
        if prepared is not None and not prepared.done():
            prepared.set_result(None)

    @property
    def _answered(self) -> bool:
        return self._finished or self._sealed

    def _check_request(self, args: tuple[bytes, ...], kwargs: dict[str, bytes]) -> None:
        """Refuse what Tornado refuses before it calls a handler: the method, the body, a forged form."""
        if self.request.method not in self.SUPPORTED_METHODS:
            raise HTTPError(405)
        if not self._stream_request_body:
            try:
                self.request._parse_body()
            except HTTPInputError as error:
                raise HTTPError(400, "Invalid body: %s", error) from error
        self.path_args = [self.decode_argument(arg) for arg in args]
        self.path_kwargs = {name: self.decode_argument(value, name=name) for name, value in kwargs.items()}
        self._cross_origin_protection()

    # Templates

    def render_string(self, template_name: str, **kwargs: Any) -> bytes:
        """Run the ``render`` hooks, then generate the template, as Tornado does.

        Without a template path the folder of the calling file is searched.
        """
        if self._pipeline.render:
            result = run(iter(self._pipeline.render), self.context, self, template_name, **kwargs)
            if not isinstance(result, bool):
                cast("Coroutine[Any, Any, bool]", result).close()
                raise TypeError("a hook of the render phase returned an awaitable; this phase is synchronous")
        templates = getattr(self.application, "templates", None)
        if templates is None:
            return super().render_string(template_name, **kwargs)
        path = self.get_template_path() or _folder_of_caller()
        create = type(self).create_template_loader
        loader = templates.loader((create, path), lambda: self.create_template_loader(path))
        namespace = {**self.get_template_namespace(), **kwargs}
        page: bytes = loader.load(template_name).generate(**namespace)
        return page

    # The way out

    def write(self, chunk: str | bytes | dict[str, Any]) -> None:
        """Write *chunk* to the output buffer, as Tornado does; an error once the response is sealed."""
        if self._sealed and asyncio.current_task() is self._task:
            raise RuntimeError("Cannot write() after finish()")
        super().write(chunk)

    def flush(self, include_footers: bool = False) -> asyncio.Future[None]:
        """Send what is buffered; before the first bytes of a streamed response its ``response`` hooks run.

        With an asynchronous hook the returned Future resolves when hooks and bytes are through; what is written
        meanwhile goes out with them.
        """
        if self._headers_written or not include_footers:
            self._streamed_length += sum(map(len, self._write_buffer))
        if self._headers_written or include_footers or not self._pipeline.response:
            return super().flush(include_footers)
        if self._flush_task is None:
            result = self._run_response_hooks()
            if isinstance(result, bool):
                return super().flush()
            self._flush_task = self._spawn(self._flush_after(result))
        return self._flush_task

    def finish(self, chunk: str | bytes | dict[str, Any] | None = None) -> asyncio.Future[None]:
        """Finish the response: run its hooks, send it, and run what comes after.

        With synchronous hooks all of it has happened when this returns, as in Tornado. With an asynchronous hook
        the response is sealed at once, and the returned Future resolves when it has been sent.

        Raises:
            RuntimeError: The response has been finished already.
        """
        if self._answered:
            raise RuntimeError("finish() called twice")
        if chunk is not None:
            self.write(chunk)
        if self._headers_written or not self._pipeline.response:
            return self._send()
        if self._flush_task is not None:
            return self._finish_later(self._flush_task)
        try:
            result = self._run_response_hooks()
        except Exception as error:
            return self._fail_response(error)
        return self._send() if isinstance(result, bool) else self._finish_later(result)

    def _finish_later(self, hooks: Awaitable[Any]) -> asyncio.Future[None]:
        self._sealed = True
        self._finish_task = self._spawn(self._finish_after(hooks))
        return self._finish_task

    async def run_response_hooks(self) -> None:
        """Run the ``response`` hooks now, for a response that does not go through `finish` or `flush`."""
        if self._pipeline.response:
            result = self._run_response_hooks()
            if not isinstance(result, bool):
                await result

    def _run_response_hooks(self) -> bool | Awaitable[bool]:
        """Run the response hooks that have not run yet, on what is buffered."""
        if self._response_hooks is None:
            self._response_hooks = iter(self._pipeline.response)
        length = sum(map(len, self._write_buffer))
        result = run(self._response_hooks, self.context, self, self._write_buffer)
        if not isinstance(result, bool):
            return self._await_response_hooks(result, length)
        self._settle_body(length, ended=result)
        return result

    async def _await_response_hooks(self, result: Awaitable[bool], length: int) -> bool:
        ended = await result
        self._settle_body(length, ended=ended)
        return ended

    def _settle_body(self, length: int, *, ended: bool) -> None:
        """Make the body that the hooks have left fit what has been said of it."""
        if ended:
            self._response_hooks = iter(())
        buffer = cast("list[Any]", self._write_buffer)  # hooks put in what they like
        for index, chunk in enumerate(buffer):
            if not isinstance(chunk, bytes):
                buffer[index] = utf8(chunk)
        if not length and self._should_not_send_content(self._status_code):
            buffer.clear()  # a footer for every page must not break a 304
        elif (declared := self._headers.get("Content-Length", "")).isdigit():
            self.set_header("Content-Length", int(declared) + sum(map(len, buffer)) - length)

    def _send(self) -> asyncio.Future[None]:
        self._sealed = False
        future = super().finish()
        self._conclude()
        return future

    async def _flush_after(self, hooks: Awaitable[bool]) -> None:
        await hooks
        await super().flush()

    async def _finish_after(self, hooks: Awaitable[Any]) -> None:
        try:
            await hooks
            sent = self._send()
        except Exception as error:
            sent = self._fail_response(error)
        if sent is not self._finish_task:
            await sent

    # Errors

    @property
    def request_id(self) -> str:
        """The id of the request, as error pages, logs and the header ``X-Request-Id`` show it.

        .. versionadded:: 2.0
        """
        request_id = self.context.request_id
        if not self._headers_written:
            self.set_header("X-Request-Id", request_id)
        return request_id

    def clear(self) -> None:
        """Reset headers and content of this response, as Tornado does; the request's id stays."""
        super().clear()
        if self.context.request_id_if_known is not None:
            self.set_header("X-Request-Id", self.context.request_id_if_known)

    def log_exception(
        self, typ: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Log an error as Tornado does, with the request's id, and nothing of the client's unescaped.

        A client that is gone is no error of the handler's: it is noted in one line.
        """
        summary = f"{escape_control(self._request_summary())} [{self.context.request_id}]"
        if isinstance(value, HTTPError):
            message = value.get_message()
            if message:
                gen_log.warning("%d %s: %s", value.status_code, summary, escape_control(message))
        elif isinstance(value, StreamClosedError) and self._aborted:
            gen_log.info("Client disconnected: %s", summary)
        else:
            app_log.error("Uncaught exception %s\n%r", summary, self.request, exc_info=(typ, value, tb))  # type: ignore[arg-type]  # all three are given, or none

    def _fail(self, error: BaseException) -> Awaitable[None] | None:
        """Report *error* to the exception hooks or the log, and answer it unless the response is finished.

        Returns:
            None when that has happened, else what is to be awaited.
        """
        self._flush_task = None  # its hooks have failed or do not matter any more
        if isinstance(error, Finish):
            self._finish_early(error)
            return None
        hooks = self._pipeline.exception
        if not hooks or self.context.cleared:
            self._report(error)
            self._answer(error)
            return None
        try:
            result = run(iter(hooks), self.context, self, type(error), error, error.__traceback__)
        except Exception as raised:
            self._fail_in_exception_hook(raised)
            return None
        if isinstance(result, bool):
            self._answer(error)
            return None
        return self._fail_later(result, error)

    async def _fail_later(self, hooks: Awaitable[bool], error: BaseException) -> None:
        try:
            await hooks
        except Exception as raised:
            self._fail_in_exception_hook(raised)
        else:
            self._answer(error)

    def _fail_in_exception_hook(self, error: Exception) -> None:
        if isinstance(error, Finish):
            self._finish_early(error)
            return
        self._report(error)
        self._answer(error)

    def _finish_early(self, request: Finish) -> None:
        if not self._finished:
            self._sealed = False
            self.finish(*request.args)

    def _fail_response(self, error: Exception) -> asyncio.Future[None]:
        """Answer an error of a response hook, from whatever code called `finish`."""
        self._sealed = False
        if isinstance(error, Finish):
            if error.args:
                self.write(*error.args)
            return self._send()
        waiting = self._fail(error)
        if waiting is not None:
            self._sealed = True
            return self._spawn(_awaiting(waiting))
        done: asyncio.Future[None] = asyncio.Future()
        done.set_result(None)
        return done

    def _report(self, error: BaseException) -> None:
        try:
            self.log_exception(type(error), error, error.__traceback__)
        except Exception:
            app_log.exception("Error in exception logger")

    def _answer(self, error: BaseException) -> None:
        """Send the error page for *error*, unless there has been an answer."""
        if self._finished:
            return
        self._sealed = False
        status = error.status_code if isinstance(error, HTTPError) else 500
        try:
            self.send_error(status, exc_info=(type(error), error, error.__traceback__))
        except Exception:
            app_log.exception("Exception in exception handler")
            self._give_up()

    def _give_up(self) -> None:
        """Close the connection: an answer was not possible, and the client must not wait for one."""
        if not self._answered:
            close = getattr(self.request.connection, "close", None)
            if close is not None:
                close()
            self._aborted = True

    def _answer_cancellation(self) -> None:
        if self._answered:
            return
        try:
            self.send_error(500)
        except Exception:
            app_log.exception("Exception in exception handler")
            self._give_up()

    def send_error(self, status_code: int = 500, **kwargs: Any) -> None:
        """Send the error page of *status_code*; what is buffered is discarded.

        As in Tornado, but when `write_error` itself fails, the client gets a plain page, not an empty one.
        """
        if self._headers_written:
            gen_log.error("Cannot send error response after headers written")
            if not self._answered:
                try:
                    self.finish()
                except Exception:
                    gen_log.exception("Failed to flush partial response")
                    self._give_up()
            return
        self.context.request_id  # noqa: B018  # every error page has one, and `clear` puts it into the headers
        self.clear()
        reason = kwargs.get("reason")
        error = kwargs["exc_info"][1] if "exc_info" in kwargs else None
        if isinstance(error, HTTPError) and error.reason:
            reason = error.reason
        self.set_status(status_code, reason=reason)
        try:
            if status_code != 304:
                self.write_error(status_code, **kwargs)
        except Exception:
            app_log.exception("Uncaught exception in write_error")
            self._write_last_resort(status_code)
        if not self._answered:
            self.finish()

    def _write_last_resort(self, status_code: int) -> None:
        if self._headers_written or self._answered:
            return
        self._write_buffer.clear()
        if not self._should_not_send_content(status_code):
            self.set_header("Content-Type", "text/plain; charset=UTF-8")
            self.write(f"{status_code}: {self._reason}\n")

    # After the response

    def _conclude(self) -> None:
        """Run the ``endcall`` hooks and `complete_finish`, once, then end what the request has opened."""
        if not self._concluded:
            self._concluded = True
            hooks = iter(self._pipeline.endcall)
            waiting = self._run_endcall(hooks)
            completing = None if waiting is not None else self._run_complete_finish()
            if waiting is not None or completing is not None:
                self._spawn(self._conclude_after(waiting, hooks, completing))
                return
            self._completed = True
        self._end()

    def _run_endcall(self, hooks: Iterator[Hook]) -> Awaitable[bool] | None:
        """Run *hooks*; an error is reported, and the hooks after it still clean up."""
        while True:
            try:
                result = run(hooks, self.context, self)
            except Finish:
                return None
            except Exception as error:
                self._report(error)
            else:
                return None if isinstance(result, bool) else result

    def _run_complete_finish(self) -> Awaitable[None] | None:
        try:
            return self.complete_finish()
        except Exception as error:
            self._report(error)
            return None

    async def _conclude_after(
        self, waiting: Awaitable[bool] | None, hooks: Iterator[Hook], completing: Awaitable[None] | None
    ) -> None:
        while waiting is not None:
            try:
                await waiting
                break
            except Finish:
                break
            except Exception as error:
                self._report(error)
            waiting = self._run_endcall(hooks)
        if completing is None:
            completing = self._run_complete_finish()
        try:
            if completing is not None:
                await completing
        except Exception as error:
            self._report(error)
        self._completed = True
        self._end()

    def _end(self) -> None:
        """End the request once its response is through and its handler has returned."""
        if self._completed and self._returned:
            if self.context.has_closers:
                self._spawn(self.context.end())
            ended = getattr(self.application, "request_ended", None)
            if ended is not None:
                ended(self)

    def _connection_closed(self) -> None:
        """Take note that the client is gone; a handler that has returned will not finish any more."""
        self._aborted = True
        try:
            self.on_connection_close()
        finally:
            if self._returned:
                self._conclude()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run *work* as a task of this request, in the context that its handler sees."""
        return self.context.spawn(work)

    @property
    def response_length(self) -> int:
        """The length of the response's body in bytes, as far as it has been sent.

        .. versionadded:: 2.0
        """
        if self.request.method == "HEAD" or self._should_not_send_content(self._status_code):
            return 0
        if self._streamed_length:
            return self._streamed_length
        return int(self._headers.get("Content-Length", 0)) if self._headers_written else 0


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


async def _awaiting(waiting: Awaitable[None]) -> None:
    await waiting
