"""What happens when a handler or a hook fails: exception hooks or the log, then an error page.

Knows nothing of what the page looks like; `tornadopy.handler` writes it.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from types import TracebackType
from typing import Any

from tornado.iostream import StreamClosedError
from tornado.web import Finish, HTTPError

from tornadopy.lifecycle.state import HandlerState
from tornadopy.middleware.pipeline import run
from tornadopy.utils.escaping import escape_control
from tornadopy.utils.masking import mask_query

app_log = logging.getLogger("tornado.application")
gen_log = logging.getLogger("tornado.general")


class FailingHandler(HandlerState):
    """The part of a handler that reports and answers errors."""

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
        self.context.request_id  # noqa: B018  # makes it known to the summary
        summary = self._request_summary()
        if isinstance(value, HTTPError):
            message = value.get_message()
            if message:
                gen_log.warning("%d %s: %s", value.status_code, summary, escape_control(message))
            elif not getattr(self.application, "logs_requests", True):
                # The line of an access log has no place for the id; Tornado's line of the request has one.
                gen_log.info("%d %s", value.status_code, summary)
        elif isinstance(value, StreamClosedError) and self._is_client_gone():
            gen_log.info("Client disconnected: %s", summary)
        else:
            app_log.error("Uncaught exception %s", summary, exc_info=(typ, value, tb))  # type: ignore[arg-type]  # all three are given, or none

    def _request_summary(self) -> str:
        """Return the request in a line: secrets masked, the client's words escaped, with its id if it has one."""
        request = self.request
        summary = f"{request.method} {escape_control(mask_query(str(request.uri)))} ({request.remote_ip})"
        request_id = self.context.request_id_if_known
        return summary if request_id is None else f"{summary} [{request_id}]"

    def send_error(self, status_code: int = 500, **kwargs: Any) -> None:
        """Send the error page of *status_code*; what is buffered is discarded.

        As in Tornado, but when `write_error` itself fails, the client gets a plain page, not an empty one.
        """
        if self._headers_written or self._answered:
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
        for name, text in getattr(error, "headers", {}).items():
            self.set_header(name, text)
        try:
            if status_code != 304:
                self.write_error(status_code, **kwargs)
        except Exception:
            app_log.exception("Uncaught exception in write_error")
            self._write_last_resort(status_code)
        if not self._answered:
            self.finish()

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
        if not self._answered:
            self.finish(*request.args)

    def _report(self, error: BaseException) -> None:
        try:
            self.log_exception(type(error), error, error.__traceback__)
        except Exception:
            app_log.exception("Error in exception logger")

    def _is_client_gone(self) -> bool:
        # An error of writing may come before the connection's own word that it is closed.
        stream = getattr(self.request.connection, "stream", None)
        return self._aborted or (stream is not None and stream.closed())

    def _answer(self, error: BaseException) -> None:
        """Send the error page for *error*, unless there has been an answer."""
        if self._answered:
            return
        if isinstance(error, StreamClosedError) and self._is_client_gone():
            self._aborted = True
            return
        try:
            self.send_error(status_of(error), exc_info=(type(error), error, error.__traceback__))
        except Exception:
            app_log.exception("Exception in exception handler")
            self._give_up()

    def _answer_cancellation(self) -> None:
        if self._answered:
            return
        try:
            self.send_error(500)
        except Exception:
            app_log.exception("Exception in exception handler")
            self._give_up()

    def _write_last_resort(self, status_code: int) -> None:
        if self._headers_written or self._answered:
            return
        self._write_buffer.clear()
        if not self._should_not_send_content(status_code):
            self.set_header("Content-Type", "text/plain; charset=UTF-8")
            self.write(f"{status_code}: {self._reason}\n")

    def _give_up(self) -> None:
        """Close the connection, unless there is an answer: the client must not wait for one."""
        if not self._answered:
            self._close_connection()

    def _close_connection(self) -> None:
        close = getattr(self.request.connection, "close", None)
        if close is not None:
            close()
        self._aborted = True


def status_of(error: BaseException) -> int:
    """Return the status of the answer to *error*; `Finish` is none, and leaves it as it is."""
    if isinstance(error, Finish):
        return 200
    return error.status_code if isinstance(error, HTTPError) else 500
