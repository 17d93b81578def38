"""The way out of a connection: bytes to the transport, and what waits until it has handed them to the system.

`tornadopy.server.protocol` builds on it; it knows nothing of requests.
"""

from __future__ import annotations

import asyncio
from typing import cast


class Sender(asyncio.Protocol):
    """A connection as far as it sends.

    Args:
        loop: The event loop.

    Attributes:
        loop: The event loop.
        transport: The transport.
        is_closed: Whether the connection is of no more use to the application.
    """

    __slots__ = ("_flushing", "_is_flushing", "is_closed", "loop", "transport")

    transport: asyncio.Transport

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.is_closed = False
        self._is_flushing = False  # the client takes less than there is
        self._flushing: list[asyncio.Future[None]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection in."""
        self.transport = cast("asyncio.Transport", transport)
        # The transport calls `pause_writing` if it cannot hand all to the system, `resume_writing` when it has done so.
        # NOTE: a plain one pauses above the limit, one of TLS at the limit.
        is_secure = transport.get_extra_info("ssl_object") is not None
        self.transport.set_write_buffer_limits(high=int(is_secure), low=0)

    def pause_writing(self) -> None:
        """Take note that the client does not take what it is sent."""
        self._is_flushing = True

    def resume_writing(self) -> None:
        """Take note that everything has been handed to the system."""
        self._is_flushing = False
        flushing, self._flushing = self._flushing, []
        for future in flushing:
            if not future.done():
                future.set_result(None)
        self.all_flushed()

    def all_flushed(self) -> None:
        """Do what was waiting for that."""

    def send(self, data: bytes) -> asyncio.Future[None] | None:
        """Send *data*.

        Returns:
            What resolves when it has been handed to the system; None if it has been already.
        """
        self.transport.write(data)
        return self._flushed()

    def _flushed(self) -> asyncio.Future[None] | None:
        if not self._is_flushing:
            if self.transport.is_closing():
                self.is_closed = True  # the client is gone; a handler that never waits is not to write for ever
            return None
        future = self.loop.create_future()
        self._flushing.append(future)
        return future
