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
