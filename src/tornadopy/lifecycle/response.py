"""The way out: the ``response`` hooks, then headers and body.

With synchronous hooks everything happens inside Tornado's `finish` and `flush`; with an asynchronous one the response
is sealed, and a task of the request sends it.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar
from typing import Any, NoReturn, cast

from tornado.escape import utf8
from tornado.httputil import HTTPHeaders
from tornado.web import Finish, OutputTransform

from tornadopy.context import current_context
from tornadopy.lifecycle.errors import app_log
from tornadopy.lifecycle.headers import header_of
from tornadopy.lifecycle.lean import LeanHandler
from tornadopy.middleware.pipeline import run_on_body

_responding: ContextVar[object] = ContextVar("tornadopy.responding", default=None)
"""The handler whose asynchronous response hooks run here, or in the task that started this one."""

_UNSET = object()
_SEALED_METHODS = ("write", "clear", "set_status", "set_header", "add_header", "clear_header", "set_cookie")


class _Body:
    """What is known of a body: its length in bytes, the length that the headers say, whether the status allows one."""

    __slots__ = ("declared", "is_allowed", "length")

    def __init__(self, length: int, declared: str | None, *, is_allowed: bool) -> None:
        self.length = length
        self.declared = declared
        self.is_allowed = is_allowed


class RespondingHandler(LeanHandler):
    """The part of a handler that sends its response through the ``response`` hooks."""

    def flush(self, include_footers: bool = False) -> asyncio.Future[None]:
        """Send what is buffered; before the first bytes of a streamed response its ``response`` hooks run.

        With an asynchronous hook the returned Future resolves when hooks and bytes are through; what is written
        meanwhile goes out with them.
        """
        if self._headers_written or include_footers or not self._has_work_before_headers:
            return self._flush_now(include_footers)
        if self._flush_task is None:
            result = self._run_response_hooks()
            if isinstance(result, bool):
                return self._send() if self._hook_finished else self._flush_now()
            self._flush_task = self._spawn_sender(self._flush_after(result))
        return self._flush_task

    def _flush_now(self, include_footers: bool = False) -> asyncio.Future[None]:
        first = not self._headers_written
        if not (first and include_footers) and not self._transforms:
            self._streamed_length += sum(map(len, self._write_buffer))
        try:
            return super().flush(include_footers)
        except Exception:
            if first and self._headers_written:
                self._close_connection()  # the headers could not go out, so nothing else can
            raise

    def finish(self, chunk: str | bytes | dict[str, Any] | None = None) -> asyncio.Future[None]:
        """Finish the response: run its hooks, send it, and run what comes after.

        With synchronous hooks all of it has happened when this returns, as in Tornado. With an asynchronous hook
        the response is sealed at once, and the returned Future resolves when it has been sent.

        Raises:
            RuntimeError: The response has been finished already.
        """
        if chunk is not None or self._finished or self._spawned or self.context.has_work:
            return self._finish_specially(chunk)
        if self._pipeline.response:
            # PERF: most hooks are plain, and have begun here (benchmarks/handlers.py).
            if self._response_hooks is not None or self._headers_written or current_context() is not self.context:
                return self._finish_specially(None)
            try:
                ended = self._run_hooks_on_buffer()
            except Exception as error:
                return self._fail_response(error)
            if ended is not False or self._spawned or self.context.has_work:  # type: ignore[redundant-expr]  # a hook may have
                return self._finish_after_hooks(ended)
        try:
            sent = self._finish_at_once()
        except BaseException:
            if self._finished or self._returned:  # type: ignore[redundant-expr]  # it may have been finished since
                self._conclude()
            raise
        if self._pipeline.endcall or self._plan.concludes or self._returned:
            self._conclude()
        else:
            self._concluded = self._completed = True
        return sent

    def _finish_specially(self, chunk: str | bytes | dict[str, Any] | None) -> asyncio.Future[None]:
        """Finish a response with a last piece, or with tasks, preludes, or hooks that have begun."""
        if (self._is_in_hooks or _responding.get() is self) and not self._finished:
            return self._finish_from_hook(chunk)
        if self._finished or (self._spawned and self._answered):
            raise RuntimeError("finish() called twice")
        if chunk is not None:
            self.write(chunk)
        if self._headers_written or not (self._pipeline.response or self.context._preludes):
            return self._send()
        if self._flush_task is not None:
            return self._finish_later(self._flush_task)
        try:
            ended = self._run_response_hooks()
        except Exception as error:
            return self._fail_response(error)
        return self._send() if isinstance(ended, bool) else self._finish_later(ended)

    def _finish_after_hooks(self, ended: bool | Awaitable[bool]) -> asyncio.Future[None]:
        """Run the preludes, and send; plain hooks have *ended* the phase or not, or one is still to be awaited."""
        try:
            result = self._run_preludes(ended)
        except Exception as error:
            return self._fail_response(error)
        return self._send() if isinstance(result, bool) else self._finish_later(result)

    def _finish_from_hook(self, chunk: str | bytes | dict[str, Any] | None) -> asyncio.Future[None]:
        """Take a response hook's word that the response is complete; it goes out when the hooks are through."""
        if chunk is not None:
            self.write(chunk)
        self._hook_finished = True
        return _resolved()

    def _finish_later(self, hooks: Awaitable[Any]) -> asyncio.Future[None]:
        self._finish_task = self._spawn_sender(self._finish_after(hooks))
        self._seal()
        return self._finish_task

    def _seal(self) -> None:
        """From here on nobody changes the response but its hooks, as if it had been sent."""
        self._sealed = True
        for name in _SEALED_METHODS:
            setattr(self, name, functools.partial(self._call_sealed, getattr(self, name)))

    def _unseal(self) -> None:
        self._sealed = False
        for name in _SEALED_METHODS:
            self.__dict__.pop(name, None)

    def _call_sealed(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if _responding.get() is self:
            return method(*args, **kwargs)
        if method.__name__ == "write":
            raise RuntimeError("Cannot write() after finish()")
        return None

    async def run_response_hooks(self) -> None:
        """Run the ``response`` hooks now, for a response that does not go through `finish` or `flush`."""
        if self._has_work_before_headers:
            result = self._run_response_hooks()
            if not isinstance(result, bool):
                token = _responding.set(self)
                try:
                    await result
                finally:
                    _responding.reset(token)
            if self._hook_finished:
                self._send()

    @property
    def _has_work_before_headers(self) -> bool:
        return bool(self._pipeline.response) or self.context.has_preludes

    def _run_response_hooks(self) -> bool | Awaitable[bool]:
        """Run the response hooks that have not run yet, then the preludes, among the request's context variables."""
        context = self.context
        if current_context() is not context and context.variables is not None:
            return context.run(self._run_response_hooks)
        return self._run_preludes(self._run_hooks_on_buffer() if self._pipeline.response else False)

    def _run_preludes(self, ended: bool | Awaitable[bool]) -> bool | Awaitable[bool]:
        if not isinstance(ended, bool):
            return self._run_preludes_after(ended)
        context = self.context
        waiting = context.run_preludes() if context._preludes else None
        return ended if waiting is None else _returning(ended, waiting)

    async def _run_preludes_after(self, hooks: Awaitable[bool]) -> bool:
        ended = await hooks
        waiting = self.context.run_preludes()
        return ended if waiting is None else await _returning(ended, waiting)

    def _run_hooks_on_buffer(self) -> bool | Awaitable[bool]:
        hooks = self._response_hooks
        if hooks is None:
            hooks = self._response_hooks = iter(self._pipeline.response)
        # PERF: the body is described only where a hook has touched it (benchmarks/overhead.py).
        lines, buffer, status = self._lines, self._write_buffer, self._status_code
        declared = None if lines is not None and "Content-Length" not in lines else header_of(self, "Content-Length")
        before = buffer[:]
        self._is_in_hooks = True
        try:
            result = run_on_body(hooks, self.context, self, buffer)
        except Finish as request:
            self._end_hooks(request, self._describe(before, status, declared))
        except Exception:
            self._settle_after_error(self._describe(before, status, declared))
            raise
        finally:
            self._is_in_hooks = False
        if result is False and self._status_code == status and self._write_buffer == before:
            return False
        described = self._describe(before, status, declared)
        if not isinstance(result, bool):
            return self._await_response_hooks(result, described)
        self._settle_body(described, ended=result)
        return result

    async def _await_response_hooks(self, result: Awaitable[bool], before: _Body) -> bool:
        try:
            ended = await result
        except Finish as request:
            self._end_hooks(request, before)
        except Exception:
            self._settle_after_error(before)
            raise
        self._settle_body(before, ended=ended)
        return ended

    def _settle_after_error(self, before: _Body) -> None:
        """Make the body fit although a hook has failed: who answers the error may keep what the hooks have left.

        What is wrong in the body must not hide that error.
        """
        buffer = cast("list[Any]", self._write_buffer)
        for index, chunk in enumerate(buffer):
            if isinstance(chunk, str):
                buffer[index] = chunk.encode(errors="replace")
        if all(isinstance(chunk, bytes) for chunk in buffer):
            self._settle_body(before, ended=False)

    def _end_hooks(self, request: Finish, before: _Body) -> NoReturn:
        """Let a hook finish the response with what is there."""
        if request.args:
            self.write(*request.args)
        self._settle_body(before, ended=True)
        raise Finish from None

    def _describe(self, chunks: list[Any], status: int, declared: str | None) -> _Body:
        is_allowed = not self._should_not_send_content(status)
        length = sum(len(chunk) for chunk in chunks if isinstance(chunk, bytes))  # else it is an error, told elsewhere
        return _Body(length, declared or None, is_allowed=is_allowed)

    def _settle_body(self, before: _Body, *, ended: bool) -> None:
        """Make the body that the hooks have left fit what has been said of it."""
        if ended:
            self._response_hooks = iter(())
        buffer = cast("list[Any]", self._write_buffer)  # hooks put in what they like
        for index, chunk in enumerate(buffer):
            if not isinstance(chunk, bytes):
                buffer[index] = utf8(chunk)
        after = self._describe(buffer, self._status_code, header_of(self, "Content-Length"))
        if not after.is_allowed and (before.is_allowed or not before.length):
            buffer.clear()  # a footer for every page must not break a 304
            self.clear_header("Content-Length")
        elif after.declared is not None and after.declared == before.declared and after.declared.isdigit():
            self.set_header("Content-Length", int(after.declared) + after.length - before.length)

    def _send(self) -> asyncio.Future[None]:
        if self._sealed:
            self._unseal()
        try:
            return self._finish_at_once()
        finally:
            if self._finished or self._returned:
                self._conclude()

    def _spawn_sender(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run *work* so that the response hooks in it, and the tasks that they start, are known for what they are."""
        self._spawned = True
        variables = (self.context.variables or contextvars.copy_context()).copy()
        variables.run(_responding.set, self)
        return self.context.spawn(work, variables=variables)

    async def _await_hooks(self, hooks: Awaitable[Any]) -> None:
        """Await *hooks* in a sender's task; the context variables that they set are the request's."""
        before = contextvars.copy_context()
        try:
            await hooks
        finally:
            for variable, value in contextvars.copy_context().items():
                if before.get(variable, _UNSET) is not value:
                    self.context.run(variable.set, value)
            _responding.set(None)

    async def _flush_after(self, hooks: Awaitable[bool]) -> None:
        await self._await_hooks(hooks)
        await self.context.run(self._send if self._hook_finished and not self._sealed else self._flush_now)

    async def _finish_after(self, hooks: Awaitable[Any]) -> None:
        try:
            await self._await_hooks(hooks)
            sent = self.context.run(self._send)
        except asyncio.CancelledError:
            self._close_connection()
            if self._returned:
                self.context.run(self._conclude)
            raise
        except Exception as error:
            try:
                sent = self.context.run(self._fail_response, error)
            except Exception:
                app_log.exception("Exception in exception handler")
                self._close_connection()
                self.context.run(self._conclude)
                return
        if sent is not asyncio.current_task():
            await sent

    def _fail_response(self, error: Exception) -> asyncio.Future[None]:
        """Answer an error of a response hook, from whatever code called `finish`."""
        self._unseal()
        if isinstance(error, Finish) and not self._finished:
            self._flush_task = None
            return self.finish()  # its hooks are over, the preludes are not
        waiting = self._fail(error)
        if waiting is not None:
            self._fail_task = self._spawn(_awaiting(waiting))
            return self._fail_task
        return _resolved()

    @property
    def response_length(self) -> int:
        """The length of the response's body in bytes, as far as it has been sent.

        .. versionadded:: 2.0
        """
        if self.request.method == "HEAD" or self._should_not_send_content(self._status_code):
            return 0
        if self._streamed_length:
            return self._streamed_length
        return int(header_of(self, "Content-Length") or 0) if self._headers_written else 0


class LengthCounter(OutputTransform):
    """Count what the transforms before it, such as compression, have left of a streamed body."""

    def __init__(self, handler: RespondingHandler) -> None:
        self._handler = handler

    def transform_first_chunk(
        self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
    ) -> tuple[int, HTTPHeaders, bytes]:
        """Count the first piece, unless it is the only one."""
        if not finishing:
            self._handler._streamed_length += len(chunk)
        return status_code, headers, chunk

    def transform_chunk(self, chunk: bytes, finishing: bool) -> bytes:  # noqa: ARG002  # Tornado's signature
        """Count a further piece."""
        self._handler._streamed_length += len(chunk)
        return chunk


def _resolved() -> asyncio.Future[None]:
    done: asyncio.Future[None] = asyncio.Future()
    done.set_result(None)
    return done


async def _awaiting(waiting: Awaitable[None]) -> None:
    await waiting


async def _returning(result: bool, waiting: Awaitable[None]) -> bool:
    await waiting
    return result
