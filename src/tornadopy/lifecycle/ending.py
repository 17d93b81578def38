"""What comes after the response: ``endcall`` hooks, `complete_finish`, the end of what the request has opened."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator

from tornado.iostream import StreamClosedError
from tornado.web import Finish

from tornadopy.context import current_request
from tornadopy.lifecycle.errors import FailingHandler
from tornadopy.middleware.pipeline import Hook, run_short
from tornadopy.utils.awaitables import settle


class EndingHandler(FailingHandler):
    """The part of a handler that concludes its request, once, whatever happened to it."""

    def complete_finish(self) -> Awaitable[None] | None:
        """Run after `on_finish` and the ``endcall`` hooks; may be async.

        .. versionadded:: 2.0
        """
        return None

    def _conclude(self) -> None:
        """Run the ``endcall`` hooks and `complete_finish`, once, then end what the request has opened."""
        if not self._concluded:
            self._concluded = True
            hooks = iter(self._pipeline.endcall)
            try:
                waiting: bool | Awaitable[bool] = run_short(hooks, self.context, self)
            except Exception as error:
                waiting = self._run_endcall_after(error, hooks)
            # PERF: mostly nothing is left to do (benchmarks/handlers.py).
            if (waiting is not False or self._plan.concludes) and self._conclude_later(waiting, hooks):
                return
            self._completed = True
        if self._returned:
            self._end()

    def _conclude_later(self, waiting: bool | Awaitable[bool], hooks: Iterator[Hook]) -> bool:
        """Run `complete_finish` unless a hook is *waiting*; return whether a task does what is left."""
        is_through = isinstance(waiting, bool)
        completing = self._run_complete_finish() if is_through and self._plan.concludes else None
        if is_through and completing is None:
            return False
        self._spawn(self._conclude_after(waiting, hooks, completing))
        return True

    def _run_endcall_after(self, error: Exception, hooks: Iterator[Hook]) -> bool | Awaitable[bool]:
        """Report the *error* of a hook, and run the *hooks* after it, which still clean up; `Finish` ends the phase."""
        failed = error
        while not isinstance(failed, Finish):
            self._report(failed)
            try:
                return run_short(hooks, self.context, self)
            except Exception as another:
                failed = another
        return False

    def _run_complete_finish(self) -> Awaitable[None] | None:
        try:
            return self.complete_finish()
        except Finish:
            return None
        except Exception as error:
            self._report(error)
            return None

    async def _conclude_after(
        self, waiting: bool | Awaitable[bool], hooks: Iterator[Hook], completing: Awaitable[None] | None
    ) -> None:
        try:
            while not isinstance(waiting, bool):
                try:
                    waiting = await waiting
                except Exception as error:
                    waiting = self._run_endcall_after(error, hooks)
            await self._await_complete_finish(self._run_complete_finish() if completing is None else completing)
        finally:
            self._completed = True
            self._end()

    async def _await_complete_finish(self, completing: Awaitable[None] | None) -> None:
        if completing is None:
            return
        try:
            await settle(completing)
        except Finish:
            return
        except Exception as error:
            self._report(error)

    def _end(self) -> None:
        """End the request once its response is through and its handler has returned."""
        if self._completed and self._returned:
            context = self.context
            context.is_ended = True  # before it is asked what there is: a thread may open something now
            if context.has_opened:
                context.end_then(self._be_gone)
            else:
                self._be_gone()

    def _be_gone(self) -> None:
        self.context.release()
        sent = self._sent
        if sent is None or sent.done():
            self._leave()
        else:
            sent.add_done_callback(lambda _: self._leave())

    def _leave(self) -> None:
        self._is_gone = True
        ended = getattr(self.application, "request_ended", None)
        if ended is not None:
            ended(self)

    def _connection_closed(self) -> None:
        """Take note that the client is gone; a handler that has returned will not finish any more."""
        if current_request.get() is self.context:
            self._abort()
        else:
            self.context.run(self._abort)

    def _abort(self) -> None:
        self._aborted = True
        try:
            self.on_connection_close()
        finally:
            if self._stream_request_body and not self.request._body_future.done():
                # An `on_connection_close` of the user's own need not know of this.
                self.request._body_future.set_exception(StreamClosedError())
                self.request._body_future.exception()
            if self._returned:
                self._conclude()
