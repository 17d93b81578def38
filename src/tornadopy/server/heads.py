"""The heads of the requests of one connection: where one ends in what has come, and what it says.

Called by `tornadopy.server.protocol`.
"""

from __future__ import annotations

from tornado.httputil import HTTPInputError, RequestStartLine

from tornadopy.server._llhttp import Body, HeadReader
from tornadopy.server.head import HEAD_END, RequestHeaders, parse_request_line, refuse_bare_line_feed

Head = tuple[RequestStartLine, RequestHeaders, bool, Body | bytes | None]
"""What a head says: the request line, the fields, whether the connection may go on, and the body that follows.

The body is bytes if it has come whole with its head.
"""


class HeadTooLarge(HTTPInputError):
    """The head is longer than ``max_header_size``."""


class Heads:
    """Finds and reads the heads of one connection.

    Args:
        reader: What judges them.
    """

    __slots__ = ("_fields", "_is_persistent", "_line", "_reader", "_scanned", "_start_line")

    def __init__(self, reader: HeadReader) -> None:
        self._reader = reader
        self._scanned = 0  # bytes of an incomplete head that have been looked at
        # The last request line; the fields of the last request without a body, and whether the connection might go on.
        self._line = b""
        self._start_line: RequestStartLine | None = None
        self._fields = b""
        self._is_persistent = False

    def find_end(self, received: bytes, limit: int) -> int:
        """Return how long the head at the beginning of *received* is, in bytes; 0 if it has not come whole.

        Raises:
            HeadTooLarge: It is longer than *limit*.
            HTTPInputError: It will never be well-formed.
        """
        found = received.find(HEAD_END, max(0, self._scanned - 3))
        end = found + len(HEAD_END) if found >= 0 else 0
        if (end or len(received)) > limit:
            raise HeadTooLarge("the head is longer than max_header_size")
        if end:
            self._scanned = 0
        else:
            refuse_bare_line_feed(received, self._scanned)
            self._scanned = len(received)
        return end

    def read(self, head: bytes, following: bytes = b"") -> Head:
        """Return what *head* says.

        Args:
            head: The head.
            following: What has come after it, as far as a body may be read with it.

        Raises:
            HTTPInputError: It is malformed.
        """
        line_end = head.index(b"\r\n")
        if not line_end:
            return self.read(without_empty_lines(head), following)  # RFC 9112 §2.2
        line, fields = head[:line_end], head[line_end:]
        headers = RequestHeaders(fields)
        start_line = self._start_line
        # PERF: clients repeat themselves. The same bytes, approved once, mean the same.
        if start_line is None or line != self._line:
            start_line = parse_request_line(line)
            self._line, self._start_line, self._fields = line, start_line, b""
        elif fields == self._fields:
            return start_line, headers, self._is_persistent, None
        version = start_line[2]
        is_persistent, body = self._reader.read(fields, version, headers, following)
        if version == "HTTP/1.0" or start_line[0] == "CONNECT":
            is_persistent = is_persistent and _may_persist(start_line, headers)
        if body is None:
            self._fields, self._is_persistent = fields, is_persistent
        return start_line, headers, is_persistent, body


def without_empty_lines(received: bytes) -> bytes:
    """Return *received* from its first line on that is not empty."""
    start = 0
    while received.startswith(b"\r\n", start):
        start += 2
    return received[start:]


def _may_persist(start_line: RequestStartLine, headers: RequestHeaders) -> bool:
    if start_line.version == "HTTP/1.0":
        return start_line.method in {"GET", "HEAD"} or "Content-Length" in headers  # as in Tornado
    return start_line.method != "CONNECT"  # what follows might be meant for a tunnel
