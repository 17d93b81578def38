"""A connection: bytes in, requests one at a time, answers out.

Made by `tornadopy.server.http` for each connection that it accepts. It reads requests one by one and leaves what is in
them to others: heads to `heads`, the application to `incoming`, the answer to `exchange`. It is the loop's
``asyncio.Protocol``: there is no task for a connection.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from tornado.http1connection import HTTP1ConnectionParameters
from tornado.httputil import HTTPInputError
from tornado.iostream import IOStream
from tornado.log import gen_log

from tornadopy.server import clock
from tornadopy.server.context import ConnectionContext
from tornadopy.server.exchange import Exchange
from tornadopy.server.head import HEAD_END
from tornadopy.server.heads import Head, Heads, HeadTooLarge, without_empty_lines
from tornadopy.server.incoming import Incoming, serve_whole
from tornadopy.server.sender import Sender
from tornadopy.utils.escaping import escape_control

if TYPE_CHECKING:
    from tornadopy.server._llhttp import Body
    from tornadopy.server.http import HTTPServer

# What the next bytes are. A head is the false one.
_HEAD, _BODY, _LATER, _WASTE, _FOREIGN = range(5)

_IN_A_ROW = 16  # requests of one connection that are served before others get their turn
_MAX_BODY = 104_857_600  # bytes, as in Tornado
_BUFFERED = 65_536  # bytes of what comes later; with more, nothing is read


class ServerConnection(Sender):
    """One connection.

    Args:
        server: The server that has accepted it.

    Attributes:
        server: The server.
        parameters: Tornado's parameters of its connections.
        context: The peer's address and the scheme.
        incoming: The request in hand; one that has come whole is known by its answer alone.
    """

    __slots__ = (
        "_ahead",
        "_buffer",
        "_clock",
        "_heads",
        "_is_ending",
        "_is_head_coming",
        "_is_paused",
        "_max_head",
        "_next",
        "context",
        "incoming",
        "parameters",
        "server",
    )

    context: ConnectionContext
    _clock: clock.Clock

    def __init__(self, server: HTTPServer) -> None:
        super().__init__(asyncio.get_running_loop())
        self.server = server
        self.parameters: HTTP1ConnectionParameters = server.conn_params
        self._next = _HEAD
        self._buffer = b""
        self._heads = Heads(server.heads)
        self._max_head = self.parameters.max_header_size
        self._is_head_coming = False
        self._ahead = 0  # requests that may follow at once, before others get their turn
        self.incoming: Incoming | Exchange | None = None
        self._is_paused = False  # the client sends more than is wanted
        self._is_ending = False  # the answer is complete, but not flushed

    @property
    def max_body_size(self) -> int:
        """The most that a body may have where nothing else is said, in bytes."""
        return self.parameters.max_body_size or self.server.max_buffer_size or _MAX_BODY

    # The loop's calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection in."""
        super().connection_made(transport)
        server = self.server
        self.context = ConnectionContext(transport, server.protocol, server.trusted_downstream)
        self._clock = clock.Clock(self.loop, server.variables, self._expire)
        self._clock.set(server.idle_seconds)
        server.opened(self)

    def data_received(self, data: bytes) -> None:
        """Take in what has come."""
        end = 0 if self._next or self._buffer or self.is_closed else data.find(HEAD_END) + 4
        if not 5 <= end <= self._max_head:  # or incomplete, or empty lines
            self._buffer = self._buffer + data if self._buffer else data
            self.advance()
            return
        following = b""
        if end < len(data):
            data, self._buffer, self._ahead = data[:end], data[end:], _IN_A_ROW
            following = self._following()
        try:  # PERF: a whole head is the usual thing, and mostly there is nothing behind it
            self._start(self._heads.read(data, following))
        except HTTPInputError as error:
            self.refuse(error)
        if self._buffer:
            self.advance()
        self._ahead = 0

    def eof_received(self) -> bool:
        """Take note that the client sends nothing more, which means, as in Tornado, that it is gone."""
        self.is_closed = True
        self._clock.set(clock.FLUSH_SECONDS)
        self._drop()
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        """Take note that the connection has ended."""
        self.is_closed = True
        self._clock.stop()
        self._buffer = b""
        self.server.on_close(self)
        self._is_ending = False
        self.resume_writing()
        self._drop()
        if hasattr(self.transport, "_read_ready_cb"):
            # NOTE: asyncio's transport holds a method of its own, a circle that only the garbage collector would end.
            self.transport._read_ready_cb = None
        if self._next == _FOREIGN:
            del self.transport  # the request knows this connection as long as the other protocol lasts

    def all_flushed(self) -> None:
        """Go on, if an answer was waiting for that."""
        if self._is_ending and self.incoming is not None:
            self._is_ending = False
            self._end(self.incoming.exchange)

    # Reading

    def advance(self) -> None:
        """Read on, as far as something is wanted."""
        self._ahead = _IN_A_ROW
        while self._buffer and not self.is_closed:
            if self._next == _HEAD:
                if not self._read_head():
                    break
            elif self._next == _BODY:
                self._read_body()
            else:
                break
        self._ahead = 0
        if self._next == _WASTE:
            self._buffer = b""
        if self._is_paused is not (self._next == _LATER and len(self._buffer) > _BUFFERED):
            self._pause_or_resume()

    def _pause_or_resume(self) -> None:
        if self._next == _FOREIGN or self.transport.is_closing():
            return
        self._is_paused = not self._is_paused
        if self._is_paused:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def _read_head(self) -> bool:
        """Start the next request, if its head has come whole; return whether that is so."""
        buffer = self._buffer
        if buffer.startswith(b"\r\n"):
            buffer = self._buffer = without_empty_lines(buffer)  # RFC 9112 §2.2
        try:
            end = self._heads.find_end(buffer, self._max_head)
            if end:
                self._buffer = buffer[end:]
                self._is_head_coming = False
                self._start(self._heads.read(buffer[:end], self._following()))
                return True
            if not buffer:
                self._is_head_coming = False  # it was an empty line
            elif not self._is_head_coming:
                self._is_head_coming = True
                self._clock.set(min(clock.HEAD_SECONDS, self.server.idle_seconds))
        except HeadTooLarge as error:
            gen_log.info("Unsatisfiable read from %s: %s", self.context, error)
            self._answer_and_close(b"431 Request Header Fields Too Large")  # RFC 6585 §5
        except HTTPInputError as error:
            self.refuse(error)
        return False

    def _following(self) -> bytes:
        """Return what has come after a head, as far as a body may go that is served with it."""
        return b"" if self.server.serve is None else self._buffer[: self.max_body_size]

    def _start(self, head: Head) -> None:
        start_line, headers, is_persistent, body = head
        self._next = _LATER  # until the answer has been taken, whoever serves
        exchange = self.incoming = Exchange(self, start_line)
        if not is_persistent:
            exchange.be_last()
        if self.server.serve is not None and (body is None or isinstance(body, bytes)):
            if body is not None:
                self._buffer = self._buffer[len(body) :]
            serve_whole(self, exchange, start_line, headers, body)
            return
        self._clock.rest()
        incoming = self.incoming = Incoming(self, exchange, cast("Body | None", body), self.server.variables.copy())
        incoming.begin(start_line, headers)

    def _read_body(self) -> None:
        incoming = self.incoming
        if not isinstance(incoming, Incoming):
            return
        received, self._buffer = self._buffer, b""
        if incoming.exchange.body_timeout is None:
            self._clock.extend(len(received) / clock.BODY_RATE, clock.BODY_SECONDS)
        try:
            consumed = incoming.feed(received)
        except HTTPInputError as error:
            self.refuse(error)
            return
        self._buffer = received[consumed:]
        incoming.deliver()

    # What the request in hand wants

    def want_body(self, timeout: float | None = None) -> None:
        """Let the next bytes be the body's, which gets *timeout* seconds if it begins here."""
        if self.is_closed:
            return
        if timeout is not None:
            self._clock.set(timeout)
        elif self._next == _LATER and self.incoming is not None and self.incoming.exchange.body_timeout is None:
            self._clock.set(clock.BODY_SECONDS)
        self._next = _BODY

    def want_nothing(self) -> None:
        """Let what comes wait, while the application does."""
        self._next = _LATER
        if self.incoming is not None and self.incoming.exchange.body_timeout is None:
            self._clock.rest()

    def want_answer(self) -> None:
        """Let what comes wait for the answer."""
        if self._next != _WASTE:
            self._next = _LATER
        self._clock.rest()

    # Answers

    def send_last(self, exchange: Exchange, data: bytes) -> asyncio.Future[None] | None:
        """Send *data*, with which the answer in *exchange* is complete, and go on to the next request; see `send`."""
        transport = self.transport
        transport.write(data)
        if self._is_flushing or transport.is_closing() or self.incoming is None:
            waiting = self._flushed()
            self.end_exchange(exchange)
            return waiting
        self.incoming = None  # PERF: from here on what `_end` does, without its questions
        deadline = self.loop.time() + self.server.idle_seconds
        if self._clock.fires < deadline:
            self._clock.deadline = deadline
        else:
            self._clock.set(self.server.idle_seconds)
        if self._buffer:
            self._follow()
        else:
            self._next = _HEAD
        return None

    def end_exchange(self, exchange: Exchange) -> None:
        """Go on to the next request, or close; the answer in *exchange* is complete."""
        if self.is_closed or self.incoming is None or self.incoming.exchange is not exchange:
            return
        if exchange.held:
            self._next = _FOREIGN
            self.loop.call_soon(self._end_switching, exchange, context=self.server.variables)
        elif self._is_flushing:
            self._is_ending = True
            self._clock.rest()
        else:
            self._end(exchange)

    def _end_switching(self, exchange: Exchange) -> None:
        """Close the connection if the application has agreed to another protocol and not taken it over."""
        if not exchange.is_detached and not self.is_closed:
            self.send(exchange.held)
            self.hang_up()

    def _end(self, exchange: Exchange) -> None:
        if exchange.is_last:
            # The delegate may be in the midst of this request; it is told of the end afterwards.
            self.loop.call_soon(self.hang_up, context=self.server.variables)
            return
        self.incoming = None
        self._clock.set(self.server.idle_seconds)
        if self._buffer:
            self._follow()
        else:
            self._next = _HEAD

    def _follow(self) -> None:
        """Let the next request begin, which has come already."""
        if self._ahead:
            self._ahead -= 1
            self._next = _HEAD  # and `advance`, which has led here, reads on
        else:
            self.loop.call_soon(self._go_on, context=self.server.variables)

    def _go_on(self) -> None:
        if not self.is_closed:
            self._next = _HEAD
            self.advance()

    # The end

    def detach(self, held: bytes) -> IOStream:
        """Hand the connection over to a stream of Tornado's.

        Args:
            held: What the stream is to send first.
        """
        from tornadopy.server.handover import hand_over  # noqa: PLC0415 - most sites hand none over

        self._next, self.incoming = _FOREIGN, None
        self._clock.stop()
        received, self._buffer = self._buffer, b""
        is_closed, self.is_closed = self.is_closed, True
        if not is_closed:
            self.server.on_close(self)
        return hand_over(self.transport, received, held, self.server.max_buffer_size, self.parameters.chunk_size)

    def refuse(self, error: HTTPInputError) -> None:
        """Answer that the request is malformed, if there is no answer yet, and close the connection."""
        gen_log.info("Malformed HTTP message from %s: %s", self.context, escape_control(str(error)))
        self._answer_and_close(b"400 Bad Request")

    def _answer_and_close(self, status: bytes) -> None:
        if not self.is_closed and (self.incoming is None or not self.incoming.exchange.are_headers_written):
            self.send(b"HTTP/1.1 %b\r\n\r\n" % status)  # as Tornado's; its end is that of the connection
        self.hang_up(expects_more=True)

    def hang_up(self, *, expects_more: bool = False) -> None:
        """Close the connection once everything has been sent; what the client still sends is thrown away.

        If it were not read the system would reset the connection, and the client might never see the answer
        (RFC 9112 §9.6).

        Args:
            expects_more: Whether the client is sending something; True if the request in hand has not come whole.
        """
        if self.is_closed:
            return
        self.is_closed = True
        is_read = self.incoming is None or self.incoming.exchange.is_read
        expects_more = expects_more or bool(self._buffer) or not is_read
        self._next = _WASTE
        self._buffer = b""
        if expects_more and self.transport.can_write_eof():
            self._clock.set(clock.LINGER_SECONDS)
            self.transport.write_eof()
            self.advance()
        else:
            self._clock.set(clock.FLUSH_SECONDS)
            self.transport.close()
        self._drop()

    def abort(self) -> None:
        """Close the connection at once."""
        self.is_closed = True
        if self._next != _FOREIGN:
            self.transport.abort()

    def _drop(self) -> None:
        """Tell the request in hand, if there is one, that the connection is closed."""
        incoming, self.incoming = self.incoming, None
        if incoming is not None:
            incoming.be_closed()

    def _expire(self) -> None:
        if self.is_closed:
            self.transport.abort()
        elif self._next == _BODY or self.incoming is not None:
            gen_log.info("Timeout reading body from %s", self.context)
            self.abort()
        else:
            self.hang_up()
