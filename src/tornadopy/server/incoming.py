"""One request on its way to the application: the calls of its delegate, their errors and what they wait for.

Made by `tornadopy.server.protocol`, which brings the bytes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context
from typing import TYPE_CHECKING

from tornado.http1connection import _GzipMessageDelegate
from tornado.httputil import HTTPHeaders, HTTPInputError, HTTPMessageDelegate, RequestStartLine
from tornado.log import app_log

from tornadopy.server.exchange import Exchange
from tornadopy.server.request import HTTPServerRequest

if TYPE_CHECKING:
    from tornadopy.server._llhttp import Body
    from tornadopy.server.head import RequestHeaders
    from tornadopy.server.protocol import ServerConnection

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Incoming:
    """A request that comes in.

    Everything that the application does in the delegate's methods happens in the request's own context variables.

    Args:
        connection: The connection that it comes on.
        exchange: Its answer.
        body: Its body, if there is one.
        variables: The context variables.
    """

    # PERF: most requests change none of these.
    _delegate: HTTPMessageDelegate | None = None
    _content = b""  # of the body; what has come and has not been delivered
    _received = 0

    def __init__(self, connection: ServerConnection, exchange: Exchange, body: Body | None, variables: Context) -> None:
        self.exchange = exchange
        self.body = body
        self._connection = connection
        self._variables = variables

    def begin(self, start_line: RequestStartLine, headers: HTTPHeaders) -> None:
        """Hand the head to the application."""
        self._take(self._begin, start_line, headers)

    def _begin(self, start_line: RequestStartLine, headers: HTTPHeaders) -> None:
        connection, exchange = self._connection, self.exchange
        delegate = connection.server.start_request(connection, exchange)
        parameters = connection.parameters
        if parameters.decompress:
            delegate = _GzipMessageDelegate(delegate, parameters.chunk_size, exchange.max_body_size)
        self._delegate = delegate
        waiting = delegate.headers_received(start_line, headers)
        if waiting is not None:
            self._wait(waiting, lambda: self._headers_done(headers))
        elif self.body is None:  # PERF: the way of most requests
            self._complete()
        else:
            self._headers_done(headers)

    def begin_with(
        self, delegate: HTTPMessageDelegate, start_line: RequestStartLine, headers: HTTPHeaders, content: bytes
    ) -> None:
        """Hand a request to *delegate* that has been routed, and whose body is *content*, if it has one."""
        self._delegate = delegate
        self._content = content
        self._take(self._begin_with, start_line, headers)

    def _begin_with(self, start_line: RequestStartLine, headers: HTTPHeaders) -> None:
        delegate = self._delegate
        waiting = delegate.headers_received(start_line, headers) if delegate is not None else None
        if waiting is None:
            self._deliver_whole()
        else:
            self._wait(waiting, self._deliver_whole)

    def _deliver_whole(self) -> None:
        exchange = self.exchange
        if exchange.is_detached:
            return
        if len(self._content) > exchange.max_body_size:  # the application may have lowered it
            raise HTTPInputError("Content-Length too long")
        self._deliver()

    def _headers_done(self, headers: HTTPHeaders) -> None:
        exchange, body = self.exchange, self.body
        if exchange.is_detached:
            return
        if body is None:
            self._complete()
            return
        if body.length is not None and body.length > exchange.max_body_size:
            raise HTTPInputError("Content-Length too long")
        if exchange.may_continue and headers.get("Expect", "").lower() == "100-continue":
            self._connection.send(_CONTINUE)
        self._connection.want_body(exchange.body_timeout)

    def feed(self, received: bytes) -> int:
        """Take in what has come of the body; return how many bytes of *received* were the body's.

        Raises:
            HTTPInputError: This is no body, or it is too large.
        """
        body = self.body
        if body is None:
            return 0
        consumed = body.feed(received)
        self._content = body.take()
        self._received += len(self._content)
        if self._received > self.exchange.max_body_size:
            raise HTTPInputError("chunked body too large")
        return consumed

    def deliver(self) -> None:
        """Hand what has come of the body to the application."""
        self._take(self._deliver)

    def _deliver(self) -> None:
        # PERF: who only collects the body gets what has come as it is; to cut it means to copy it.
        collects = getattr(self._delegate, "collects", False)
        size = len(self._content) if collects else self._connection.parameters.chunk_size
        while self._content and self._delegate is not None and not self.exchange.is_finished:
            piece, self._content = self._content[:size], self._content[size:]
            waiting = self._delegate.data_received(piece)
            if waiting is not None:
                self._wait(waiting, self._deliver)
                return
        self._content = b""
        if self.body is None or self.body.is_complete:
            self._complete()
        else:
            self._connection.want_body()

    def _complete(self) -> None:
        exchange = self.exchange
        exchange.is_read = True
        self._connection.want_answer()
        delegate = self._delegate
        if delegate is not None and not exchange.is_finished:
            delegate.finish()
            self._delegate = None

    def be_closed(self) -> None:
        """Tell the application that the connection is closed, if it still has to do with it."""
        self._take(self._close)

    def _close(self) -> None:
        exchange = self.exchange
        if exchange.is_detached:
            return
        delegate, self._delegate = self._delegate, None
        if delegate is not None:
            delegate.on_connection_close()
        else:
            exchange.be_closed()

    # Steps of the application's

    def _take(self, step: Callable[..., None], *args: object) -> None:
        """Take a step among the request's context variables; if it fails, the connection ends."""
        try:
            self._variables.run(step, *args)
        except HTTPInputError as error:
            self._connection.refuse(error)
        except Exception:
            app_log.error("Uncaught exception", exc_info=True)
            self._connection.abort()

    def _wait(self, waiting: Awaitable[None], then: Callable[[], None]) -> None:
        self._connection.want_nothing()
        future = asyncio.ensure_future(waiting)
        future.add_done_callback(lambda done: self._resume(done, then), context=self._connection.server.variables)

    def _resume(self, done: asyncio.Future[None], then: Callable[[], None]) -> None:
        if done.cancelled():
            self._connection.abort()
            return
        self._take(self._go_on, done, then)
        self._connection.advance()

    def _go_on(self, done: asyncio.Future[None], then: Callable[[], None]) -> None:
        done.result()
        if not self._connection.is_closed:
            then()


def serve_whole(
    connection: ServerConnection,
    exchange: Exchange,
    start_line: RequestStartLine,
    headers: RequestHeaders,
    content: bytes | None,
) -> None:
    """Let the application serve a request, which has come whole, in one call.

    Args:
        connection: The connection that it came on.
        exchange: Its answer.
        start_line: Its request line.
        headers: Its header fields.
        content: Its body, if there is one.

    Raises:
        HTTPInputError: The request is malformed.
    """
    server = connection.server
    request = HTTPServerRequest(exchange, connection, start_line, headers)
    if content is not None:
        request.body = content
    exchange.is_read = True
    variables = server.variables.copy()
    try:
        delegate = variables.run(server.serve, request, variables)
    except Exception:
        app_log.error("Uncaught exception", exc_info=True)
        connection.abort()
        return
    if delegate is not None:
        exchange.is_read = False
        # NOTE: the delegate enters the request's variables by itself.
        incoming = Incoming(connection, exchange, None, variables.copy())
        connection.incoming = incoming
        incoming.begin_with(delegate, start_line, headers, request.body)
    elif not exchange.is_finished and not exchange.is_detached:
        connection.want_answer()
