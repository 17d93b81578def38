"""The HTTP server: it accepts connections, and has the interface of Tornado's.

Its own way begins where Tornado would make a stream: each connection becomes an asyncio transport, which
`tornadopy.server.protocol` reads. Chosen by ``HTTP_SERVER``, or used by hand as ``tornadopy.server.HTTPServer``.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterable
from contextvars import copy_context
from typing import Any, cast

from tornado.httpserver import HTTPServer as TornadoHTTPServer
from tornado.httputil import HTTPConnection, HTTPMessageDelegate, HTTPServerConnectionDelegate, HTTPServerRequest
from tornado.ioloop import IOLoop
from tornado.log import gen_log
from tornado.netutil import ssl_options_to_context
from tornado.routing import Router
from tornado.util import Configurable

from tornadopy.server import clock
from tornadopy.server._llhttp import HeadReader
from tornadopy.server.accepting import Acceptor
from tornadopy.server.choice import BACKLOG
from tornadopy.server.protocol import ServerConnection
from tornadopy.server.request import RoutedRequest
from tornadopy.utils.headerlines import Stamp

_LARGE_BLOCK = 8 << 20  # bytes
_ROUTING_METHODS = frozenset({"find_handler", "get_handler_delegate"})


class HTTPServer(TornadoHTTPServer):
    """An HTTP/1 server with the interface and the arguments of `tornado.httpserver.HTTPServer`, and a faster inside.

    Where no timeouts are given, connections that are idle, heads and bodies that come too slowly are closed.

    .. versionadded:: 2.0
    """

    def initialize(  # noqa: PLR0917  # Tornado's signature
        self,
        request_callback: HTTPServerConnectionDelegate | Callable[[HTTPServerRequest], None],
        no_keep_alive: bool = False,
        xheaders: bool = False,
        ssl_options: dict[str, Any] | ssl.SSLContext | None = None,
        protocol: str | None = None,
        decompress_request: bool = False,
        chunk_size: int | None = None,
        max_header_size: int | None = None,
        idle_connection_timeout: float | None = None,
        body_timeout: float | None = None,
        max_body_size: int | None = None,
        max_buffer_size: int | None = None,
        trusted_downstream: list[str] | None = None,
    ) -> None:
        """Take the arguments of Tornado's server; see there."""
        # NOTE: each by name, for Tornado does not keep whether a time-out was given.
        super().initialize(
            request_callback,
            no_keep_alive=no_keep_alive,
            xheaders=xheaders,
            ssl_options=ssl_options,
            protocol=protocol,
            decompress_request=decompress_request,
            chunk_size=chunk_size,
            max_header_size=max_header_size,
            idle_connection_timeout=idle_connection_timeout,
            body_timeout=body_timeout,
            max_body_size=max_body_size,
            max_buffer_size=max_buffer_size,
            trusted_downstream=trusted_downstream,
        )
        _keep_memory()
        self.stamp = Stamp()
        self.heads = HeadReader()
        self.idle_seconds = idle_connection_timeout or clock.IDLE_SECONDS
        self.variables = copy_context()
        self.done: asyncio.Future[None]  # PERF: one for all bytes that go out at once
        self._open: set[ServerConnection] = set()
        self._handshakes: set[asyncio.Task[Any]] = set()
        self._emptied: asyncio.Event | None = None
        self._makes_requests = (
            isinstance(request_callback, Router) and type(request_callback).start_request is Router.start_request
        )
        serves_whole = self._makes_requests and not self.xheaders and not self.conn_params.decompress
        self.serve: Any = _serve_of(request_callback) if serves_whole else None
        self._tls = ssl_options_to_context(self.ssl_options, server_side=True) if self.ssl_options else None

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        """Return what takes a request in; see Tornado's."""
        if not self._makes_requests or self.xheaders:
            return super().start_request(server_conn, request_conn)
        return RoutedRequest(cast("Router", self.request_callback), server_conn, request_conn)

    @staticmethod
    def new_event_loop() -> asyncio.AbstractEventLoop:
        """Return an event loop for a process that serves: uvloop's where it is installed, else asyncio's."""
        try:
            import uvloop  # noqa: PLC0415 - there is none for Windows
        except ImportError:
            return asyncio.new_event_loop()
        return cast("asyncio.AbstractEventLoop", uvloop.new_event_loop())

    @classmethod
    def configurable_base(cls) -> type[Configurable]:
        """Return this class: what Tornado's is configured to be does not concern it."""
        return HTTPServer

    @classmethod
    def configurable_default(cls) -> type[Configurable]:
        """Return this class."""
        return HTTPServer

    def listen(
        self,
        port: int,
        address: str | None = None,
        family: socket.AddressFamily = socket.AF_UNSPEC,
        backlog: int = BACKLOG,
        flags: int | None = None,
        reuse_port: bool = False,
    ) -> None:
        """Accept connections on a port; see Tornado's."""
        super().listen(port, address, family, backlog, flags, reuse_port)

    def bind(
        self,
        port: int,
        address: str | None = None,
        family: socket.AddressFamily = socket.AF_UNSPEC,
        backlog: int = BACKLOG,
        flags: int | None = None,
        reuse_port: bool = False,
    ) -> None:
        """Bind a port, for `start`; see Tornado's."""
        super().bind(port, address, family, backlog, flags, reuse_port)

    def add_sockets(self, sockets: Iterable[socket.socket]) -> None:
        """Accept connections on *sockets*, which listen already."""
        io_loop = IOLoop.current()
        self.variables = copy_context()
        for sock in sockets:
            sock.setblocking(False)
            self._sockets[sock.fileno()] = sock
            self._handlers[sock.fileno()] = Acceptor(io_loop, sock, self._welcome).stop

    def _welcome(self, connection: socket.socket, address: object) -> None:
        loop = asyncio.get_running_loop()
        # NOTE: asyncio makes a transport of a socket in a task; it ends when there is one, or when TLS is agreed on.
        task = loop.create_task(self._connect(loop, connection, address), context=self.variables.copy())
        self._handshakes.add(task)
        task.add_done_callback(self._handshakes.discard)

    async def _connect(self, loop: asyncio.AbstractEventLoop, connection: socket.socket, address: object) -> None:
        timeout = {"ssl_handshake_timeout": clock.HEAD_SECONDS} if self._tls is not None else {}
        try:
            await loop.connect_accepted_socket(lambda: ServerConnection(self), connection, ssl=self._tls, **timeout)
        except ssl.SSLError as error:
            gen_log.warning("SSL Error on %s: %s", address, error)
        except OSError:
            connection.close()  # the client is gone

    def opened(self, connection: ServerConnection) -> None:
        """Take note of a connection."""
        self._open.add(connection)
        if not hasattr(self, "done") or self.done.get_loop() is not connection.loop:
            self.done = connection.loop.create_future()
            self.done.set_result(None)

    def on_close(self, server_conn: object) -> None:
        """Take note that a connection is closed, or somebody else's."""
        self._open.discard(cast("ServerConnection", server_conn))
        if self._emptied is not None and not self._open:
            self._emptied.set()

    async def close_all_connections(self) -> None:
        """Close all connections; return when they are closed. WebSockets are not among them, as in Tornado."""
        await asyncio.sleep(0)  # a task that had not begun would leave its socket open
        if self._tls is not None:
            # NOTE: the others end by themselves; of a transport whose task is cancelled uvloop says nothing more.
            for task in list(self._handshakes):
                task.cancel()
        if self._handshakes:
            await asyncio.wait(list(self._handshakes))
        self._emptied = asyncio.Event()
        for connection in list(self._open):
            connection.abort()
        if self._open:
            await self._emptied.wait()


def _keep_memory() -> None:
    """Let the C library keep the memory of a large body for the next one.

    PERF: what is free at the end of the heap glibc hands back to the system, unless that is less than twice the largest
    block that was ever given back (mallopt(3), "dynamic mmap threshold"). New pages took half the time of an upload.
    This block is not touched, and so takes no memory itself.
    """
    bytes(_LARGE_BLOCK)


def _serve_of(router: object) -> Any:
    """Return the method of *router* that serves whole requests; None if a subclass has its own way to route them."""
    order = type(router).__mro__
    serving = next((each for each in order if "serve" in vars(each)), None)
    routing = next((each for each in order if vars(each).keys() & _ROUTING_METHODS), None)
    if serving is None or (routing is not None and not issubclass(serving, routing)):
        return None
    return getattr(router, "serve", None)
