"""Hand a connection over to Tornado: a WebSocket, or whatever else the application detaches.

Called by `tornadopy.server.protocol`. A plain connection goes on as an ordinary `tornado.iostream.IOStream` on a
duplicate of the socket. TLS has its state in the transport, so there the transport stays, and the stream is one over
it.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any, cast

from tornado.ioloop import IOLoop
from tornado.iostream import IOStream

from tornadopy.server.context import SecureSocket

_BUFFERED = 65_536  # bytes that wait for the application; with more, nothing is read


def hand_over(
    transport: asyncio.Transport, received: bytes, held: bytes, max_buffer_size: int | None, chunk_size: int
) -> IOStream:
    """Return a stream that goes on where *transport* is.

    Args:
        transport: The connection.
        received: What has come on it and not been read; the stream's first bytes.
        held: What the stream sends before anything else.
        max_buffer_size: The most that the stream keeps, in bytes; None for Tornado's default.
        chunk_size: What it reads at once, in bytes.
    """
    options = {"max_buffer_size": max_buffer_size, "read_chunk_size": chunk_size}
    if transport.is_closing():
        stream: IOStream = TransportStream(transport, **options)
        stream.close()
        return stream
    if transport.get_extra_info("ssl_object") is not None or transport.get_write_buffer_size():
        stream = TransportStream(transport, **options)
    else:
        transport.pause_reading()
        sock = transport.get_extra_info("socket")
        stream = IOStream(socket.fromfd(sock.fileno(), sock.family, sock.type, sock.proto), **options)
        transport.abort()  # it closes its own descriptor; the connection lives on in the other
    stream._read_buffer += received
    stream._read_buffer_size += len(received)
    if held:
        stream.write(held)
    return stream


class TransportStream(IOStream):
    """Tornado's stream over a transport of asyncio's.

    Args:
        transport: The transport; its protocol is replaced.
        **options: Tornado's.
    """

    def __init__(self, transport: asyncio.Transport, **options: Any) -> None:
        self._transport = transport
        self._incoming = bytearray()
        self._has_ended = False
        self._is_paused = False
        self._is_flushing = bool(transport.get_write_buffer_size())
        ssl_object, sock = transport.get_extra_info("ssl_object"), transport.get_extra_info("socket")
        self._secure = SecureSocket(ssl_object, sock)
        super().__init__(cast("socket.socket", _Nonblocking(self._secure)), **options)
        transport.set_protocol(_StreamProtocol(self))
        if not transport.is_closing() and not transport.is_reading():
            transport.resume_reading()

    # What the protocol tells

    def receive(self, data: bytes) -> None:
        """Take in what has come."""
        self._incoming += data
        if self.reading() or (self._close_callback is not None and not self._read_buffer_size):
            self._run(self._handle_read)
        self._pause_or_resume()

    def end(self) -> None:
        """Take note that nothing more comes."""
        self._has_ended = True
        if not self._incoming:
            self.close()
        elif self.reading():
            self._run(self._handle_read)

    def set_flushing(self, *, is_flushing: bool) -> None:
        """Take note of whether the client takes what it is sent."""
        self._is_flushing = is_flushing
        if not is_flushing and not self.closed() and self._write_buffer:
            self.io_loop.add_callback(self._run, self._handle_write)  # the transport may say this in its `write`

    def _run(self, handle: Any) -> None:
        if not self.closed():
            try:
                handle()
            except Exception as error:
                self.close(exc_info=error)

    def _pause_or_resume(self) -> None:
        if self._is_paused is not (len(self._incoming) > _BUFFERED) and not self._transport.is_closing():
            self._is_paused = not self._is_paused
            if self._is_paused:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()

    # What Tornado's stream asks of a file descriptor

    def read_from_fd(self, buf: bytearray | memoryview) -> int | None:
        """Give what has come; None if nothing has, 0 at the end."""
        size = min(len(buf), len(self._incoming))
        if not size:
            return 0 if self._has_ended else None
        buf[:size] = self._incoming[:size]
        del self._incoming[:size]
        self._pause_or_resume()
        return size

    def write_to_fd(self, data: memoryview) -> int:
        """Hand *data* to the transport, unless that is full; return how many bytes it took."""
        if self._is_flushing:
            return 0
        self._transport.write(bytes(data))
        return len(data)

    def close_fd(self) -> None:
        """Close the transport once it has sent what it has taken."""
        self._transport.close()
        self.socket = None  # type: ignore[assignment]  # as Tornado does

    def get_fd_error(self) -> Exception | None:
        """Return nothing: errors come as the end of the connection."""
        return None

    def _add_io_state(self, state: int) -> None:
        # The protocol tells of everything; only what is there already has to be told again.
        if state & IOLoop.READ and (self._incoming or self._has_ended):
            self.io_loop.add_callback(self._run, self._handle_read)

    def set_nodelay(self, value: bool) -> None:
        """Do nothing: event loops switch Nagle's algorithm off by themselves."""


class _Nonblocking:
    """The socket of a transport, which is non-blocking already."""

    def __init__(self, sock: SecureSocket) -> None:
        self._socket = sock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)

    def setblocking(self, flag: bool) -> None:
        """Do nothing."""


class _StreamProtocol(asyncio.Protocol):
    def __init__(self, stream: TransportStream) -> None:
        self._stream = stream

    def data_received(self, data: bytes) -> None:
        self._stream.receive(data)

    def eof_received(self) -> bool:
        self._stream.end()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None and not self._stream.closed():
            self._stream.error = exc
        self._stream.end()

    def pause_writing(self) -> None:
        self._stream.set_flushing(is_flushing=True)

    def resume_writing(self) -> None:
        self._stream.set_flushing(is_flushing=False)
