"""Serve an application on a real socket in a thread, and talk to it byte by byte.

    with serving(application) as site, site.connect() as client:
        response = client.get("/")

Every wait has a bound, so that a server that hangs fails a test and does not stop the run. A site that its event loop
has something to complain about (an exception in a callback, a task whose error nobody asked for) fails the test too.
"""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

from tornado.httputil import HTTPHeaders

from support.servers import server_class
from tornadopy.application import Application
from tornadopy.conf import Settings

TIMEOUT = 5.0
SECRET = "q8ZrT1xWm4LsYv7NcK2hBd9JfGp3Ae6U"

T = TypeVar("T")


def make_application(
    handlers: Any = None, *middlewares: Any, tornado: dict[str, Any] | None = None, **conf: Any
) -> Any:
    """Return an application with *middlewares*, Tornado's settings *tornado* and the settings *conf*."""
    values = {"TORNADO_CONF": {"cookie_secret": SECRET, **(tornado or {})}, "MIDDLEWARE_CLASSES": list(middlewares)}
    return Application(handlers, conf=Settings(**values, **conf))


def wait_for(condition: Callable[[], Any], what: str = "the condition", timeout: float = TIMEOUT) -> None:
    """Return as soon as *condition* holds; fail if it does not in time."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {timeout} s")
        time.sleep(0.001)


class ConnectionEnded(Exception):
    """The server closed the connection before a whole response had come."""


@dataclass
class Response:
    """A response as it came over the wire."""

    status: int
    reason: str
    headers: HTTPHeaders
    body: bytes
    chunks: list[bytes] = field(default_factory=list)


class Client:
    """One connection to a server; what it sends is what the test says."""

    def __init__(self, port: int, timeout: float = TIMEOUT) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self._received = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def send(self, raw: bytes) -> None:
        """Send *raw* as it is."""
        self.socket.sendall(raw)

    def request(self, method: str, target: str, body: bytes = b"", **headers: str) -> None:
        """Send a request; underscores in the names of *headers* stand for hyphens."""
        lines = [f"{method} {target} HTTP/1.1", "Host: 127.0.0.1"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    def get(self, target: str, **headers: str) -> Response:
        """Send a GET request and return its response."""
        return self.fetch("GET", target, **headers)

    def fetch(self, method: str, target: str, body: bytes = b"", **headers: str) -> Response:
        """Send a request and return its response."""
        self.request(method, target, body, **headers)
        return self.receive(method)

    def receive(self, method: str = "GET") -> Response:
        """Return the next response, which answers a request of *method*.

        Raises:
            ConnectionEnded: The connection was closed first.
            TimeoutError: Nothing came in time.
        """
        response = self.receive_head()
        length, coding = response.headers.get("Content-Length"), response.headers.get("Transfer-Encoding")
        if method == "HEAD" or response.status in {204, 304} or response.status < 200:
            return response
        if coding == "chunked":
            response.chunks = list(self._read_chunks())
            response.body = b"".join(response.chunks)
        elif length is not None:
            response.body = self.read(int(length))
        else:
            response.body = self.read_to_end()
        return response

    def receive_head(self) -> Response:
        """Return status and headers of the next response."""
        status_line = self._line()
        _version, status, reason = status_line.split(" ", 2)
        lines = []
        while line := self._line():
            lines.append(line)
        return Response(int(status), reason, HTTPHeaders.parse("\r\n".join(lines)), b"")

    def read(self, length: int) -> bytes:
        """Return exactly *length* bytes."""
        received = self._received.read(length)
        if len(received) < length:
            raise ConnectionEnded(f"after {len(received)} bytes of {length}")
        return received

    def read_to_end(self) -> bytes:
        """Return what comes until the server closes the connection."""
        return self._received.read()

    def is_closed(self) -> bool:
        """Wait for the server to close the connection; whether it did so without another byte."""
        try:
            return self._received.read(1) == b""
        except ConnectionError:
            return True

    def half_close(self) -> None:
        """Tell the server that nothing more will be sent."""
        self.socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close the connection."""
        self._received.close()
        self.socket.close()

    def reset(self) -> None:
        """Break the connection off, as a crashed client does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.close()

    def _line(self) -> str:
        line = self._received.readline()
        if not line.endswith(b"\n"):
            raise ConnectionEnded(f"in a line, after {line!r}")
        return line.decode("latin-1").rstrip("\r\n")

    def _read_chunks(self) -> Iterator[bytes]:
        while size := int(self._line(), 16):
            yield self.read(size)
            self.read(2)
        self.read(2)


class Site:
    """A running application."""

    def __init__(self, application: Any, **server_options: Any) -> None:
        self.application = application
        self.port = 0
        self.complaints: list[str] = []
        self._options = server_options
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def start(self) -> None:
        """Serve, in a thread of its own."""
        self._thread.start()
        assert self._ready.wait(TIMEOUT), "the server did not start"

    def stop(self) -> None:
        """Stop serving; fail if the event loop had something to complain about."""
        self.loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(TIMEOUT)
        assert not self._thread.is_alive(), "the server did not stop"
        assert not self.complaints, "\n".join(self.complaints)

    def connect(self) -> Client:
        """Open a connection."""
        return Client(self.port)

    def get(self, target: str, **headers: str) -> Response:
        """Send a GET request on a connection of its own."""
        return self.fetch("GET", target, **headers)

    def fetch(self, method: str, target: str, body: bytes = b"", **headers: str) -> Response:
        """Send a request on a connection of its own, and wait until the server is through with it."""
        with self.connect() as client:
            response = client.fetch(method, target, body, **headers)
        self.settle()
        return response

    def settle(self) -> None:
        """Wait until no request is running any more."""
        wait_for(lambda: not self.application.active, "the end of all requests")
        self.call(asyncio.sleep(0))

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run *work* in the server's event loop and return its result."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(TIMEOUT)

    async def _serve(self) -> None:
        gc.freeze()  # what was there before need not be looked at each time, and is a lot
        self.loop = asyncio.get_running_loop()
        self.loop.set_exception_handler(self._complain)
        self._stopping = asyncio.Event()
        server = server_class()(self.application, **self._options)
        listening = socket.create_server(("127.0.0.1", 0))
        listening.setblocking(False)
        self.port = listening.getsockname()[1]
        server.add_socket(listening)
        self._ready.set()
        await self._stopping.wait()
        server.stop()
        await server.close_all_connections()
        leftover = asyncio.all_tasks(self.loop) - {asyncio.current_task()}
        if leftover:
            _, stuck = await asyncio.wait(leftover, timeout=1.0)
            self.complaints += [f"still running: {task!r}" for task in stuck]
        gc.collect()  # a task that failed unseen complains when it goes
        gc.unfreeze()
        await asyncio.sleep(0)

    def _complain(self, _loop: object, situation: dict[str, Any]) -> None:
        self.complaints.append(f"{situation.get('message')}: {situation.get('exception')!r}")


@contextmanager
def serving(application: Any, **server_options: Any) -> Iterator[Site]:
    """Serve *application* on a free port for the length of the block; the options are those of Tornado's HTTPServer."""
    site = Site(application, **server_options)
    site.start()
    try:
        yield site
    except BaseException:
        site.complaints.clear()  # the test's own failure says more
        site.loop.call_soon_threadsafe(site._stopping.set)
        raise
    site.stop()
