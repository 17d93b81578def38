"""The usual way in one go: how a response begins and ends that nothing is special about.

Where the plan of a handler class says that it leaves alone the methods of Tornado's that a step consists of, the step
is taken here at once; where it does not, Tornado's code calls them one by one. What a user writes is called either way,
and the result is the same.

PERF: ``benchmarks/handlers.py`` shows what this saves.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import time
from collections.abc import MutableMapping
from typing import Any

from tornado.httputil import ResponseStartLine
from tornado.util import ObjectDict
from tornado.web import _ARG_DEFAULT, _UIModuleNamespace

from tornadopy.lifecycle.ending import EndingHandler
from tornadopy.lifecycle.headers import ResponseHeaders
from tornadopy.response import encode_dict

_HTML = "text/html; charset=UTF-8"
_HASHED = frozenset({"GET", "HEAD"})
_JSON = "application/json; charset=UTF-8"


class LeanHandler(EndingHandler):
    """The part of a handler that does in one go what Tornado does by many methods, where its plan allows it."""

    @functools.cached_property
    def ui(self) -> ObjectDict:  # type: ignore[override]  # Tornado makes it for each request
        """The functions and modules that templates see; made when it is first asked for."""
        application = self.application
        names = ObjectDict((name, self._ui_method(method)) for name, method in application.ui_methods.items())
        names["_tt_modules"] = names["modules"] = _UIModuleNamespace(self, application.ui_modules)
        return names

    def clear(self) -> None:
        """Reset headers and content of this response, as Tornado does; the request's id stays."""
        plan = self._plan
        if not plan.is_pure:
            super().clear()
            return
        self._headers = ResponseHeaders(_HTML, int(time.time()))
        if plan.has_defaults:
            self.set_default_headers()
        self._write_buffer = []
        self._status_code = 200
        self._reason = "OK"
        if self.context.request_id_if_known is not None:
            self.set_header("X-Request-Id", self.context.request_id_if_known)

    def set_header(self, name: str, value: Any) -> None:
        """Set a header of the response."""
        headers = self._headers
        may_be_plain = type(value) is str and self._plan.sends_at_once
        if not may_be_plain or type(headers) is not ResponseHeaders or not headers.put(name, value):
            super().set_header(name, value)

    def get_argument(self, name: str, default: Any = _ARG_DEFAULT, strip: bool = True) -> Any:
        """Return an argument of the query or the body; see Tornado's."""
        values = self.request.arguments.get(name, ())
        value = values[0] if len(values) == 1 else None
        if type(value) is bytes and value.isascii() and not self._plan.decodes:
            text = value.decode()
            if text.isprintable():
                return text.strip() if strip else text
        return super().get_argument(name, default, strip)

    def write(self, chunk: str | bytes | dict[str, Any]) -> None:
        """Write *chunk* to the buffer, a dictionary as JSON."""
        plan = self._plan
        if self._finished or not isinstance(chunk, (str, dict, bytes)):
            super().write(chunk)  # says what is wrong
            return
        if isinstance(chunk, dict):
            encode = getattr(self.application, "json_encoder", None)
            if encode is not None or plan.is_pure:
                chunk = encode_dict(chunk) if encode is None else encode(chunk)
                if not plan.sends_at_once:
                    self.set_header("Content-Type", _JSON)
                else:  # PERF: as `set_header` does
                    LeanHandler.set_header(self, "Content-Type", _JSON)
        if plan.is_pure and not isinstance(chunk, dict):
            self._write_buffer.append(chunk.encode() if isinstance(chunk, str) else chunk)
        else:
            super().write(chunk)

    def finish(self, chunk: str | bytes | dict[str, Any] | None = None) -> asyncio.Future[None]:
        """Send the response, in one go if it has not begun and may have a body.

        PERF: all in one function, for calls are half of what the steps cost (benchmarks/handlers.py).
        """
        status, plan = self._status_code, self._plan
        if (
            not plan.sends_at_once
            or chunk is not None
            or self._headers_written
            or self._finished
            or self._transforms
            or (status != 200 and (status < 200 or status in {204, 304}))
        ):
            return self._finish_by_steps(chunk)
        request, headers = self.request, self._headers
        fields: MutableMapping[str, str] = headers
        if type(headers) is ResponseHeaders and headers.plain is not None:
            fields = headers.plain
        body = b"".join(self._write_buffer)
        if status == 200 and "Etag" not in fields and request.method in _HASHED:
            if plan.hashes_at_once and "If-None-Match" not in request.headers:
                fields["Etag"] = f'"{hashlib.sha1(body).hexdigest()}"'  # noqa: S324 - Tornado's choice, and no secret
            elif self._is_not_modified():
                return self._finish_by_steps()
            else:
                fields = headers
        self._headers_written = True
        sent: asyncio.Future[None]
        try:
            if hasattr(self, "_new_cookie"):
                self._add_cookies()
                fields = headers
            send_whole = getattr(request.connection, "send_whole", None)
            if send_whole is None or "Content-Length" in fields:
                sent = self._send_by_steps(body)
            else:
                fields["Content-Length"] = str(len(body))
                sent = self._sent = send_whole(status, self._reason, headers, body if request.method != "HEAD" else b"")
        except Exception:
            self._close_connection()  # the headers could not go out, so nothing else can
            raise
        self._write_buffer = []
        self.application.log_request(self)
        self._finished = True
        self.on_finish()  # a hook may have wrapped that of this handler alone
        self.ui = None  # type: ignore[assignment]  # its functions refer to the handler
        return sent

    def _is_not_modified(self) -> bool:
        self.set_etag_header()
        if not self.check_etag_header():
            return False
        self._write_buffer = []
        self.set_status(304)
        return True

    def _finish_by_steps(self, chunk: str | bytes | dict[str, Any] | None = None) -> asyncio.Future[None]:
        return self._sending(super().finish(chunk))

    def _send_by_steps(self, body: bytes) -> asyncio.Future[None]:
        connection: Any = self.request.connection
        connection.set_close_callback(None)  # or the connection would hold the handler until its next request
        if "Content-Length" not in self._headers:
            self._headers["Content-Length"] = str(len(body))
        start_line = ResponseStartLine("", self._status_code, self._reason)
        sent = connection.write_headers(start_line, self._headers, b"" if self.request.method == "HEAD" else body)
        connection.finish()
        return self._sending(sent)

    def _sending(self, sent: asyncio.Future[None]) -> asyncio.Future[None]:
        # NOTE: Tornado resolves a write's Future with that of an earlier one; the connection knows the last.
        self._sent = getattr(self.request.connection, "_pending_write", None) or sent
        return sent

    def _add_cookies(self) -> None:
        for cookie in self._new_cookie.values():
            self.add_header("Set-Cookie", cookie.OutputString(None))
