"""The usual way in one go: how a response begins and ends that nothing is special about.

Where the plan of a handler class says that it leaves alone the methods of Tornado's that a step consists of, the step
is taken here at once; where it does not, Tornado's code calls them one by one. What a user writes is called either way,
and the result is the same.

PERF: ``benchmarks/handlers.py`` shows what this saves.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

from tornado.httputil import ResponseStartLine
from tornado.util import ObjectDict
from tornado.web import _ARG_DEFAULT, _UIModuleNamespace

from tornadopy.lifecycle.ending import EndingHandler
from tornadopy.lifecycle.headers import ListedHeaders, header_of, known_line, plain_line
from tornadopy.response import encode_dict
from tornadopy.utils.headerlines import line
from tornadopy.utils.lazyattributes import Lazy

_HTML = line("Content-Type", "text/html; charset=UTF-8")
_HASHED = frozenset({"GET", "HEAD"})
_JSON = "application/json; charset=UTF-8"
_JSON_LINE = line("Content-Type", _JSON)


def _make_ui(handler: Any) -> ObjectDict:
    """Return the functions and modules that templates see."""
    application = handler.application
    names = ObjectDict((name, handler._ui_method(method)) for name, method in application.ui_methods.items())
    names["_tt_modules"] = names["modules"] = _UIModuleNamespace(handler, application.ui_modules)
    return names


class LeanHandler(EndingHandler):
    """The part of a handler that does in one go what Tornado does by many methods, where its plan allows it.

    Attributes:
        _lines: The headers of the response as they go out, by name, as long as they are plain; else None.
    """

    _lines: dict[str, str] | None = None
    _headers = ListedHeaders()

    ui: Any = Lazy(_make_ui)

    def clear(self) -> None:
        """Reset headers and content of this response, as Tornado does; the request's id stays."""
        plan = self._plan
        if not plan.sends_at_once:
            super().clear()
            return
        self._lines = {"Content-Type": _HTML}
        if plan.has_defaults:
            self.set_default_headers()
        self._write_buffer = []
        self._status_code = 200
        self._reason = "OK"
        if self.context.request_id_if_known is not None:
            self.set_header("X-Request-Id", self.context.request_id_if_known)

    def set_header(self, name: str, value: Any) -> None:
        """Set a header of the response."""
        lines = self._lines
        if lines is not None:
            if type(value) is str:
                found = known_line(name, value)
            else:
                text = str(value) if type(value) is int else self._convert_header_value(value)
                found = plain_line(name, text) if type(text) is str else None  # a subclass may show another text
            if found is not None:
                lines[found[0]] = found[1]
                return
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
        kind = type(chunk)
        if self._finished or not self._plan.is_pure:
            self._write_by_steps(chunk)
        elif kind is str:
            self._write_buffer.append(chunk.encode())  # type: ignore[union-attr]  # mypy does not follow *kind*
        elif kind is bytes:
            self._write_buffer.append(chunk)  # type: ignore[arg-type]
        elif kind is dict:
            encode = getattr(self.application, "json_encoder", None)
            text = encode_dict(chunk) if encode is None else encode(chunk)  # type: ignore[arg-type]
            if self._lines is None:
                self.set_header("Content-Type", _JSON)
            else:  # PERF: as `set_header` does
                self._lines["Content-Type"] = _JSON_LINE
            self._write_buffer.append(text.encode() if isinstance(text, str) else text)
        else:
            self._write_by_steps(chunk)

    def _write_by_steps(self, chunk: Any) -> None:
        encode = getattr(self.application, "json_encoder", None)
        if encode is not None and isinstance(chunk, dict) and not self._finished:
            chunk = encode(chunk)
            self.set_header("Content-Type", _JSON)
        super().write(chunk)

    def _finish_at_once(self) -> asyncio.Future[None]:
        """Send the response, in one go if it has not begun and may have a body; by Tornado's steps otherwise.

        PERF: all in one function, for calls are half of what the steps cost (benchmarks/handlers.py).
        """
        status, lines = self._status_code, self._lines
        if (
            lines is None
            or self._headers_written
            or self._transforms
            or (status != 200 and (status < 200 or status in {204, 304}))
        ):
            return self._finish_by_steps()
        request = self.request
        body = b"".join(self._write_buffer)
        method = request.method
        if status == 200 and "Etag" not in lines and method in _HASHED:
            asked = request.headers
            is_conditional = not getattr(asked, "is_plain", False) and "If-None-Match" in asked
            if is_conditional or not self._plan.hashes_at_once:
                return self._finish_by_steps()
            # PERF: these two without a call of `line`.
            digest = hashlib.sha1(body).hexdigest()  # noqa: S324 - Tornado's choice, and no secret
            lines["Etag"] = f'Etag: "{digest}"\r\n'
        if "Content-Length" not in lines:
            lines["Content-Length"] = f"Content-Length: {len(body)}\r\n"
        elif header_of(self, "Content-Length") != str(len(body)):
            return self._finish_by_steps()
        self._headers_written = True
        sent: asyncio.Future[None] | None = None
        try:
            if hasattr(self, "_new_cookie"):
                self._add_cookies()
            else:
                send_whole = getattr(request.connection, "send_whole", None)  # our own server's connection has it
                if send_whole is not None:
                    sent = send_whole(status, self._reason, lines, b"" if method == "HEAD" else body)
            if sent is None:
                sent = self._send_by_steps(body)
            else:
                self._sent = sent
        except Exception:
            self._close_connection()  # the headers could not go out, so nothing else can
            raise
        self._write_buffer = []
        self.application.log_request(self)
        self._finished = True
        self.on_finish()  # a hook may have wrapped that of this handler alone
        self.ui = None  # its functions refer to the handler
        return sent

    def _finish_by_steps(self) -> asyncio.Future[None]:
        return self._sending(super().finish())

    def _send_by_steps(self, body: bytes) -> asyncio.Future[None]:
        connection: Any = self.request.connection
        connection.set_close_callback(None)  # or the connection would hold the handler until its next request
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
