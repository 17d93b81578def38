"""What a server knows of a connection: the peer's address, the scheme, and a stand-in for Tornado's stream.

Handlers reach it as ``request.connection.context`` and ``request.connection.stream``.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tornado.httpserver import _HTTPRequestContext
from tornado.ioloop import IOLoop

if TYPE_CHECKING:
    from tornadopy.server.protocol import ServerConnection


class ConnectionContext(_HTTPRequestContext):
    """The peer's address and the scheme, as far as is known; forwarding headers may replace them for a request.

    Args:
        transport: The connection's transport.
        protocol: The scheme, if it is not up to the connection.
        trusted_downstream: See Tornado's ``HTTPServer``.

    Attributes:
        host, host_line: The host that was asked last, and its field in the head, if that was the first.
    """

    request_id: str | None = None
    host = ""
    host_line = ""

    def __init__(
        self, transport: asyncio.BaseTransport, protocol: str | None, trusted_downstream: Sequence[str] | None
    ) -> None:
        # NOTE: Tornado's __init__ wants one of its streams; this sets the same attributes.
        self.address = transport.get_extra_info("peername")
        sock = transport.get_extra_info("socket")
        self.address_family = sock.family
        is_internet = self.address_family in {socket.AF_INET, socket.AF_INET6}
        self.remote_ip = self.address[0] if is_internet and self.address else "0.0.0.0"  # noqa: S104  # as Tornado says
        is_secure = transport.get_extra_info("ssl_object") is not None
        self.protocol = protocol or ("https" if is_secure else "http")
        self._orig_remote_ip = self.remote_ip
        self._orig_protocol = self.protocol
        self.trusted_downstream = set(trusted_downstream or ())


class ConnectionStream:
    """What handlers ask of Tornado's ``IOStream``: whether it is closed, its socket, to close it.

    Args:
        connection: The connection that it stands for.
    """

    def __init__(self, connection: ServerConnection) -> None:
        self._connection = connection
        self.io_loop = IOLoop.current()

    def closed(self) -> bool:
        """Whether the connection is closed, by either side."""
        return self._connection.is_closed

    def close(self) -> None:
        """Close the connection."""
        self._connection.abort()

    def write(self, data: bytes) -> asyncio.Future[None]:
        """Send *data* as it is, past the answer; for what `HTTPConnection` has no words for, such as a 1xx answer."""
        waiting = self._connection.send(data)
        if waiting is None:
            waiting = self._connection.loop.create_future()
            waiting.set_result(None)
        return waiting

    @property
    def socket(self) -> Any:
        """The socket; under TLS it has ``getpeercert`` too."""
        transport = self._connection.transport
        ssl_object, sock = transport.get_extra_info("ssl_object"), transport.get_extra_info("socket")
        return sock if ssl_object is None else SecureSocket(ssl_object, sock)

    def set_nodelay(self, value: bool) -> None:
        """Switch Nagle's algorithm off or on; event loops switch it off by themselves."""
        sock = self._connection.transport.get_extra_info("socket")
        if sock.family in {socket.AF_INET, socket.AF_INET6}:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, int(value))


class SecureSocket:
    """A socket and its TLS: ``getpeercert`` and the like first, then what any socket has."""

    def __init__(self, ssl_object: Any, sock: Any) -> None:
        self._ssl_object = ssl_object
        self._socket = sock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ssl_object if hasattr(self._ssl_object, name) else self._socket, name)
