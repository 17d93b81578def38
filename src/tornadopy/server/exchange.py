"""One request's answer: what the application sees of the connection, as Tornado's ``HTTPConnection``.

Made by `tornadopy.server.protocol` for each request; the framing of answers is Tornado's (RFC 9112 §6).
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from tornado.escape import native_str
from tornado.http1connection import HTTP1ConnectionParameters, parse_int
from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPOutputError,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.iostream import IOStream, StreamClosedError
from tornado.log import app_log

from tornadopy.server.context import ConnectionContext, ConnectionStream

if TYPE_CHECKING:
    from tornadopy.server.protocol import ServerConnection

SWITCHING_PROTOCOLS = 101
_WITHOUT_BODY = frozenset({204, 304})
_OK = "HTTP/1.1 200 OK"


class Exchange(HTTPConnection):
    """One request and its answer.

    Args:
        connection: The connection that the request came on.
        start_line: Its request line.

    Attributes:
        are_headers_written: Whether the answer has begun.
        is_finished: Whether the application has finished the answer.
        is_detached: Whether the application has taken the connection over.
        is_read: Whether the request has come whole, and the application has been told.
        held: The bytes of the answer that `detach` is to send.
    """

    # PERF: most answers change none of these.
    are_headers_written = False
    is_finished = False
    is_detached = False
    is_read = False
    held = b""
    close_callback: Callable[[], None] | None = None
    _max_body_size: int | None = None
    _body_timeout: float | None = None
    _pending_write: asyncio.Future[None] | None = None
    _is_persistent = True
    _is_chunking = False
    _expected: int | None = None  # bytes of the body that are still to be written, where that is known

    def __init__(self, connection: ServerConnection, start_line: RequestStartLine) -> None:
        self._connection = connection
        self._start_line = start_line
        self._disconnect_on_finish = connection.parameters.no_keep_alive

    def be_last(self) -> None:
        """Let the connection end with this answer: the client wants it, or may not be trusted to go on."""
        self._is_persistent = False
        self._disconnect_on_finish = True

    @property
    def context(self) -> ConnectionContext:
        """The peer's address and the scheme."""
        return self._connection.context

    @property
    def body_timeout(self) -> float | None:
        """What the whole body of the request gets, in seconds; None leaves it to the server."""
        timeout: float | None = self._body_timeout or self._connection.parameters.body_timeout
        return timeout

    @property
    def max_body_size(self) -> int:
        """The most that the body of the request may have, in bytes."""
        if self._max_body_size is not None:
            return self._max_body_size
        return self._connection.max_body_size

    @property
    def stream(self) -> ConnectionStream | None:
        """What there is of Tornado's stream; None once the connection is detached, as in Tornado."""
        return None if self.is_detached else ConnectionStream(self._connection)

    @property
    def params(self) -> HTTP1ConnectionParameters:
        """The server's parameters."""
        return self._connection.parameters

    @property
    def no_keep_alive(self) -> bool:
        """Whether the server closes each connection after one request."""
        return self._connection.parameters.no_keep_alive

    def set_close_callback(self, callback: Callable[[], None] | None) -> None:
        """Call *callback* if the client closes the connection after its request and before the whole answer."""
        self.close_callback = callback

    def set_body_timeout(self, timeout: float) -> None:
        """Give the body of this request *timeout* seconds to come."""
        self._body_timeout = timeout

    def set_max_body_size(self, max_body_size: int) -> None:
        """Take a body of at most *max_body_size* bytes for this request."""
        self._max_body_size = max_body_size

    def write_headers(
        self,
        start_line: RequestStartLine | ResponseStartLine,
        headers: HTTPHeaders,
        chunk: bytes | None = None,
    ) -> asyncio.Future[None]:
        """Send status line and headers, and the first piece of the body with them.

        Returns:
            What resolves when the bytes have been handed to the system.

        Raises:
            ValueError: There is a line break in a header.
        """
        _, code, reason = start_line
        status = int(code)
        self._frame(status, headers)
        head = _encode(status, reason, headers)
        self.are_headers_written = True
        if chunk:
            head += self._format(chunk)
        if status == SWITCHING_PROTOCOLS:
            # The other protocol may begin to write as soon as it has the connection; `detach` sends this before.
            self.held = head
            return self._connection.server.done
        return self._send(head)

    def send_whole(
        self, status: int, reason: str, lines: Mapping[str, str], body: bytes
    ) -> asyncio.Future[None] | None:
        """Send a whole answer; `write_headers` and `finish` in one go.

        Args:
            status: Its code.
            reason: What stands behind the code.
            lines: The headers by name, plain and with their line ends, ``Content-Length`` among them; without
                ``Server`` and ``Date``.
            body: The body; empty for a request that asks for the head alone.

        Returns:
            What resolves when the bytes have been handed to the system; None if nothing has been done, for the answer
            needs more than that.

        Raises:
            ValueError: There is a line break in the reason.
        """
        connection, stamp = self._connection, self._connection.server.stamp
        if (
            self._disconnect_on_finish
            or not self.is_read
            or connection.is_closed
            or (status != 200 and (status < 200 or status in _WITHOUT_BODY))
            or self._start_line[2] != "HTTP/1.1"
        ):
            return None
        # PERF: the usual answer; it saves a third of what the steps cost (benchmarks/http_server.py).
        first = _OK if status == 200 and reason == "OK" else _status_line(status, reason)
        now = time.time()
        if not stamp.since <= now < stamp.until:
            stamp.renew(now)
        head = f"{first}\r\n{stamp.text}{''.join(lines.values())}\r\n"
        self.are_headers_written = self.is_finished = True
        self.close_callback = None
        waiting = connection.send_last(self, head.encode("latin-1") + body)
        if waiting is None:
            return connection.server.done
        self._pending_write = waiting
        return waiting

    def _frame(self, status: int, headers: HTTPHeaders) -> None:
        """Decide how the body of the answer ends, and say so in *headers*."""
        method, _, version = self._start_line
        has_body = status >= 200 and status not in _WITHOUT_BODY and method != "HEAD"
        has_length = "Content-Length" in headers._as_list
        if version == "HTTP/1.1":
            self._is_chunking = has_body and not has_length
            if self._is_chunking:
                headers["Transfer-Encoding"] = "chunked"
            if self._disconnect_on_finish:
                headers["Connection"] = "close"
        elif has_body and not has_length:
            self._disconnect_on_finish = True  # nothing else tells a client of HTTP/1.0 where the body ends
        elif self._is_persistent and not self._disconnect_on_finish:
            headers["Connection"] = "Keep-Alive"
        if not has_body:
            self._expected = 0
        elif has_length:
            self._expected = parse_int(headers["Content-Length"])

    def write(self, chunk: bytes) -> asyncio.Future[None]:
        """Send a further piece of the body; see `write_headers`."""
        return self._send(self._format(chunk))

    def _format(self, chunk: bytes) -> bytes:
        if self._expected is not None:
            self._expected -= len(chunk)
            if self._expected < 0:
                self._connection.abort()  # before there are more errors of framing
                raise HTTPOutputError("Tried to write more data than Content-Length")
        if self._is_chunking and chunk:  # an empty one would be the last
            return b"%x\r\n%b\r\n" % (len(chunk), chunk)
        return chunk

    def _send(self, data: bytes) -> asyncio.Future[None]:
        connection = self._connection
        if self.is_detached or connection.is_closed:
            return _closed(connection.loop)
        waiting = connection.send(data) if data else None
        if waiting is None:
            return connection.server.done
        self._pending_write = waiting
        return waiting

    def finish(self) -> None:
        """Say that the answer is complete.

        Raises:
            HTTPOutputError: It is shorter than its ``Content-Length``; the connection is closed.
        """
        connection = self._connection
        if self._expected and not connection.is_closed:
            connection.abort()
            raise HTTPOutputError(f"Tried to write {self._expected} bytes less than Content-Length")
        if self._is_chunking:
            self._send(b"0\r\n\r\n")
        self.is_finished = True
        self.close_callback = None
        if not self.is_read:
            self._disconnect_on_finish = True  # as in Tornado: it would take long to read a body that nobody wants
        connection.end_exchange(self)

    @property
    def exchange(self) -> Exchange:
        """This; the connection asks its request in hand for it."""
        return self

    def be_closed(self) -> None:
        """Tell who waits for it that the connection is closed."""
        callback, self.close_callback = self.close_callback, None
        if callback is not None and not self.is_detached:
            try:
                callback()
            except Exception:
                app_log.error("Uncaught exception", exc_info=True)
                self._connection.abort()

    @property
    def may_continue(self) -> bool:
        """Whether the client may be told to send its body (RFC 9110 §10.1.1)."""
        return not self.are_headers_written and self._start_line.version == "HTTP/1.1"

    @property
    def is_last(self) -> bool:
        """Whether the connection is closed after this answer."""
        return self._disconnect_on_finish

    def close(self) -> None:
        """Close the connection."""
        self.close_callback = None
        self._connection.abort()

    def detach(self) -> IOStream:
        """Take the connection over: HTTP has ended on it, and what comes is the caller's.

        Returns:
            A stream of Tornado's, from which all can be read that has come after the request's head.
        """
        self.close_callback = None
        self.is_detached = True
        return self._connection.detach(self.held)


def _encode(status: int, reason: str, headers: HTTPHeaders) -> bytes:
    """Return the head of an answer.

    Raises:
        ValueError: There is a line break in a header.
    """
    # PERF: a third of the time of get_all() and native_str().
    try:
        lines = [name + ": " + value for name, values in headers._as_list.items() for value in values]
    except TypeError:
        lines = [f"{native_str(name)}: {native_str(value)}" for name, value in headers.get_all()]
    text = "\r\n".join([_status_line(status, reason), *lines, "", ""])
    breaks = len(lines) + 2
    if text.count("\n") != breaks or text.count("\r") != breaks:
        _refuse_breaks(lines)
    return text.encode("latin-1")


@functools.lru_cache(maxsize=128)
def _status_line(status: int, reason: str) -> str:
    line = f"HTTP/1.1 {status} {reason}"
    _refuse_breaks([line])
    return line


def _refuse_breaks(lines: list[str]) -> None:
    for line in lines:
        if "\r" in line or "\n" in line:
            raise ValueError(f"Illegal characters (CR or LF) in header: {line!r}")


def _closed(loop: asyncio.AbstractEventLoop) -> asyncio.Future[None]:
    future = loop.create_future()
    future.set_exception(StreamClosedError())
    future.exception()  # nobody need ask for it
    return future
