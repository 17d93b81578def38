"""Accept connections on a listening socket. Called by `tornadopy.server.http`, which makes something of them."""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Callable

from tornado.ioloop import IOLoop

_AT_ONCE = 64  # connections that are accepted before other events have their turn
_PAUSE = 1.0  # seconds without accepting when the process has no file descriptors left
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}

log = logging.getLogger("tornadopy.tracelog")


class Acceptor:
    """Accepts connections until it is stopped.

    Args:
        io_loop: Tornado's event loop, which closes the socket if it is itself closed with all that it watches.
        sock: The listening, non-blocking socket.
        welcome: Called with the socket of each connection and the peer's address.
    """

    def __init__(self, io_loop: IOLoop, sock: socket.socket, welcome: Callable[[socket.socket, object], None]) -> None:
        self._io_loop = io_loop
        self._socket = sock
        self._welcome = welcome
        self._pause: object | None = None
        if sock.family in {socket.AF_INET, socket.AF_INET6}:
            # PERF: the connections inherit it. asyncio sets it for sockets alone that name their protocol, as
            # `socket.create_server` does not; without it the second answer in a row waits for the client's delayed ACK.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._start()

    def stop(self) -> None:
        """Accept nothing more."""
        if self._pause is not None:
            self._io_loop.remove_timeout(self._pause)
        else:
            self._io_loop.remove_handler(self._socket)

    def _start(self) -> None:
        self._pause = None
        self._io_loop.add_handler(self._socket, self._accept, IOLoop.READ)

    def _accept(self, _socket: object, _events: int) -> None:
        for _ in range(_AT_ONCE):
            try:
                connection, address = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _EXHAUSTED:
                    raise
                self._wait(error)
                return
            connection.setblocking(False)
            self._welcome(connection, address)

    def _wait(self, error: OSError) -> None:
        # The socket stays readable: without a pause the loop would do nothing but fail.
        log.error("cannot accept connections (%s); trying again in %g s", error, _PAUSE)
        self._io_loop.remove_handler(self._socket)
        self._pause = self._io_loop.call_later(_PAUSE, self._start)
