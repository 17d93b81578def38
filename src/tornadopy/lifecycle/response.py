"""The way out: the ``response`` hooks, then headers and body.

With synchronous hooks everything happens inside Tornado's `finish` and `flush`; with an asynchronous one the response
is sealed, and a task of the request sends it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, cast

from tornado.escape import utf8
from tornado.web import Finish

from tornadopy.lifecycle.ending import EndingHandler
from tornadopy.middleware.pipeline import run


class RespondingHandler(EndingHandler):
    """The part of a handler that sends its response through the ``response`` hooks."""

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


async def _awaiting(waiting: Awaitable[None]) -> None:
    await waiting
