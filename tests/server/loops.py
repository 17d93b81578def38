"""Run a test's coroutine on asyncio's loop or on uvloop's, with tornadopy's server in the same loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvloop

from tornadopy.server import HTTPServer

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
TIMEOUT = 10.0
CLOSE = "Connection: close\r\n"

loops = pytest.mark.parametrize("loop", list(LOOPS))


def run(loop: str, main: Coroutine[Any, Any, Any]) -> Any:
    """Run *main*; an error that nobody caught, in a callback or a task, fails the test."""
    complaints: list[dict[str, Any]] = []

    async def watched() -> Any:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, situation: complaints.append(situation))
        async with asyncio.timeout(TIMEOUT * 2):
            return await main

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        result = runner.run(watched())
    assert not complaints, complaints
    return result


@asynccontextmanager
async def listening(application: Any, **options: Any) -> AsyncIterator[tuple[HTTPServer, int]]:
    """Serve *application* on a free port; give the server and the port."""
    server = HTTPServer(application, **options)
    sock = socket.create_server(("127.0.0.1", 0))
    server.add_socket(sock)
    try:
        yield server, sock.getsockname()[1]
    finally:
        server.stop()
        await server.close_all_connections()


async def ask(port: int, sent: bytes, **options: Any) -> bytes:
    """Send *sent* on a connection of its own; return all that comes back until the server closes it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, **options)
    try:
        writer.write(sent)
        return await asyncio.wait_for(reader.read(), TIMEOUT)
    finally:
        writer.close()


def get(path: str, more: str = "") -> bytes:
    """Return a request for *path*, with the lines *more* in its head."""
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n{more}\r\n".encode()


def bodies(received: bytes) -> list[bytes]:
    """Return the bodies of the answers in *received*, each of which says its length."""
    found = []
    while received:
        top, _, received = received.partition(b"\r\n\r\n")
        length = int(top.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        found.append(received[:length])
        received = received[length:]
    return found
