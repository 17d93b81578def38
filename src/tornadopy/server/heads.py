"""The heads of the requests of one connection: where one ends in what has come, and what it says.

Called by `tornadopy.server.protocol`.
"""

from __future__ import annotations

from tornado.httputil import HTTPInputError, RequestStartLine

from tornadopy.server._llhttp import Body, HeadReader
from tornadopy.server.head import HEAD_END, RequestHeaders, parse_request_line, refuse_bare_line_feed

Head = tuple[RequestStartLine, RequestHeaders, bool, Body | None]
"""What a head says: the request line, the fields, whether the connection may go on, and the body that follows."""


class HeadTooLarge(HTTPInputError):
    """The head is longer than ``max_header_size``."""


class Heads:
    """Finds and reads the heads of one connection.

    Args:
        reader: What judges them.
    """

    __slots__ = ("_last", "_reader", "_scanned")

    def __init__(self, reader: HeadReader) -> None:
        self._reader = reader
        self._scanned = 0  # bytes of an incomplete head that have been looked at
        # The last request without a body: its bytes, its first line, whether the connection might go on.
        self._last: tuple[bytes, RequestStartLine | None, bool] = (b"", None, False)

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

    def read(self, head: bytes) -> Head:
        """Return what *head* says.

        Raises:
            HTTPInputError: It is malformed.
        """
        line_end = head.index(b"\r\n")
        if not line_end:
            return self.read(head.lstrip(b"\r\n"))  # RFC 9112 §2.2
        fields = head[line_end:]
        headers = RequestHeaders(fields)
        # PERF: clients repeat themselves. The same bytes, approved once as a request without a body, mean the same.
        last, start_line, is_persistent = self._last
        if head == last and start_line is not None:
            return start_line, headers, is_persistent, None
        start_line = parse_request_line(head[:line_end])
        version = start_line[2]
        is_persistent, body = self._reader.read(fields, version, headers)
        if version == "HTTP/1.0" or start_line[0] == "CONNECT":
            is_persistent = is_persistent and _may_persist(start_line, headers)
        if body is None:
            self._last = head, start_line, is_persistent
        return start_line, headers, is_persistent, body


def _may_persist(start_line: RequestStartLine, headers: RequestHeaders) -> bool:
    if start_line.version == "HTTP/1.0":
        return start_line.method in {"GET", "HEAD"} or "Content-Length" in headers  # as in Tornado
    return start_line.method != "CONNECT"  # what follows might be meant for a tunnel
