"""Where a message ends: llhttp, through httptools, decides it; nothing in this package frames a message by itself.

llhttp runs on into the next request when it is given its bytes, and httptools does not say where it was. So it is never
given them: whole heads are read one by one, a body of known length gets no byte more than its length, and a chunked
body is cut behind each ``CRLF CRLF``, which is the only place where one can end. Whether it does end there is llhttp's
word alone. A head and a body that have come together are read together, where it is plain how long the body is; that
length is a guess, which counts if llhttp has one message end exactly there.

Called by `tornadopy.server.protocol`; knows neither sockets nor applications.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from tornado.httputil import HTTPInputError

from tornadopy.server.head import HEAD_END, RequestHeaders

_LINES = {version: b"POST / %b" % version.encode() for version in ("HTTP/1.0", "HTTP/1.1")}
_CODING = "\r\ntransfer-encoding:"
_EXPECTATION = "\r\nexpect:"
_CHUNK_OVERHEAD = 64  # bytes that may come with each chunk, as in Tornado
_FREE_OVERHEAD = 4096  # bytes that may come with them on top


class _Listener:
    """What llhttp has said about the messages that it has been fed.

    Attributes:
        begun: An entry for each message that has begun.
        is_complete: Whether the last one has come to its end.
        is_persistent: Whether the connection may go on after it.
    """

    parser: HttpRequestParser | None = None

    def __init__(self) -> None:
        self.begun: list[None] = []
        self.is_complete = False
        self.is_persistent = False
        self.on_message_begin: Callable[[], None] = partial(self.begun.append, None)

    def forget(self) -> None:
        """Take the next message for the first."""
        self.is_complete = False
        self.begun.clear()

    def check_that_one_has_begun(self) -> None:
        if len(self.begun) != 1:
            raise HTTPInputError("data after the end of the message")

    def on_message_complete(self) -> None:
        self.is_complete = True
        if self.parser is not None:
            self.is_persistent = self.parser.should_keep_alive()


class _ChunkListener(_Listener):
    """Count chunks, keep what is in them, and refuse trailers."""

    def __init__(self) -> None:
        super().__init__()
        self.chunks = 0
        self.pieces: list[bytes] = []
        self.on_body: Callable[[bytes], None] = self.pieces.append
        self._is_in_body = False

    def on_headers_complete(self) -> None:
        self._is_in_body = True

    def on_chunk_header(self) -> None:
        self.chunks += 1

    def on_header(self, _name: bytes, _value: bytes) -> None:
        if self._is_in_body:
            raise HTTPInputError("trailers are not supported")


class HeadReader:
    """Reads heads, one after the other, of any connection.

    PERF: one parser serves the heads of all connections; an idle connection holds none.
    """

    def __init__(self) -> None:
        self._listener = _Listener()
        self._spare: tuple[HttpRequestParser, _Listener] | None = None
        self._renew()

    def _renew(self) -> None:
        self._listener.parser = None  # no circle stays behind
        spare, self._spare = self._spare, None
        if spare is None:
            self._listener = _Listener()
            self._parser = HttpRequestParser(self._listener)
        else:
            self._parser, self._listener = spare
        self._listener.parser = self._parser

    def _take_back(self, parser: HttpRequestParser, listener: _Listener) -> None:
        """Keep a parser that has come to the end of a body. PERF: a new one costs more than a head."""
        listener.forget()
        self._spare = parser, listener

    def read(
        self, fields: bytes, version: str, headers: RequestHeaders, following: bytes = b""
    ) -> tuple[bool, Body | bytes | None]:
        """Judge a head.

        Args:
            fields: The lines of the header fields, from the end of the request line to the empty line.
            version: ``HTTP/1.0`` or ``HTTP/1.1``.
            headers: The same fields.
            following: What has come after them, if the body may be read with them.

        Returns:
            Whether the connection may persist, and the body that follows, if any; its bytes if all of them are there.

        Raises:
            HTTPInputError: The head is malformed.
        """
        if following:
            content = _content_in(following, headers)
            if content:
                is_persistent = self._read_whole(fields, version, content)
                if is_persistent is not None:
                    return is_persistent, content
        listener = self._listener
        listener.is_complete = False
        begun = listener.begun
        begun.clear()
        # NOTE: the request line is Tornado's affair; llhttp knows a fixed list of methods. None of them but CONNECT,
        # after which no connection goes on, has a say in where a message ends.
        line = _LINES[version]
        try:
            try:
                self._parser.feed_data(line + fields)
            except HttpParserUpgrade:
                # The client asks for another protocol. Until the application agrees this is HTTP (RFC 9110 §7.8), and
                # it may have a body, which llhttp would leave out.
                self._renew()
                listener, begun = self._listener, self._listener.begun
                self._parser.feed_data(line + _without_upgrade(fields))
            if len(begun) != 1:
                listener.check_that_one_has_begun()
        except HttpParserError as error:
            self._renew()
            raise HTTPInputError(str(error)) from error
        except HTTPInputError:
            self._renew()
            raise
        if listener.is_complete:
            if not listener.is_persistent:
                self._renew()  # llhttp takes nothing more after "Connection: close"
            return listener.is_persistent, None
        parser = self._parser
        self._renew()
        is_persistent = parser.should_keep_alive()
        body = _body(parser, listener, fields, version, headers)
        if is_persistent and body.length is not None:
            body.give_back = self._take_back
        return is_persistent, body

    def _read_whole(self, fields: bytes, version: str, content: bytes) -> bool | None:
        """Judge a head with its body.

        PERF: neither a second call of llhttp nor a `Body`; a POST of 1 KiB takes 7 % fewer instructions.

        Returns:
            Whether the connection may persist; None if this is not one message that ends where *content* does.
        """
        listener = self._listener
        listener.is_complete = False
        begun = listener.begun
        begun.clear()
        try:
            self._parser.feed_data(_LINES[version] + fields + content)
        except (HttpParserError, HttpParserUpgrade):
            self._renew()
            return None
        if len(begun) != 1 or not listener.is_complete:
            self._renew()
            return None
        if not listener.is_persistent:
            self._renew()
        return listener.is_persistent


class Body:
    """A body of a known length.

    Attributes:
        length: In bytes.
        is_complete: Whether it has come to its end.
        give_back: Takes the parser when it has.
    """

    is_complete = False
    give_back: Callable[[HttpRequestParser, _Listener], None] | None = None

    def __init__(self, parser: HttpRequestParser, listener: _Listener, length: int) -> None:
        self._parser = parser
        self._listener = listener
        self.length: int | None = length
        self._remaining = length
        self._pieces: list[bytes] = []

    def feed(self, received: bytes) -> int:
        """Take in a part of the body.

        Args:
            received: What has come; it may go on behind the body.

        Returns:
            How many bytes of it were the body's.

        Raises:
            HTTPInputError: This is no body.
        """
        piece = received if len(received) <= self._remaining else received[: self._remaining]
        self._remaining -= len(piece)
        _feed(self._parser, piece)
        self._listener.check_that_one_has_begun()
        self.is_complete = self._listener.is_complete
        if self.is_complete is not (self._remaining == 0):
            raise HTTPInputError("the length of the body is not what was said")
        self._pieces.append(piece)  # PERF: llhttp would copy it
        return len(piece)

    def take(self) -> bytes:
        """Return what has come of the content since this was asked last."""
        pieces = self._pieces
        content = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        if self.is_complete and self.give_back is not None:
            self.give_back(self._parser, self._listener)
            self.give_back = None
        return content


class ChunkedBody(Body):
    """A body in chunks."""

    _listener: _ChunkListener

    def __init__(self, fields: bytes) -> None:
        listener = _ChunkListener()
        parser = HttpRequestParser(listener)
        super().__init__(parser, listener, 0)
        self.length = None
        self._pieces = listener.pieces
        self._tail = b""  # the last three bytes of what has been fed
        self._fed = 0
        self._taken = 0
        _feed(parser, _LINES["HTTP/1.1"] + fields)

    def feed(self, received: bytes) -> int:
        """Take in a part of the body; see `Body.feed`."""
        position = 0
        while position < len(received) and not self.is_complete:
            end = self._next_cut(received, position)
            piece = received[position:end]
            _feed(self._parser, piece)
            self._listener.check_that_one_has_begun()
            self.is_complete = self._listener.is_complete
            self._tail = (self._tail + piece[-3:])[-3:]
            position = end
        self._fed += position
        self._check_overhead()
        return position

    def take(self) -> bytes:
        """Return what has come of the content since this was asked last."""
        content = super().take()
        self._taken += len(content)
        return content

    def _next_cut(self, received: bytes, position: int) -> int:
        """Return the first place after *position* where the message can end, or the end of *received*."""
        seam = self._tail + received[position : position + 3]
        found = seam.find(HEAD_END)
        if found >= 0:
            return position + found + len(HEAD_END) - len(self._tail)
        found = received.find(HEAD_END, position)
        return len(received) if found < 0 else found + len(HEAD_END)

    def _check_overhead(self) -> None:
        # SECURITY: nobody is to send extensions without end.
        content = self._taken + sum(map(len, self._pieces))
        if self._fed - content > _FREE_OVERHEAD + _CHUNK_OVERHEAD * self._listener.chunks:
            raise HTTPInputError("too much besides the content of the chunks")


def _content_in(following: bytes, headers: RequestHeaders) -> bytes:
    """Return what seems to be the body in *following*; nothing if it has not come whole, or is not that simple."""
    size = headers.plain_content_length()
    if size > len(following) or headers.have(_CODING) or headers.have(_EXPECTATION):
        return b""
    return following[:size]


def _body(parser: HttpRequestParser, listener: _Listener, fields: bytes, version: str, headers: RequestHeaders) -> Body:
    if not headers.have(_CODING):
        return Body(parser, listener, int(headers.get("Content-Length")))
    coding = headers["Transfer-Encoding"]
    if coding.lower() != "chunked":
        raise HTTPInputError(f"unsupported Transfer-Encoding {coding[:40]!r}")
    if version != "HTTP/1.1":
        raise HTTPInputError("Transfer-Encoding in a request of HTTP/1.0")  # RFC 9112 §6.1
    return ChunkedBody(_without_upgrade(fields))


def _without_upgrade(fields: bytes) -> bytes:
    return re.sub(rb"(?i)\r\nupgrade:[^\r]*(?=\r\n)", b"", fields)


def _feed(parser: HttpRequestParser, data: bytes) -> None:
    try:
        parser.feed_data(data)
    except HttpParserUpgrade:
        raise
    except HttpParserError as error:
        cause = error.__context__
        if isinstance(cause, HTTPInputError):
            raise HTTPInputError(*cause.args) from error
        raise HTTPInputError(str(error)) from error
