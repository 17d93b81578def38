"""HTTP/1.1 and WebSocket as far as a client needs them that trusts nobody: reads answers, checks handshakes."""

from __future__ import annotations

import base64
import hashlib
import socket
from dataclasses import dataclass

ADDRESS = "127.0.0.1"
SOURCES = tuple(f"127.0.0.{number}" for number in range(2, 10))
"""Addresses of the clients' end, each of which has 28,000 ports. Not that of the server: a client may find itself
connected to itself when it tries a port, of the same address, on which nobody listens yet."""
RECEIVE = 1 << 18
TIMEOUT = 10.0

_KEY = base64.b64encode(b"0123456789abcdef")
_ACCEPT = base64.b64encode(hashlib.sha1(_KEY + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
HANDSHAKE = (
    b"GET /socket HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + _KEY + b"\r\n\r\n"
)


class WrongAnswerError(Exception):
    """A server has answered something else than it should have."""


@dataclass(frozen=True)
class Answer:
    """A whole answer.

    Attributes:
        status: Its code.
        headers: By names in lower case.
        body: Without its framing.
        end: Where it ends in what was received.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    end: int


def parse(received: bytes, start: int = 0) -> Answer | None:
    """Return the answer that begins at *start*, None if it is not complete.

    Raises:
        WrongAnswerError: It is no HTTP/1.1, or nothing says where it ends.
    """
    head_end = received.find(b"\r\n\r\n", start)
    if head_end < 0:
        return None
    status_line, *lines = received[start:head_end].decode("latin-1").split("\r\n")
    version, _, rest = status_line.partition(" ")
    code = rest[:3]
    if version != "HTTP/1.1" or not code.isdecimal():
        raise WrongAnswerError(f"no answer of HTTP/1.1: {received[start : start + 500]!r}")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body_start = head_end + 4
    if headers.get("transfer-encoding", "").lower() == "chunked":
        found = _chunks(received, body_start)
    elif code == "101":
        found = (b"", body_start)
    elif headers.get("content-length", "").isdecimal():
        end = body_start + int(headers["content-length"])
        found = (received[body_start:end], end) if len(received) >= end else None
    else:
        raise WrongAnswerError(f"nothing says where this answer ends: {received[start : start + 500]!r}")
    return None if found is None else Answer(int(code), headers, *found)


def _chunks(received: bytes, start: int) -> tuple[bytes, int] | None:
    """Return the body that is chunked from *start* on, and where it ends; None if it is not complete."""
    body = []
    while (line_end := received.find(b"\r\n", start)) >= 0:
        size = int(received[start:line_end].partition(b";")[0], 16)
        chunk_end = line_end + 2 + size
        if len(received) < chunk_end + 2:
            return None
        if not size:
            return b"".join(body), chunk_end + 2
        body.append(received[line_end + 2 : chunk_end])
        start = chunk_end + 2
    return None


class Connection:
    """A blocking connection for tests and handshakes.

    Args:
        port: Of the server.
        source: The address of this end.
    """

    def __init__(self, port: int, source: str = SOURCES[0]) -> None:
        self.socket = socket.create_connection((ADDRESS, port), TIMEOUT, source_address=(source, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""

    def ask(self, request: bytes, count: int = 1) -> list[Answer]:
        """Send *request*, which holds *count* of them, and return the answers."""
        self.socket.sendall(request)
        return [self._answer() for _ in range(count)]

    def _answer(self) -> Answer:
        while (answer := parse(self._received)) is None:
            self._receive()
        self._received = self._received[answer.end :]
        return answer

    def _receive(self) -> None:
        new = self.socket.recv(RECEIVE)
        if not new:
            raise WrongAnswerError(f"the server has closed the connection; received was {self._received[:500]!r}")
        self._received += new

    def upgrade(self) -> None:
        """Become a WebSocket.

        Raises:
            WrongAnswerError: The server does not accept that.
        """
        (answer,) = self.ask(HANDSHAKE)
        accept = answer.headers.get("sec-websocket-accept", "")
        if answer.status != 101 or accept != _ACCEPT.decode():
            raise WrongAnswerError(f"no handshake of a WebSocket: {answer}")

    def echo(self, message: bytes) -> None:
        """Send a text message of less than 126 bytes, and read it again.

        Raises:
            WrongAnswerError: Something else came back.
        """
        # A client masks its messages (RFC 6455 §5.3); the mask of zeros leaves them readable.
        self.socket.sendall(bytes((0x81, 0x80 | len(message))) + bytes(4) + message)
        expected = bytes((0x81, len(message))) + message
        while len(self._received) < len(expected):
            self._receive()
        if self._received != expected:
            raise WrongAnswerError(f"{expected!r} was expected from the WebSocket, not {self._received!r}")
        self._received = b""

    def is_silent(self) -> bool:
        """Return whether the connection is open, and nothing has come."""
        self.socket.setblocking(False)
        try:
            return bool(self.socket.recv(1, socket.MSG_PEEK))
        except BlockingIOError:
            return True
        finally:
            self.socket.settimeout(TIMEOUT)

    def close(self) -> None:
        """Close the connection."""
        self.socket.close()
